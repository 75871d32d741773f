"""Opens a prepared dataset: the index and, memory-mapped, the images."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lib import files
from lib.data import DataError
from lib.data.labels import classes_of
from lib.data.split import SPLITS


class Part(NamedTuple):
    """One split of a dataset.

    Attributes:
        positions: rows of `Dataset.images`, int64 (n,), ascending.
        labels: positions in `Dataset.classes`, int64 (n,).
        index: the index rows, in the same order.
    """

    positions: np.ndarray
    labels: np.ndarray
    index: pd.DataFrame


@dataclass(frozen=True)
class Dataset:
    """A prepared dataset.

    Attributes:
        folder: where it lies.
        index: a row an image: image_id, group_id, source, label, split, file, sha256, then extras.
        images: uint8 (N, S, S, C), memory-mapped; row i belongs to index row i.
        classes: class names in the order of the networks' outputs.
    """

    folder: Path
    index: pd.DataFrame
    images: np.ndarray
    classes: tuple[str, ...]

    @cached_property
    def labels(self) -> np.ndarray:
        """Positions in `classes`, int64 (N,)."""
        return self.index["label"].map({name: i for i, name in enumerate(self.classes)}).to_numpy(np.int64)

    def part(self, split: str) -> Part:
        """The rows of one split: "train", "validation" or "test"."""
        if split not in SPLITS:
            raise DataError(f"split '{split}': expected {' or '.join(SPLITS)}")
        positions = np.flatnonzero(self.index["split"] == split)
        return Part(positions, self.labels[positions], self.index.iloc[positions].reset_index(drop=True))

    @property
    def masks(self) -> np.ndarray | None:
        """uint8 (N, S, S) bit flags (1 lung, 2 opacity, 4 marker), memory-mapped; None where no image has a mask."""
        path = self.folder / "masks.npy"
        return np.load(path, mmap_mode="r") if path.is_file() else None

    @property
    def boxes(self) -> pd.DataFrame | None:
        """Boxes around opacities (image_id, x, y, width, height in pixels of the prepared image), or None."""
        path = self.folder / "boxes.csv"
        return pd.read_csv(path) if path.is_file() else None


def open_dataset(folder: Path, image_size: int | None = None) -> Dataset:
    """Opens `folder` (Paths.covidx or Paths.ham10000), for a network of `image_size` pixels a side if one is given.

    Raises:
        DataError: it was not prepared, or with another size, or the index and the images do not belong together.
    """
    folder = Path(folder)
    for name in ("index.csv", "images.npy"):
        if not (folder / name).is_file():
            remedy = "run notebook 00_data_preparation with this run's parameters"
            raise DataError(f"{folder / name}: no such file; {remedy}")
    listed, pixels = (files.check(folder / name) for name in ("index.csv", "images.npy"))
    text = ["image_id", "group_id", "source", "label", "split", "file", "sha256"]
    index = pd.read_csv(listed, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
    images = np.load(pixels, mmap_mode="r")
    if len(index) != len(images):
        found = f"{len(index)} rows in index.csv, {len(images)} in images.npy"
        raise DataError(f"{folder}: {found}; prepare the data again")
    if image_size not in (None, images.shape[1]):
        raise DataError(
            f"image_size: found {image_size}, expected {images.shape[1]}, the size of the images in {folder}; "
            "set it so, or prepare the data again (notebook 00_data_preparation)"
        )
    return Dataset(folder, index, images, classes_of(index["label"]))
