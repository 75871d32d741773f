"""Converts the kept images to one uint8 array on disk, on all cores, restartable, in bounded memory.

Beside each array lies a record of the same name: what file each row was made of, a line a row. `converting.npy` and
`converting.csv` grow while images are converted; a conversion that was interrupted goes on with the rows that have no
line yet. `images.npy` and `images.csv` are the finished dataset; the next run takes from it every image whose file
still has the same SHA-256.

Processes that convert import this module, so what starts slowly (pandas, tqdm, joblib) is imported where it is used.
"""

import csv
import hashlib
import io
import os
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lib import files
from lib.data import decode

if TYPE_CHECKING:
    import pandas as pd

VERSION = 3  # raise it when decode.py changes what it returns: everything is converted again then
CHUNK = 8  # images a task: small enough to keep the progress bar moving and the memory bounded
# From so many images on, processes pay for their start. Below, threads do: decoding and resizing release Python's lock.
PROCESSES_FROM = 4000
NOTED_AT_ONCE = 256  # finished images between two notes in the record: a killed run repeats at most so many


class Converted(NamedTuple):
    """One line of a record."""

    position: int  # row of the array
    file: str  # path below the data folder
    sha256: str  # of the file
    width: int  # of the image before resizing, in pixels
    height: int
    error: str = ""  # why the file is unreadable
    pixels: int = 0  # CRC-32 of the row of the array, by which damage is found
    resizing: str = "as_described"  # the filter's reading
    version: int = VERSION  # of the code that made it


Task = tuple[int, str, Converted | None]
"""Row of the array, file, and the line of images.csv whose pixels serve if the file has not changed."""


def convert(
    names: list[str],
    *,
    root: Path,
    folder: Path,
    size: int,
    channels: int,
    threads: int,
    resizing: str = "as_described",
    title: str = "",
) -> "pd.DataFrame":
    """Converts `names` into `folder`/converting.npy, uint8 (N, size, size, channels).

    The pixels of a finished images.npy in `folder` are reused where a file has not changed.

    Args:
        names: paths below `root`, each once.
        root: the data folder.
        folder: where the array and its record go.
        size: pixels a side.
        channels: 1 or 3.
        threads: number of threads or processes; 0 takes all cores.
        resizing: a reading, as `decode.decode_image` takes it; with another one everything is converted again.
        title: text of the progress bar; "" shows none.

    Returns:
        one row a name, in order, with the fields of `Converted`.
    """
    import pandas as pd
    from tqdm import tqdm

    pixels, shape = folder / "converting.npy", (len(names), size, size, channels)
    # Unreadable files are tried again: they may have been fetched anew
    made = read_record(pixels, shape, resizing)
    stored = np.load(pixels, mmap_mode="r") if made else None
    done = [row for row in made if row.file == names[row.position] and not row.error and _is_whole(stored, row)]
    if not done:
        record_of(pixels).unlink(missing_ok=True)  # a record never describes an array that it does not belong to
        with files.replacing(pixels, sealed=False) as temporary:
            files.new_array(temporary, np.uint8, shape).flush()
    # A kill can leave half a line: whole ones are written anew
    files.write_text(record_of(pixels), _lines(done), sealed=False)
    known = {row.file: row for row in read_record(folder / "images.npy", (None, *shape[1:]), resizing)}
    finished = {row.position for row in done}
    todo = [(i, name, known.get(name)) for i, name in enumerate(names) if i not in finished]
    waiting: list[Converted] = []
    hidden = not (todo and title)
    bar = tqdm(total=len(names), initial=len(done), desc=title, unit="image", mininterval=1, disable=hidden)
    try:
        for rows in _in_parallel(todo, root, pixels, resizing, threads):
            waiting += rows
            bar.update(len(rows))
            if len(waiting) >= NOTED_AT_ONCE:
                _note(pixels, waiting)
                waiting = []
    finally:
        _note(pixels, waiting)
        bar.close()
    return pd.DataFrame(sorted(read_record(pixels, shape, resizing)), columns=Converted._fields)


