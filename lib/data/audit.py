"""Tables and means that tell whether a prepared dataset is a fair test."""

import numpy as np
import pandas as pd

from lib.data.labels import classes_of
from lib.data.split import SPLITS


def split_table(index: pd.DataFrame) -> pd.DataFrame:
    """Images and ids of each class in each split.

    Returns:
        a row a class and one for all; for each split the columns `SPLIT`, `SPLIT %` (of the class's images) and
        `SPLIT ids`, and at the end `images` and `ids`.
    """
    rows = {}
    for name in (*classes_of(index["label"]), "all"):
        part = index if name == "all" else index[index["label"] == name]
        row = {}
        for split in SPLITS:
            inside = part[part["split"] == split]
            row[split] = len(inside)
            row[f"{split} %"] = round(100 * len(inside) / max(len(part), 1), 1)
            row[f"{split} ids"] = inside["group_id"].nunique()
        rows[name] = row | {"images": len(part), "ids": part["group_id"].nunique()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("class")


def source_table(index: pd.DataFrame) -> pd.DataFrame:
    """Images of each class (rows) from each source (columns)."""
    table = pd.crosstab(index["label"], index["source"]).reindex(classes_of(index["label"])).fillna(0).astype(int)
    return table.rename_axis(index="class", columns="source")


def mean_image(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The mean, float64 (S, S, C), of the rows `positions` (at least one) of uint8 `images` (N, S, S, C)."""
    total = np.zeros(images.shape[1:], np.float64)
    for start in range(0, len(positions), 256):  # a few at a time, so that memory stays bounded
        total += images[positions[start : start + 256]].sum(axis=0, dtype=np.float64)
    return total / len(positions)
