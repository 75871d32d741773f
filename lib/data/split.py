"""The split into training, validation and test set: by patient or lesion, class by class, seeded.

The same seed and ids give the same split on every machine and Python version: the order in which ids are drawn is the
order of their SHA-256 digests, not that of a set or of a generator whose algorithm may change.
"""

import hashlib

import pandas as pd

from lib.data import DataError

SPLITS = ("train", "validation", "test")


def draw_order(ids: list[str], seed: int) -> list[str]:
    """The ids in the order in which they are drawn."""
    return sorted(ids, key=lambda name: (hashlib.sha256(f"{seed}/{name}".encode()).digest(), name))


def assign(table: pd.DataFrame, *, seed: int, test_share: float, validation_share: float) -> pd.Series:
    """Puts every image into a split (section 3: ids are sampled class by class, all images of an id stay together).

    In each class, ids are drawn until their images make up `test_share` of the class's images, then again until they
    make up `validation_share` of the rest. The last id is taken only if that brings the count closer, so a count is off
    by less than the images of one id. An id whose images carry several labels is drawn with the rarest of them.
    A split that is given already (ready-made lists) is kept; only a missing validation set is drawn, from training ids
    that have no image elsewhere.

    Args:
        table: columns group_id, label, split (all "", or all given).
        seed: the order's seed.
        test_share: share of the images, 0..1, that goes to the test set.
        validation_share: share of the images outside the test set.

    Returns:
        the split of each row, aligned with `table`.

    Raises:
        DataError: a class with fewer ids than splits to fill.
    """
    split = table["split"].astype(str).copy()
    if (split == "validation").any():
        return split
    given = split == "test"
    wanted = 2 if given.any() else 3
    rows = table[~table["group_id"].isin(table["group_id"][given])]
    strata = stratum_of_groups(rows)
    sizes = rows.groupby("group_id", sort=True).size()
    chosen: dict[str, str] = {}
    for label, groups in strata.groupby(strata, sort=True).groups.items():
        waiting = draw_order(sorted(groups), seed)
        if len(waiting) < wanted:
            raise DataError(
                f"class {label}: {len(waiting)} patient or lesion id(s), {wanted} are needed, one for each of the "
                "splits to fill; add images of others"
            )
        test, waiting = ([], waiting) if wanted == 2 else _take(waiting, sizes, test_share, leave=2)
        validation, waiting = _take(waiting, sizes, validation_share, leave=1)
        for name, ids in (("test", test), ("validation", validation), ("train", waiting)):
            chosen.update(dict.fromkeys(ids, name))
    split[rows.index] = rows["group_id"].map(chosen)
    return split


def stratum_of_groups(table: pd.DataFrame) -> pd.Series:
    """The class with which each id is drawn: its label, or the rarest (then first by name) of its labels."""
    frequency = table["label"].value_counts()
    pairs = table[["group_id", "label"]].drop_duplicates()
    pairs = pairs.assign(frequency=pairs["label"].map(frequency)).sort_values(["group_id", "frequency", "label"])
    return pairs.drop_duplicates("group_id").set_index("group_id")["label"]


def conflicts(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The ids whose images carry several labels or lie in several splits (only ready-made lists can do the latter).

    Args:
        table: columns group_id, source, label, split.
        column: "label" or "split".

    Returns:
        a row an id: group_id, source, labels or splits (`value: images`, joined), images.
    """
    several = table[table.groupby("group_id")[column].transform("nunique") > 1]
    out = [
        {
            "group_id": group,
            "source": ", ".join(sorted(set(part["source"]))),
            f"{column}s": ", ".join(f"{value}: {n}" for value, n in sorted(part[column].value_counts().items())),
            "images": len(part),
        }
        for group, part in several.groupby("group_id", sort=True)
    ]
    return pd.DataFrame(out, columns=["group_id", "source", f"{column}s", "images"])


def _take(waiting: list[str], sizes: pd.Series, share: float, leave: int) -> tuple[list[str], list[str]]:
    """Draws ids from the front until their images come closest to `share`; at least one, and `leave` stay behind."""
    target = share * sum(sizes[name] for name in waiting)
    taken, count = 1, sizes[waiting[0]]
    while taken < len(waiting) - leave and abs(count + sizes[waiting[taken]] - target) <= abs(count - target):
        count += sizes[waiting[taken]]
        taken += 1
    return waiting[:taken], waiting[taken:]
