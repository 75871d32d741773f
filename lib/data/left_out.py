"""Images whose finding the label rules leave out, prepared to compare patients within one source; never trained on."""

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from lib import files
from lib.data import DataError, convert, ledger, sources, split
from lib.data.labels import finding_of, is_frontal, stands_for

if TYPE_CHECKING:
    from lib.params import Params

TOLD = ("group_id", "source", "label", "stands_for", "file", "view", "sex", "age")


class LeftOut(NamedTuple):
    """What the label rules leave out and a comparison within one source needs.

    Attributes:
        index: a row an image: image_id, TOLD, and of its file sha256, width, height; `label` is the finding in words,
            `stands_for` a class.
        images: (N, S, S, 1) uint8, or None where there is none.
        excluded: the images that could have served and do not, with the reason, as the ledger names it.
        several: the patients of all sources whose images have several labels (`split.conflicts`).
    """

    index: pd.DataFrame
    images: np.ndarray | None
    excluded: pd.DataFrame
    several: pd.DataFrame


def prepare(root: Path, folder: Path, p: "Params", workers: int = 0) -> LeftOut:
    """Converts them as notebook 00 does the kept images, into `folder`: images.npy, excluded.csv and, last, index.csv.

    Whoever has an image under another label is not taken: so nobody is who has an image in any split.

    Args:
        root: the data folder.
        folder: where they go.
        p: the run's parameters: covidx_layout, label_rules, image_size, resizing.
        workers: that convert images at once; 0 takes all cores. They make no difference to the result.

    Raises:
        DataError: the layout is lists, which hold no other findings, or no source is there.
    """
    if p.covidx_layout == "lists":
        raise DataError("covidx_layout: found lists, which name no findings but the three classes; expected sources")
    book = sources.read_sources(root, p.label_rules)
    rows = []
    for row in book.left_out:
        if row["reason"] == ledger.FINDING:  # where none is told, there is no label
            row = row | {"label": finding_of(row["detail"]) or None}
            row["stands_for"] = stands_for(row["source"], row["detail"])
        if row["label"] and row["reason"] != ledger.BAD_ID:
            rows.append(row)
    rows = pd.DataFrame(rows, columns=["reason", "detail", *TOLD])
    by_rules = book.tables()[0]
    several = split.conflicts(pd.concat([by_rules, rows]), "label")

    labels, used = several.set_index("group_id")["labels"].to_dict(), set(by_rules["file"])
    kept, excluded = {}, []
    for row in rows[rows["stands_for"].notna()].sort_values("file", kind="stable").to_dict("records"):
        sideways = row["source"] == "cohen" and not is_frontal(row["view"], p.label_rules)  # it holds slices, too
        unless = (
            (sideways, ledger.VIEW, row["view"]),
            (row["group_id"] in labels, ledger.CONTRADICTION, labels.get(row["group_id"])),
            (row["file"] in used, ledger.CONTRADICTION, "another row gives the file one of the three classes"),
            (row["file"] in kept, ledger.REPEATED, ""),
        )
        why = next(({"reason": reason, "detail": detail} for holds, reason, detail in unless if holds), None)
        if why is None:
            kept[row["file"]] = row
        else:
            excluded.append(row | why)
    index, images = pd.DataFrame(kept.values(), columns=list(TOLD)), None
    # with the file's ending, which ids of kept images lack, or have for being of another file
    index.insert(0, "image_id", index["source"] + "-" + index["file"].map(lambda file: PurePosixPath(file).name))
    if len(index):
        into = {"root": root, "folder": folder, "size": p.image_size, "channels": 1, "threads": workers}
        made = convert.convert(list(index["file"]), **into, resizing=p.resizing, title=folder.name)
        good = made["error"] == ""
        bad = index[~good].assign(reason=ledger.UNREADABLE, detail=made["error"][~good])
        excluded += bad.to_dict("records")
        index = index.join(made[["sha256", "width", "height"]])[good]
    if len(index):
        convert.finish(folder, index.index.to_numpy(), p.resizing)
        images = np.load(folder / "images.npy", mmap_mode="r")
    without = pd.DataFrame(excluded, columns=["file", "source", "group_id", "reason", "detail"])
    files.write_csv(folder / "excluded.csv", without)
    files.write_csv(folder / "index.csv", index)
    return LeftOut(index.reset_index(drop=True), images, without, several)
