"""The part of the conversion that runs in the workers; it imports little, so that processes start fast."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.data import decode


class Known(NamedTuple):
    """Pixels that exist already: the row of the previous array, and of what file they were made."""

    row: int
    file: str
    sha256: str
    width: int
    height: int


@dataclass(frozen=True)
class Task:
    """One image to convert.

    Attributes:
        position: its row in the result.
        path: its file.
        known: its pixels, if the file is still the same.
    """

    position: int
    path: Path
    known: Known | None = None


def convert_chunk(tasks: list[Task], pixels: Path, previous: Path | None) -> list[tuple[int, str, int, int, str]]:
    """Converts a few images into their rows of the array at `pixels`.

    Returns:
        (position, sha256, width, height, error) of each.
    """
    target = np.load(pixels, mmap_mode="r+")
    source = np.load(previous, mmap_mode="r") if previous else None
    size, channels = target.shape[1], target.shape[3]
    rows = []
    for task in tasks:
        width = height = 0
        digest = error = ""
        try:
            data = task.path.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            if source is not None and task.known and digest == task.known.sha256:
                target[task.position] = source[task.known.row]
                width, height = task.known.width, task.known.height
            else:
                target[task.position], width, height = decode.prepare(data, size, channels)
        except decode.Unreadable as unreadable:
            error = str(unreadable)
        except OSError as failure:
            error = f"cannot be opened: {failure.strerror or failure}"
        rows.append((task.position, digest, width, height, error))
    return rows
