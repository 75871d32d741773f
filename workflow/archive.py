"""`make archive` puts a finished run into one zip that others can read and check; `make verify` checks such a zip.

python -m workflow.archive --run demo
python -m workflow.archive --verify results/demo/demo.zip

The zip is an RO-Crate of the Workflow Run Crate profile: its parameters, executed notebooks, results, figures and
provenance, with the SHA-256 of each in `manifest-sha256.txt`, as `sha256sum -c` reads it. Two archives of equal runs
are equal byte for byte: what differs each time, such as seconds and dates, is left out. So are pictures of patients, in
whatever form, and the networks, which are too large.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from filelock import FileLock, Timeout
from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from lib import files, params
from lib.evaluation import bootstrap, runs, standing, table1
from lib.evaluation.runs import SCORES
from lib.paths import Paths, show
from workflow.provenance import package_versions

METADATA, MANIFEST = "ro-crate-metadata.json", "manifest-sha256.txt"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
PROJECT = ("LICENSE", "CITATION.cff", "README.md", "requirements.lock", "workflow/Snakefile", "params/**/*.yaml")
RESULTS = (
    "*.csv",
    "table1.*",
    "audit/*",
    "explanations/*.csv",
    "studies/*.csv",
    "experiments/*/*.csv",
    "experiments/*/*.json",
)
SHOW_IMAGES = ("figure_1", "figure_5", "gallery")
"""Figures that show images of the data set."""
TIMED = re.compile(r"(11|92)_")
"""Notebooks that tell seconds, or name the run beside others'."""
NO_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
TYPES = {bool: "Boolean", int: "Integer", float: "Float"}
KINDS = {
    **{".csv": "text/csv", ".json": "application/json", ".ipynb": "application/x-ipynb+json"},
    **{".md": "text/markdown", ".html": "text/html", ".tex": "text/x-tex", ".yaml": "application/yaml"},
    **{".png": "image/png", ".pdf": "application/pdf"},
}
ROUNDING = 1e-9  # percentage points by which scores may differ, since other processors round otherwise


class Unverified(ValueError):
    """An archive is not what it says it is; the message says where."""


