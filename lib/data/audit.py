"""Counts and shares that tell whether a prepared dataset is a fair test: by class, source, split, age, sex and view."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from lib.data.load import Dataset, classes_of
from lib.data.skin import COLUMNS
from lib.data.split import SPLITS, assign
from lib.data.tables import read_table


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


def counts(index: pd.DataFrame) -> pd.DataFrame:
    """Images by class, source and split: columns label, source, split, images, ids; combinations that occur only."""
    grouped = index.groupby(["label", "source", "split"], sort=True)
    table = grouped.agg(images=("image_id", "size"), ids=("group_id", "nunique")).reset_index()
    order = {name: i for i, name in enumerate((*classes_of(index["label"]), *SPLITS))}
    return table.sort_values(
        ["label", "source", "split"], key=lambda column: column.map(order) if column.name != "source" else column
    ).reset_index(drop=True)


def source_table(index: pd.DataFrame) -> pd.DataFrame:
    """Images of each class (rows) from each source (columns)."""
    table = pd.crosstab(index["label"], index["source"]).reindex(classes_of(index["label"])).fillna(0).astype(int)
    return table.rename_axis(index="class", columns="source")


def people(index: pd.DataFrame) -> pd.DataFrame:
    """What is known of the patients, by class.

    Returns:
        a row a class: images, then for age: known (share), median, and quartiles; for sex: known, female (share of
        the known); for view: known, and the shares of PA and AP among the known. Columns whose metadata no source
        gives are left out.
    """
    rows = {}
    for name in classes_of(index["label"]):
        part = index[index["label"] == name]
        row: dict[str, float] = {"images": len(part)}
        if "age" in index:
            ages = pd.to_numeric(part["age"], errors="coerce").dropna()
            row |= {"age known %": _percent(len(ages), len(part)), "median age": ages.median()}
            row |= {"age q25": ages.quantile(0.25), "age q75": ages.quantile(0.75)}
        if "sex" in index:
            sex = part["sex"].fillna("").astype(str).str.lower().str[:1]
            known = int(sex.isin(["f", "m"]).sum())
            row |= {"sex known %": _percent(known, len(part)), "female %": _percent(sum(sex == "f"), known)}
        if "view" in index:
            view = part["view"].fillna("").astype(str).str.upper().str.strip()
            known = int((view != "").sum())
            row |= {"view known %": _percent(known, len(part)), "PA %": _percent(sum(view == "PA"), known)}
            row["AP %"] = _percent(int(view.str.startswith("AP").sum()), known)
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("class").round(1)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else float("nan")


def blocks(positions: np.ndarray, size: int = 256) -> Iterator[np.ndarray]:
    """The positions in blocks, so that memory-mapped images are read a few at a time."""
    return (positions[start : start + size] for start in range(0, len(positions), size))


def mean_image(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The mean of some images, float64 (S, S, C), 0..255.

    Args:
        images: uint8 (N, S, S, C), memory-mapped or not.
        positions: rows to average, at least one.
    """
    total = np.zeros(images.shape[1:], np.float64)
    for block in blocks(positions):
        total += images[block].sum(axis=0, dtype=np.float64)
    return total / len(positions)


def intensities(dataset: Dataset) -> pd.DataFrame:
    """Mean and standard deviation (contrast) of the grey levels of each image, 0..255, with its source and label."""
    rows = []
    for block in blocks(np.arange(len(dataset.index))):
        pixels = dataset.images[block].reshape(len(block), -1).astype(np.float32)
        rows.append(np.stack([pixels.mean(axis=1), pixels.std(axis=1)], axis=1))
    table = pd.DataFrame(np.concatenate(rows).astype(float), columns=["mean", "contrast"])
    return pd.concat([dataset.index[["image_id", "source", "label"]], table], axis=1)


def full_skin_index(path: Path, *, seed: int, test_share: float, validation_share: float) -> pd.DataFrame:
    """The whole of HAM10000, split from its metadata alone.

    Args:
        path: the metadata of all 10,015 images.
        seed: the run's split seed.
        test_share: as in the run.
        validation_share: as in the run.

    Returns:
        columns image_id, group_id, label, split.
    """
    table = read_table(path, COLUMNS)
    index = pd.DataFrame(
        {"image_id": table["image_id"], "group_id": table["lesion_id"], "label": table["dx"], "split": ""}
    )
    return index.assign(split=assign(index, seed=seed, test_share=test_share, validation_share=validation_share))


def full_skin_split(path: Path, *, seed: int, test_share: float, validation_share: float) -> pd.DataFrame:
    """How far the split of the whole of HAM10000 is from the paper's shares (Figure 2b); arguments of full_skin_index.

    Returns:
        a row a class: images, lesions, one_lesion (images of the largest), for each split the count, the count that
        the shares ask for (`SPLIT wanted`), and `off`, the largest distance between the two.
    """
    index = full_skin_index(path, seed=seed, test_share=test_share, validation_share=validation_share)
    shares = {"test": test_share, "validation": (1 - test_share) * validation_share}
    shares["train"] = 1 - sum(shares.values())
    rows = {}
    for name, part in index.groupby("label", sort=True):
        sizes = part.groupby("group_id").size()
        row: dict[str, float] = {"images": len(part), "lesions": len(sizes), "one_lesion": int(sizes.max())}
        for split in SPLITS:
            row |= {split: int((part["split"] == split).sum()), f"{split} wanted": round(shares[split] * len(part), 2)}
        rows[name] = row | {"off": round(max(abs(row[split] - row[f"{split} wanted"]) for split in SPLITS), 2)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("class")
