"""Where a run's results come from: results/<run>/provenance.json.

Collected from what the run left behind, so it costs nothing while the run works: the parameters that papermill passed
to the notebooks and the durations that it noted, Snakemake's benchmark files, and the prepared data. Nothing dates the
file; what it says of seconds and memory differs from run to run, and nowhere else in the report do such numbers stand.
"""

import argparse
import csv
import importlib.metadata
import json
import platform
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import yaml

from lib import files, hardware, params, paths

READING = r"(11|9\d)_"
HASHED = ("index.csv", "images.npy", "excluded.csv")


def write(run: str) -> dict[str, Any]:
    """Collects the run's provenance, writes it, and returns it."""
    record = collect(run)
    files.write_json(paths.Paths(run).provenance, record)
    return record


def collect(run: str) -> dict[str, Any]:
    """Everything that the provenance page shows.

    Returns:
        code: version, commit, changed (True where files of the checkout differ from the commit; None outside git).
        parameters: a list of {key, value, comment, section, file_value} in the order of the run's file.
        experiments: {ID: a list as `parameters`}.
        data: a list of {file, bytes, sha256}.
        packages: {name: version} of Python and the packages that the project names.
        hardware: of the machine that collects.
        steps: a list of {step, seconds, training_seconds, memory_mb}; unknown numbers are None.
    """
    at = paths.Paths(run)
    passed = passed_parameters(at.notebooks)
    own = {}
    for path in params.files_of(run, params.RUNS) if (params.RUNS / f"{run}.yaml").is_file() else []:
        for entry in commented(path):  # of a variant the section is its run's
            own[entry["key"]] = own.get(entry["key"], {}) | entry | {"section": own.get(entry["key"], entry)["section"]}
    experiments = [path for path in sorted(params.EXPERIMENTS.glob("*.yaml")) if at.experiment(path.stem).is_dir()]
    return {
        "run": run,
        "code": code_version(paths.ROOT),
        "parameters": _with_passed(list(own.values()), passed),
        "experiments": {path.stem: commented(path) for path in experiments},
        "data": _data(at),
        "packages": package_versions(),
        "hardware": hardware.machine(),
        "steps": steps(at),
    }


def code_version(folder: Path) -> dict[str, Any]:
    """Version and commit of the checkout, by git; without git the version in pyproject.toml."""
    version = {"version": _project()["version"], "commit": None, "changed": None}
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return version
    described = _git(folder, "describe", "--tags", "--always", "--abbrev=10")
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return version | {"commit": commit, "described": described, "changed": bool(changed)}


def _project() -> dict[str, Any]:
    return tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def _git(folder: Path, *arguments: str) -> str | None:
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def commented(path: Path) -> list[dict[str, Any]]:
    """The entries of a parameter file with the comments that say where each value comes from.

    A comment stands behind the value, or on the lines above the key. The first comment line after an empty line names
    a section where it is followed by another comment or where the key has a comment behind its value. Each entry is
    {key, value, comment, section}.
    """
    text = path.read_text(encoding="utf-8")
    lines, values = text.splitlines(), params.parse_yaml(text)
    entries, section = [], ""
    for key, value in yaml.compose(text).value:
        last = lines[value.end_mark.line] if value.end_mark.line < len(lines) else ""
        rest = last[value.end_mark.column :].strip() if value.end_mark.column else ""
        behind = [rest.lstrip("# ")] if rest.startswith("#") else []
        first = key.start_mark.line
        while first and lines[first - 1].startswith("#"):
            first -= 1
        above = [line.lstrip("# ").rstrip() for line in lines[first : key.start_mark.line]]
        if above and first and not lines[first - 1].strip() and (behind or len(above) > 1):
            section, *above = above
        comment = " ".join([*above, *behind])
        entries.append({"key": key.value, "value": values[key.value], "comment": comment, "section": section})
    return entries


