"""Converts the kept images to one uint8 array on disk, on all cores, restartable, in bounded memory.

While it works, `converting.npy` holds the pixels and `converting.csv` a line for each finished image. After an
interruption only images that have no line there are converted. A later run reuses every image of the finished dataset
whose file still has the same SHA-256.
"""

import csv
import hashlib
import json
import multiprocessing
import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from lib import files
from lib.data.worker import Known, Task, convert_chunk

VERSION = 1  # raise it when decode.py changes what it returns: everything is converted again then
COLUMNS = ("position", "sha256", "width", "height", "error")
CHUNK = 8  # images a task: small enough to keep the progress bar moving and the memory bounded
# From so many images on, processes pay for their start. Below, threads do: decoding and resizing release Python's lock.
PROCESSES_FROM = 4000
NOTED_AT_ONCE = 256  # finished images between two notes in the journal: a killed run repeats at most so many


@dataclass(frozen=True)
class Previous:
    """A finished array that unchanged images are taken from.

    Attributes:
        images: path of the array.
        known: its rows by file.
    """

    images: Path
    known: dict[str, Known]


def workers_of(threads: int) -> int:
    """Number of workers: `threads`, or the cores that this process may use if 0."""
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def convert(
    names: list[str],
    *,
    root: Path,
    folder: Path,
    size: int,
    channels: int,
    threads: int = 0,
    previous: Previous | None = None,
    title: str = "converting",
) -> pd.DataFrame:
    """Converts `names` into `folder`/converting.npy, uint8 (N, size, size, channels).

    Args:
        names: paths below `root`, each once.
        root: the data folder.
        folder: where the array and its journal go.
        size: pixels a side.
        channels: 1 or 3.
        threads: number of threads or processes; 0 takes all cores.
        previous: pixels to reuse where a file has not changed.
        title: text of the progress bar; "" shows none.

    Returns:
        one row a name, in order: sha256, width, height (before resizing), error ("" or why it is unreadable).
    """
    folder.mkdir(parents=True, exist_ok=True)
    pixels, journal = folder / "converting.npy", folder / "converting.csv"
    header = _header(names, size, channels)
    done = _resume(pixels, journal, header, (len(names), size, size, channels))
    known = previous.known if previous else {}
    todo = [Task(i, root / name, known.get(name)) for i, name in enumerate(names) if i not in done]
    old = previous.images if previous else None
    hidden = not (todo and title)
    with (
        _Journal(pixels, journal) as finished,
        tqdm(total=len(names), initial=len(done), desc=title, unit="image", mininterval=1, disable=hidden) as bar,
    ):
        for rows in _in_parallel(todo, pixels, old, workers_of(threads), len(todo) >= PROCESSES_FROM):
            finished.add(rows)
            bar.update(len(rows))
    table = pd.DataFrame(_read_journal(journal), columns=COLUMNS).drop_duplicates("position", keep="last")
    table = table.astype({"position": int, "width": int, "height": int}).sort_values("position", ignore_index=True)
    return table.drop(columns="position")


def select(folder: Path, positions: np.ndarray) -> Path:
    """Makes a finished array of the converted images at `positions` (ascending); returns its temporary path.

    The rows are copied in blocks, so memory stays bounded whatever their number.
    """
    source = np.load(folder / "converting.npy", mmap_mode="r")
    target = folder / ".images.part.npy"
    if len(positions) == len(source):
        os.replace(folder / "converting.npy", target)
        return target
    chosen = np.lib.format.open_memmap(target, "w+", np.uint8, (len(positions), *source.shape[1:]))
    for start in range(0, len(positions), 256):
        chosen[start : start + 256] = source[positions[start : start + 256]]
    chosen.flush()
    return target


def clean(folder: Path) -> None:
    """Removes what an unfinished conversion leaves."""
    for name in ("converting.npy", "converting.csv"):
        (folder / name).unlink(missing_ok=True)


class _Journal:
    """Notes finished images, after their pixels have reached the disk: a note without pixels would lose an image."""

    def __init__(self, pixels: Path, journal: Path):
        self.pixels, self.journal = pixels, journal
        self.waiting: list[tuple] = []

    def __enter__(self) -> "_Journal":
        return self

    def __exit__(self, *_) -> None:
        self.write()

    def add(self, rows: list[tuple]) -> None:
        self.waiting += rows
        if len(self.waiting) >= NOTED_AT_ONCE:
            self.write()

    def write(self) -> None:
        if not self.waiting:
            return
        np.load(self.pixels, mmap_mode="r+").flush()
        with open(self.journal, "a", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows(self.waiting)
        self.waiting = []


def _in_parallel(
    todo: list[Task], pixels: Path, previous: Path | None, workers: int, processes: bool
) -> Iterator[list[tuple]]:
    """Results of the chunks as they finish; only a few chunks wait at a time."""
    chunks = [todo[start : start + CHUNK] for start in range(0, len(todo), CHUNK)]
    # Readers warn of harmless oddities (bad UIDs, large pictures); set once here, since filters are not thread-safe
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if workers == 1 or len(chunks) <= 1:
            yield from (convert_chunk(chunk, pixels, previous) for chunk in chunks)
            return
        if processes:
            # spawn: forking a process that has run TensorFlow's or BLAS's threads can hang
            context = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(workers, context, warnings.simplefilter, ("ignore",))
        else:
            pool = ThreadPoolExecutor(workers)
        with pool:
            yield from _bounded(pool, chunks, pixels, previous, waiting=4 * workers)


def _bounded(
    pool: Executor, chunks: Iterable[list[Task]], pixels: Path, previous: Path | None, waiting: int
) -> Iterator[list[tuple]]:
    running: set[Future] = set()
    for chunk in chunks:
        if len(running) >= waiting:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)
        running.add(pool.submit(convert_chunk, chunk, pixels, previous))
    for future in running:
        yield future.result()


def _header(names: list[str], size: int, channels: int) -> str:
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
    return json.dumps({"version": VERSION, "size": size, "channels": channels, "names": digest}, sort_keys=True)


def _resume(pixels: Path, journal: Path, header: str, shape: tuple[int, ...]) -> set[int]:
    """Positions that an interrupted conversion of the same images has finished; else starts afresh."""
    if journal.is_file() and pixels.is_file():
        with open(journal, encoding="utf-8", newline="") as stream:
            same = stream.readline().rstrip("\n") == header
        if same and np.load(pixels, mmap_mode="r").shape == shape:
            rows = _read_journal(journal)
            # A kill can leave half a line at the end; rewriting keeps whole lines only
            files.write_text(journal, "\n".join([header, *(_line(row) for row in rows)]) + "\n")
            return {int(row[0]) for row in rows}
    with files.replacing(pixels) as temporary:
        np.lib.format.open_memmap(temporary, "w+", np.uint8, shape).flush()
    files.write_text(journal, header + "\n")
    return set()


def _line(row: list[str]) -> str:
    import io

    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(row)
    return stream.getvalue()


def _read_journal(journal: Path) -> list[list[str]]:
    text = journal.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    rows = list(csv.reader(whole.splitlines()[1:]))
    return [row for row in rows if len(row) == len(COLUMNS) and row[0].isdigit()]