def finish(folder: Path, positions: np.ndarray, resizing: str = "as_described") -> None:
    """Makes images.npy and its record of the converted images at `positions` (ascending), in bounded memory."""
    source, target = folder / "converting.npy", folder / "images.npy"
    pixels = np.load(source, mmap_mode="r")
    made = {row.position: row for row in read_record(source, pixels.shape, resizing)}
    files.remove(record_of(target))
    if len(positions) == len(pixels):
        os.replace(source, target)
        files.seal(target)
    else:
        with files.replacing(target) as temporary:
            chosen = files.new_array(temporary, np.uint8, (len(positions), *pixels.shape[1:]))
            for start in range(0, len(positions), 256):
                chosen[start : start + 256] = pixels[positions[start : start + 256]]
            chosen.flush()
    kept = [made[position]._replace(position=i) for i, position in enumerate(positions.tolist())]
    files.write_text(record_of(target), _lines(kept))
    source.unlink(missing_ok=True)
    record_of(source).unlink()


def read_record(pixels: Path, shape: tuple[int | None, ...], resizing: str) -> list[Converted]:
    """What is in the array at `pixels`, by its record; nothing if there is none of this shape, resizing and VERSION.

    None as the first number of `shape` stands for as many rows as a finished array's record has.
    """
    if not (pixels.is_file() and record_of(pixels).is_file()):
        return []
    data = record_of(pixels).read_bytes()
    try:
        whole = data[: data.rfind(b"\n") + 1].decode()
        header, *rows = [*csv.reader(io.StringIO(whole, newline=""))] or [[]]
        if tuple(header) != Converted._fields or any(row[-2:] != [resizing, str(VERSION)] for row in rows):
            return []
        if np.load(pixels, mmap_mode="r").shape != (len(rows) if shape[0] is None else shape[0], *shape[1:]):
            return []
        return [
            Converted(int(i), name, sha, int(w), int(h), error, int(crc), how, int(v))
            for i, name, sha, w, h, error, crc, how, v in rows
        ]
    except (ValueError, EOFError, csv.Error) as error:  # of a damaged record or array
        print(f"{pixels}: not readable ({error}); its images are converted again")
        return []


def _is_whole(array: np.ndarray, row: Converted) -> bool:
    """Whether the row's pixels are those that were written."""
    return row.position < len(array) and zlib.crc32(array[row.position]) == row.pixels


def convert_chunk(tasks: list[Task], root: Path, pixels: Path, resizing: str) -> list[Converted]:
    """Converts a few images into their rows of the array at `pixels`; runs in the workers."""
    warnings.simplefilter("ignore")  # readers warn of harmless oddities (bad UIDs, large pictures)
    target = np.load(pixels, mmap_mode="r+")
    source = np.load(pixels.with_name("images.npy"), mmap_mode="r") if any(known for *_, known in tasks) else None
    size, channels = target.shape[1], target.shape[3]
    rows = []
    for position, name, known in tasks:
        width = height = 0
        digest = error = ""
        try:
            data = decode.read_bytes(root / name)
            digest = hashlib.sha256(data).hexdigest()
            if known and digest == known.sha256 and _is_whole(source, known):
                target[position] = source[known.position]
                width, height = known.width, known.height
            else:
                target[position], width, height = decode.decode_image(data, size, channels, resizing)
        except decode.Unreadable as unreadable:
            error = str(unreadable)
        except OSError as failure:
            error = f"cannot be opened: {failure.strerror or failure}"
        crc = 0 if error else zlib.crc32(target[position])
        rows.append(Converted(position, name, digest, width, height, error, crc, resizing))
    return rows


def _in_parallel(todo: list[Task], root: Path, pixels: Path, resizing: str, threads: int) -> Iterator[list[Converted]]:
    """Results of the chunks as they finish; only a few chunks are under way at a time."""
    from joblib import Parallel, cpu_count, delayed

    chunks = [todo[start : start + CHUNK] for start in range(0, len(todo), CHUNK)]
    workers = min(threads or cpu_count(), max(len(chunks), 1))
    kind = "processes" if len(todo) >= PROCESSES_FROM else "threads"
    pool = Parallel(workers, prefer=kind, batch_size=1, pre_dispatch=4 * workers, return_as="generator_unordered")
    with warnings.catch_warnings():  # the workers change the filters, which threads share
        yield from pool(delayed(convert_chunk)(chunk, root, pixels, resizing) for chunk in chunks)


def _note(pixels: Path, rows: list[Converted]) -> None:
    """Adds finished images to the record, after their pixels have reached the disk: else an image could be lost."""
    if rows:
        np.load(pixels, mmap_mode="r+").flush()
        with open(record_of(pixels), "a", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows(rows)


def record_of(pixels: Path) -> Path:
    """The record that lies beside an array."""
    return pixels.with_suffix(".csv")


def _lines(rows: list[Converted]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([Converted._fields, *rows])
    return stream.getvalue()