def passed_parameters(notebooks: Path) -> dict[str, list[Any]]:
    """Each value that papermill passed for a parameter to any of the run's notebooks, once each.

    What a row's own file sets is no value of the run, and what a search's trial has drawn neither.
    """
    passed: dict[str, list[Any]] = {}
    for path in sorted(path for path in notebooks.glob("[!.]*.ipynb") if params.TRIAL not in path.stem):
        given = _record(_notebook(path)).get("parameters", {})
        row = given.get("experiment", "")
        own = params.of_row(row) if (params.EXPERIMENTS / f"{row}.yaml").is_file() else {}
        for key, value in given.items():
            if key not in own and value not in passed.setdefault(key, []):
                passed[key].append(value)
    return {key: values for key, values in passed.items() if key not in params.EXPERIMENT_KEYS}


def _with_passed(entries: list[dict[str, Any]], passed: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The file's entries with the values that the notebooks got, and the file's own where these differ; then others."""
    known = {entry["key"] for entry in entries}
    others = [{"key": key, "comment": "", "section": ""} for key in sorted(set(passed) - known)]
    for entry in entries + others:
        own = [entry["value"]] if "value" in entry else None
        used = passed.get(entry["key"], own)
        entry["file_value"] = entry["value"] if own and used != own else None
        entry["value"] = used[0] if len(used) == 1 else " / ".join(map(str, used))
    return entries + others


def _notebook(path: Path) -> dict[str, Any]:
    """An executed notebook; empty where the file cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _record(part: dict[str, Any]) -> dict[str, Any]:
    """What papermill noted of an executed notebook or of one of its cells."""
    return part.get("metadata", {}).get("papermill", {})


def _data(at: paths.Paths) -> list[dict[str, Any]]:
    found = []
    for path in (folder / name for folder in (at.covidx, at.ham10000) for name in HASHED):
        if path.is_file():
            name = path.relative_to(paths.ROOT).as_posix()
            found.append({"file": name, "bytes": path.stat().st_size, "sha256": files.sha256(path)})
    return found


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that pyproject.toml names, as installed."""
    versions = {"python": platform.python_version()}
    for requirement in _project()["dependencies"]:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def steps(at: paths.Paths) -> list[dict[str, Any]]:
    """Seconds and memory of each notebook: Snakemake's benchmark file of the same name, else papermill's duration.

    Training is what papermill noted for the cells tagged `training`. Of a benchmark's columns, `s` are seconds and
    `max_rss` MB; its `cpu_time` is left out: sampled twice a minute, it misses much of short steps. Notebooks that only
    read results run beside the one that collects this, or after it, and are left out.
    """
    measured = {path.stem: benchmark(path) for path in (at.results / "benchmarks").rglob("*.tsv")}
    noted = {path.stem: _notebook(path) for path in at.notebooks.glob("[!.]*.ipynb")}
    found = []
    for name in sorted({*measured, *noted}):
        if re.match(READING, name):
            continue
        numbers, notebook = measured.get(name, {}), noted.get(name, {})
        cells = [cell for cell in notebook.get("cells", []) if "training" in cell["metadata"].get("tags", [])]
        training = sum(_record(cell).get("duration") or 0 for cell in cells)
        seconds = numbers.get("s") or _record(notebook).get("duration")
        found.append(
            {
                "step": name,
                "seconds": None if seconds is None else round(float(seconds), 1),
                "training_seconds": round(float(training), 1),
                "memory_mb": numbers.get("max_rss"),
            }
        )
    return found


def benchmark(path: Path) -> dict[str, float]:
    """The numbers of a benchmark's last line; Snakemake writes NA or - for what it could not sample."""
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
    except (OSError, ValueError, csv.Error):  # damaged: not measured
        rows = []
    last = rows[-1] if rows else {}
    return {key: float(text) for key, text in last.items() if re.fullmatch(r"[\d.e+-]*\d", text or "")}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workflow.provenance", description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="demo", help="name of the run (params/runs/<run>.yaml)")
    write(run := parser.parse_args().run)
    print(f"wrote {paths.show(paths.Paths(run).provenance)}")


if __name__ == "__main__":
    main()
