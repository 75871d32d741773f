"""What a run's results rest on, checked before the DAG runs: its own files, and the files that the user gave.

A file that a run made and that is damaged is set aside; with the executed notebook of the step that made it, it is
missing then, and the DAG makes both again. The user's files enter the DAG by their content.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from functools import cache as once
from pathlib import Path

from lib import data, files
from lib.params import NO_FILES, Params
from lib.paths import Paths, resolve, show

REPORT = "report"
"""Step that makes the report's pages, which no executed notebook stands for."""


def make_room(at: Paths) -> list[str]:
    """Sets a run's damaged files aside, so that the DAG makes them again, also those that were deleted.

    Returns:
        a line a damaged file, and one for those that are gone: what becomes of it.
    """
    lines, gone, marks = [], [], set()
    for folder in (at.results, at.figures, at.data):
        for record in sorted(path for path in (folder / files.SUMS).rglob("*") if path.is_file()):
            path = folder / record.relative_to(folder / files.SUMS)
            digest, _, step = record.read_text(encoding="utf-8", errors="replace").strip().partition(" ")
            if not os.path.lexists(path):
                record.unlink()
                gone.append(show(path))
            elif _digest(path) != digest:
                lines.append(f"{show(path)}: damaged; set aside as {files.set_aside(path).name}, made again")
            else:
                continue
            if step:
                marks.add(at.report / "index.html" if step == REPORT else at.notebooks / f"{step}.ipynb")
    for mark in marks:  # a step whose mark is missing runs again
        files.remove(mark)
    if gone:
        lines.append(f"{', '.join(gone[:5])}{f' and {len(gone) - 5} more' * (len(gone) > 5)}: gone; made again")
    return lines


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