def pack(run: str) -> Path:
    """Writes the archive of a finished run, `results/<run>/<run>.zip`.

    Raises:
        ValueError: the run is not finished.
        lib.files.Damaged: a file of it is not as it was written.
    """
    at = Paths(run)
    for path in (at.provenance, at.table1, at.claims, at.covidx / "index.csv", at.covidx / "settings.json"):
        if not path.is_file():
            raise ValueError(f"run {run} is not finished: {show(path)} is missing; `make reproduce RUN={run}` ends it")
    places = _places(at)
    inside = {name: _without(places, content) for name, content in sorted(_contents(at))}
    inside[METADATA] = _described(at, inside)
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in inside.items())
    inside[MANIFEST] = "".join(lines).encode()
    target = at.results / f"{run}.zip"
    with files.replacing(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in inside.items():
            entry = zipfile.ZipInfo(name, NO_DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return target


def _contents(at: Paths) -> Iterator[tuple[str, bytes]]:
    """Name in the archive and bytes of every file but those that describe the others."""
    phantoms = standing.read_standing(at).phantoms
    for pattern in PROJECT:
        for path in sorted(at.root.glob(pattern)):
            yield _name(at, path), path.read_bytes()
    found = {path for pattern in RESULTS for path in at.results.glob(pattern)} | set(at.figures.glob("[!.]*.*"))
    for path in sorted(found | {at.covidx / "settings.json"}):
        if path.name.startswith(SHOW_IMAGES) and not phantoms:
            continue
        content = files.check(path).read_bytes()
        if path.name == "metrics.json":
            content = _json({key: value for key, value in json.loads(content).items() if key != "seconds"})
        yield _name(at, path), content
    for path in sorted(at.notebooks.glob("[!.]*.ipynb")):
        if not TIMED.match(path.name) and not path.name.endswith(".failed.ipynb"):
            yield _name(at, path), _notebook(files.check(path))
    index = runs.read_index(at)  # of the images only whose they are, what they show, and which split has them
    yield _name(at, at.covidx / "index.csv"), index.to_csv(index=False, lineterminator="\n").encode()
    record = files.read_json(at.provenance)
    record["steps"] = [step["step"] for step in record["steps"]]
    yield _name(at, at.provenance), _json(record)


def _places(at: Paths) -> dict[bytes, bytes]:
    """Folders and files of this machine that the run was given, and the project's own, with what stands for them."""
    given = {entry["key"]: entry["value"] for entry in files.read_json(at.provenance)["parameters"]}
    found = {str(at.root): "."}
    for key, words in params.NO_FILES.items():
        if key in given and str(given[key]) not in words:
            found[str(given[key])] = Path(str(given[key])).name
    return {place.encode(): name.encode() for place, name in sorted(found.items(), reverse=True)}  # inner ones first


def _without(places: dict[bytes, bytes], content: bytes) -> bytes:
    """A file's bytes without places of this machine, if it is text."""
    if not content.startswith((b"\x89PNG", b"%PDF")):
        for place, name in places.items():
            content = content.replace(place, name)
    return content


def _name(at: Paths, path: Path) -> str:
    """Of a file, in the archive."""
    return path.relative_to(at.root).as_posix()


def _notebook(path: Path) -> bytes:
    """An executed notebook without times, progress bars, pictures, addresses in memory and random names."""
    node = nbformat.read(path, as_version=4)
    node.metadata.pop("papermill", None)
    for cell in node.cells:
        for name in ("papermill", "execution"):
            cell.metadata.pop(name, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"  # papermill draws one
        outputs = [output for output in cell.get("outputs", []) if output.get("name") != "stderr"]
        for output in outputs:
            data = output.get("data", {})
            for kind in list(data):
                if kind.startswith("image/") or (kind == "text/plain" and len(data) > 1):
                    del data[kind]
        if "outputs" in cell:
            cell.outputs = outputs
    tables = {}  # pandas draws an id for those that are given none
    text = re.sub(
        r"T_[0-9a-f]{5}(?![0-9a-z])", lambda it: tables.setdefault(it[0], f"T_{len(tables)}"), nbformat.writes(node)
    )
    return text.encode()


def _described(at: Paths, inside: dict[str, bytes]) -> bytes:
    """ro-crate-metadata.json: the workflow, the parameters of this run of it, and its files."""
    record = json.loads(inside[_name(at, at.provenance)])
    project = tomllib.loads((at.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    data = standing.read_standing(at).data
    crate = ROCrate(version="1.1")  # which the profiles build on

    def context(identifier: str, kind: str, **properties: Any) -> ContextEntity:
        return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))

    crate.name = f"Run {at.run} of {project['name']} {record['code']['version']}"
    crate.description = f"{project['description']}. One run, on {data}. Research software, not a medical device."
    licence = context("https://spdx.org/licenses/MIT", "CreativeWork", name="MIT License")
    crate.license = licence
    workflow = crate.add_workflow(dest_path="workflow/Snakefile", main=True, lang="snakemake")
    workflow["name"], workflow["license"] = "From the sources' images to every table and figure", licence
    workflow["version"] = record["code"]["version"]
    taken, given = [], []
    for entry in record["parameters"]:
        key, value = entry["key"], entry["value"]
        about = {"name": key, "additionalType": TYPES.get(type(value), "Text")}
        about |= {"description": entry["comment"]} if entry["comment"] else {}
        taken.append(context(f"#parameter-{key}", "FormalParameter", **about))
        text = value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
        given.append(context(f"#value-{key}", "PropertyValue", name=key, value=text, exampleOfWork=taken[-1]))
    made = []
    for name, content in inside.items():
        if name != "workflow/Snakefile":
            about = {"name": name, "encodingFormat": KINDS.get(Path(name).suffix, "text/plain")}
            entity = crate.add_file(dest_path=name, properties=about | {"contentSize": str(len(content))})
            made += [entity] * name.startswith(("results/", "figures/"))
    workflow["input"] = taken
    workflow["output"] = table = context("#table-1", "FormalParameter", name="table1", additionalType="File")
    for entity in made:
        if entity.id == _name(at, at.table1):
            entity["exampleOfWork"] = table
    about = {"name": f"run {at.run}", "instrument": workflow, "object": given, "result": made}
    run = context("#run", "CreateAction", **about)
    crate.root_dataset["mentions"] = run
    profiles = [context(url, "CreativeWork", name=name, version=of) for url, (name, of) in PROFILES.items()]
    crate.root_dataset["conformsTo"] = profiles
    citation = params.parse_yaml((at.root / "CITATION.cff").read_text(encoding="utf-8"))
    crate.datePublished = str(citation["date-released"])  # that of the version: a run has no date of its own
    return _json(crate.metadata.generate())


def verify(path: Path) -> list[str]:
    """Checks an archive; what it finds to be right, in sentences.

    Every file must have its hash and none may be there unlisted; Table 1 must follow from the predictions.

    Raises:
        Unverified: it is no such archive, or something in it is not as it was written.
    """
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            names = archive.namelist()
            if MANIFEST not in names or METADATA not in names:
                raise Unverified(f"{path}: no archive of a run; {MANIFEST} and {METADATA} are expected in it")
            said = [_hashes(path, {name: archive.read(name) for name in names})]
            archive.extractall(folder)  # after the hashes; it keeps names inside the folder
            found = sorted(Path(folder).glob("results/*/provenance.json"))
            if len(found) != 1:
                raise Unverified(f"{path}: found {len(found)} files results/<run>/provenance.json in it; expected one")
            at, record = Paths(found[0].parent.name, root=Path(folder)), files.read_json(found[0])
            return [*said, _table_1(path, at, record), _versions(record)]
    except Unverified:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unverified(f"{path}: what it holds is not what a run leaves ({error!r})") from error
    except (OSError, zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:  # RuntimeError: encrypted
        raise Unverified(f"{path}: cannot be read ({error}); expected a zip that `make archive` wrote") from error


def _hashes(path: Path, inside: dict[str, bytes]) -> str:
    lines = inside[MANIFEST].decode("utf-8", "replace").splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {name: hashlib.sha256(content).hexdigest() for name, content in inside.items() if name != MANIFEST}
    wrong = {"not listed": found.keys() - listed.keys(), "missing": listed.keys() - found.keys()}
    wrong["changed"] = {name for name in found.keys() & listed.keys() if found[name] != listed[name]}
    said = [f"{name} ({what})" for what, names in wrong.items() for name in sorted(names)]
    if said or len(lines) != len(listed):
        raise Unverified(f"{path}: not as it was written: {', '.join(said) or f'a name twice in {MANIFEST}'}")
    return f"All {len(found)} files have the SHA-256 that {MANIFEST} lists."


def _table_1(path: Path, at: Paths, record: dict[str, Any]) -> str:
    """Table 1's scores, intervals and numbers of patients, computed anew from the archive's predictions."""
    used = {entry["key"]: entry["value"] for entry in record["parameters"]}
    rows = runs.read_rows(at, used["experiments"], used["seeds"])
    draws = bootstrap.Resampler(used["bootstrap_samples"])
    baselines, data = runs.baseline_rows(at, rows), standing.read_standing(at)
    again = table1.make_ledger(rows, baselines, used["experiments"], standing=data, draws=draws)
    there = table1.read_ledger(at.table1)
    columns = [f"{score}{part}" for score in SCORES for part in ("", "_low", "_high", "_patients", "_mean", "_std")]
    if there["id"].tolist() != again["id"].tolist():
        raise Unverified(f"{path}: Table 1 has rows {', '.join(there['id'])}, its predictions {', '.join(again['id'])}")
    ours, theirs = (table[columns].to_numpy(float, na_value=np.nan) for table in (again, there))
    unequal = ~np.isclose(ours, theirs, rtol=0, atol=ROUNDING, equal_nan=True)
    if unequal.any():
        cells = [f"{there['id'][row]} {columns[column]}" for row, column in np.argwhere(unequal)]
        raise Unverified(f"{path}: Table 1 does not follow from the predictions: {', '.join(cells[:12])}")
    return f"Table 1 follows from the predictions: {len(rows)} rows, {len(baselines)} baselines."


def _versions(record: dict[str, Any]) -> str:
    """Which packages it was made with, where they are not those installed here."""
    here = package_versions()
    other = [f"{name} {of} ({here[name]} here)" for name, of in record["packages"].items() if here.get(name, of) != of]
    made = f"Made by version {record['code']['version']}, commit {record['code']['commit'] or 'unknown'}"
    return f"{made}, with " + (", ".join(other) if other else "the packages that are installed here") + "."


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workflow.archive", description=__doc__.splitlines()[0])
    parser.add_argument("--run", default=os.environ.get("RUN") or "demo", help="name of the run (of params/runs/)")
    given = {"nargs": "?", "const": os.environ.get("ARCHIVE", ""), "metavar": "ARCHIVE"}
    parser.add_argument("--verify", help="check an archive instead, that of $ARCHIVE unless named", **given)
    asked = parser.parse_args()
    try:
        if asked.verify is not None:
            if not asked.verify:
                raise Unverified("ARCHIVE: found nothing; expected a zip, such as ARCHIVE=results/demo/demo.zip")
            print("\n".join(verify(Path(asked.verify))))
            return
        run = params.load(asked.run).run
        Paths(run).results.mkdir(parents=True, exist_ok=True)
        with FileLock(Paths(run).results / ".lock", timeout=0):
            target = pack(run)
        print(f"wrote {show(target)}, {target.stat().st_size / 1e6:.1f} MB, SHA-256 {files.sha256(target)}")
    except (ValueError, files.Damaged) as error:  # of the parameters, too
        sys.exit(str(error))
    except Timeout:
        sys.exit(f"run {asked.run} is being made by another process; `make archive` needs it finished")


if __name__ == "__main__":
    main()
