"""What a run's results rest on, checked before the DAG runs: its own files, and the files that the user gave.

A file that a run made and that is damaged is set aside; with the executed notebook of the step that made it, it is
missing then, and the DAG makes both again. The user's files enter the DAG by their content.
"""

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from functools import cache as once
from pathlib import Path

from lib import data, files
from lib.params import NO_FILES, Params
from lib.paths import ROOT, Paths, resolve, show

REPORT = "report"
"""Step that makes the report's pages, which no executed notebook stands for."""


def make_room(at: Paths, *, generated: bool = False) -> list[str]:
    """Sets a run's damaged files aside, so that the DAG makes them again, also those that were deleted.

    Args:
        at: the run.
        generated: whether its images are phantoms that it made itself.

    Returns:
        a line a damaged file, and one for those that are gone: what becomes of it.
    """
    lines, gone, marks = [], [], set()
    for folder in (at.results, at.figures, at.data):
        sums = folder / files.SUMS
        for place in (folder, sums):
            if os.path.lexists(place) and not place.is_dir():
                lines.append(f"{show(place)}: no folder; set aside as {files.set_aside(place).name}")
                marks |= _executed(at)
        for record in sorted(sums.rglob("*")):
            path = folder / record.relative_to(sums)
            if record.is_dir() and not path.is_file():
                continue
            digest, step = _sealed(record)
            if digest and not os.path.lexists(path):
                record.unlink()
                gone.append(show(path))
            elif digest and _digest(path) == digest:
                continue
            else:
                files.delete(record)
                if os.path.lexists(path):
                    lines.append(f"{show(path)}: damaged; set aside as {files.set_aside(path).name}, made again")
            steps = {step}
            if not digest:  # it cannot be read, so nobody knows the step: all that made what lies beside the file
                steps = {other for _, other in map(_sealed, record.parent.iterdir())}
            known = {_mark(at, one) for one in steps if one}
            marks |= known if known or digest else _executed(at)
    if generated and at.covidx.is_dir() and not (at.phantoms / data.GENERATED).is_file():
        marks.add(_mark(at, "00_data_preparation"))
        gone.append(show(at.phantoms))
    for mark in marks:  # a step whose mark is missing runs again
        files.remove(mark)
    return lines + ([f"{_some(gone)}: gone; made again"] if gone else [])


def unknown(at: Paths) -> list[str]:
    """Takes away the executed notebooks of which Snakemake has no record, since it takes them for up to date.

    Its records are lost with the folder .snakemake, or where only results were copied; then nobody knows with which
    parameters they were made.

    Returns:
        a line that says so, if there are any.
    """
    lost = []
    for notebook in sorted(_executed(at)):
        name = base64.urlsafe_b64encode(show(notebook).encode()).decode()
        try:
            known = "params" in files.read_json(ROOT / ".snakemake" / "metadata" / name)
        except (OSError, ValueError, TypeError):
            known = False
        if not known:
            files.remove(notebook)
            lost.append(notebook.stem)
    return [f"{_some(lost)}: nobody knows with which parameters; made again"] if lost else []


def _executed(at: Paths) -> set[Path]:
    return {path for path in at.notebooks.glob("[!.]*.ipynb") if not path.stem.endswith(".failed")}


def _mark(at: Paths, step: str) -> Path:
    """The file that is missing when a step is to run again."""
    return at.report / "index.html" if step == REPORT else at.notebooks / f"{step}.ipynb"


def _some(names: list[str]) -> str:
    return f"{', '.join(names[:5])}{f' and {len(names) - 5} more' * (len(names) > 5)}"


def _sealed(record: Path) -> tuple[str, str]:
    """What a checksum says, SHA-256 and step; empty where it says nothing."""
    try:
        found = re.fullmatch(r"([0-9a-f]{64}) (.*)\n", record.read_text(encoding="utf-8") if record.is_file() else "")
    except (OSError, ValueError):
        found = None
    return (found[1], found[2]) if found else ("", "")


def _digest(path: Path) -> str:
    try:
        return files.sha256(path) if path.is_file() else ""
    except OSError:
        return ""


def content(checked: Params, listed: list[str], cache: Path) -> dict[str, str]:
    """What the user's files hold that a step reads: parameter to SHA-256, of each that names files.

    Args:
        checked: parameters of the run, or of a row.
        listed: names of the parameters that the step's notebook lists.
        cache: keeps the checksums; a file is read again when its size or one of its times has changed.

    A file or folder that is not there is none: the step says so.
    """
    named = {name: getattr(checked, name) for name in NO_FILES if name in listed}
    return {
        name: _of(resolve(value), cache / f"{name}.json")
        for name, value in named.items()
        if value not in NO_FILES[name]
    }


@once
def _of(path: Path, cache: Path) -> str:
    """SHA-256 over the names and bytes of a file, or of all files that the project reads in a data folder."""
    try:
        known = files.read_json(cache)[str(path)]
    except (OSError, ValueError, KeyError, TypeError):
        known = {}
    found = {}
    for file in _regular(path):
        about = file.stat()
        name, seen = file.relative_to(path).as_posix(), [about.st_size, about.st_mtime_ns, about.st_ino]
        seen.append(about.st_ctime_ns)  # whoever changes a file can set its time back, but not this one
        old = known.get(name, [None, ""]) if isinstance(known, dict) else [None, ""]
        found[name] = old if old[0] == seen else [seen, files.sha256(file)]
    if found != known:
        files.write_json(cache, {str(path): found})
    text = json.dumps({name: digest for name, (_, digest) in found.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _regular(path: Path) -> Iterator[Path]:
    """The regular files that can be read: the path itself, or those below it that the project reads as data.

    Links are followed, and a folder is entered once. What else is there, steps refuse or leave out.
    """
    everything, entered = [path, *(path / name for name in data.ALSO_READ)], set()
    for top in (*data.FOLDERS, *data.ALSO_READ):
        for folder, below, names in os.walk(path / top, followlinks=True):
            real = os.path.realpath(folder)
            if real in entered:
                below.clear()
                continue
            entered.add(real)
            below.sort()
            everything += [Path(folder, name) for name in sorted(names)]
    return (file for file in everything if file.is_file() and os.access(file, os.R_OK))
