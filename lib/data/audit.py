"""Counts and shares that tell whether a prepared dataset is a fair test: by class, source, split, age, sex and view."""

import pandas as pd

from lib.data.load import classes_of
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
            known = sex.isin(["f", "m"])
            row |= {
                "sex known %": _percent(known.sum(), len(part)),
                "female %": _percent((sex == "f").sum(), known.sum()),
            }
        if "view" in index:
            view = part["view"].fillna("").astype(str).str.upper().str.strip()
            known = view != ""
            row |= {
                "view known %": _percent(known.sum(), len(part)),
                "PA %": _percent((view == "PA").sum(), known.sum()),
            }
            row["AP %"] = _percent(view.str.startswith("AP").sum(), known.sum())
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("class").round(1)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else float("nan")
