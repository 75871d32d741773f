"""From a data folder to a prepared dataset: read, convert, split, and account for every metadata row."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from lib import files
from lib.data import FOLDERS, GENERATED, DataError, convert, duplicates, ledger, regions, sources, split
from lib.data.labels import CHEST_CLASSES, SKIN_CLASSES
from lib.data.ledger import Ledger
from lib.data.lists import find_lists, read_lists
from lib.data.tables import names_in
from lib.paths import resolve

if TYPE_CHECKING:
    from lib.params import Params

LAYOUT = f"""expected in it
  covidx-sources/   one or more of: {"; ".join(sources.FOLDERS.values())}
  covidx-lists/     train.txt, test.txt (and val.txt), images/   (parameter covidx_layout chooses one of the two)
  ham10000/         HAM10000_metadata.csv, HAM10000_images_part_1/, HAM10000_images_part_2/
Fetch it with `make data RUN=paper`, or name another folder with DATA=/path/to/data."""


class Prepared(NamedTuple):
    """What became of the rows."""

    index: pd.DataFrame  # the prepared images
    excluded: pd.DataFrame  # the rows left out, with the reason
    balance: pd.DataFrame  # rows, kept, and a column a reason, for each source (lib.data.ledger.balance)


def data_folder(data: str) -> Path:
    """The run's data folder; relative ones start at the project's folder.

    Raises:
        DataError: there is no such folder, or none of the three in it; the message shows the layout.
    """
    folder = resolve(data)
    if not any((folder / name).is_dir() for name in FOLDERS):
        raise DataError(f"data: {folder}: found {names_in(folder)}; {LAYOUT}")
    return folder


def check_layout(root: Path, layout: str) -> None:
    """Looks at folders and lists alone, so that a folder without what is prepared later is answered at once.

    Raises:
        DataError: the layout of the chest X-rays (the parameter covidx_layout) or the skin images are not there.
    """
    if layout == "sources":
        sources.find_sources(root / "covidx-sources")
    else:
        find_lists(root / "covidx-lists")
    sources.ham10000_folders(root)


def prepare_covidx(root: Path, folder: Path, p: "Params", workers: int = 0) -> Prepared:
    """Prepares the chest X-rays: index.csv, images.npy (N, S, S, 1), excluded.csv, and boxes.csv and masks.npy if any.

    Args:
        root: the data folder.
        folder: where the dataset goes.
        p: the run's parameters: covidx_layout, label_rules, image_size, resizing, split_seed, test_share,
            validation_share, max_unreadable, drop_cross_split_duplicates, near_duplicate_bits.
        workers: that convert images at once; 0 takes all cores. They make no difference to the result.

    Raises:
        DataError: the layout is not there, nothing is left, a class is empty or has too few ids, or too many files are
            unreadable.
    """
    book = sources.read_sources(root, p.label_rules) if p.covidx_layout == "sources" else read_lists(root)
    return _prepare(book, folder, p, CHEST_CLASSES, channels=1, workers=workers)


def prepare_ham10000(root: Path, folder: Path, p: "Params", workers: int = 0) -> Prepared:
    """Prepares the skin images: index.csv, images.npy (N, S, S, 3), excluded.csv; like prepare_covidx."""
    return _prepare(sources.read_ham10000(root), folder, p, SKIN_CLASSES, channels=3, workers=workers)


def _prepare(
    book: Ledger, folder: Path, p: "Params", classes: tuple[str, ...], *, channels: int, workers: int
) -> Prepared:
    """Converts, splits and writes the images that `book` keeps; index.csv comes last: it says that all is whole."""
    index, excluded = book.tables()
    _check_classes(index, excluded, classes, book.root)
    made = convert.convert(
        list(index["file"]),
        root=book.root,
        folder=folder,
        size=p.image_size,
        channels=channels,
        threads=workers,
        resizing=p.resizing,
        title=folder.name,
    )
    bad = made["error"] != ""
    lost = excluded[excluded["reason"].isin([ledger.MISSING, ledger.BAD_NAME, ledger.BAD_ID])]
    missing, told = lost["reason"] == ledger.MISSING, lost["detail"].fillna("")
    lost = lost.assign(error=told.replace("", "no such file").where(missing, lost["reason"] + ": " + told))
    _check_unreadable(pd.concat([made[bad], lost]), len(made) + len(lost), p.max_unreadable, folder)
    excluded = _also(excluded, index[bad], ledger.UNREADABLE, made["error"][bad])
    after_file = list(index.columns).index("file") + 1
    for name in ("height", "width", "sha256"):
        index.insert(after_file, name, made[name])
    index = index[~bad].copy()
    _check_classes(index, excluded, classes, book.root)
    shares = {"test_share": p.test_share, "validation_share": p.validation_share}
    index["split"] = split.assign(index, seed=p.split_seed, **shares)
    index = regions.with_header_facts(book.root, index)
    if p.drop_cross_split_duplicates:
        pixels = np.load(folder / "converting.npy", mmap_mode="r")
        dropped = duplicates.to_drop(index, pixels, p.near_duplicate_bits)
        excluded = _also(excluded, index.loc[dropped.index], ledger.DUPLICATE, dropped)
        index = index.drop(dropped.index)
    _check_splits(index, excluded, classes, book.root)
    positions, index = index.index.to_numpy(), index.reset_index(drop=True)
    balance = ledger.balance(index, excluded, book.unlisted)
    regions.write_masks(book.root, folder, index, p.image_size)
    regions.write_boxes(book.root, folder, index, p.image_size)
    files.write_csv(folder / "excluded.csv", excluded)
    files.write_csv(folder / "ledger.csv", balance)
    convert.finish(folder, positions, p.resizing)
    named = {"data": "phantoms"} if (book.root / GENERATED).is_file() else {}  # also where `data` names a copy of them
    files.write_json(folder / "settings.json", vars(p) | named)  # what the images were made with, for whoever compares
    files.write_csv(folder / "index.csv", index)
    return Prepared(index, excluded, balance)


def _check_classes(table: pd.DataFrame, excluded: pd.DataFrame, classes: tuple[str, ...], root: Path) -> None:
    empty = [name for name in classes if not (table["label"] == name).any()]
    if empty:
        raise DataError(
            f"{root}: no image of class {', '.join(empty)} ({len(table)} images of the others; "
            f"{_left_out(excluded)}); add a source that holds it"
        )


def _left_out(excluded: pd.DataFrame) -> str:
    reasons = ", ".join(f"{reason} {n}" for reason, n in excluded["reason"].value_counts().items())
    return f"rows left out: {reasons or 'none'}"


def _check_splits(index: pd.DataFrame, excluded: pd.DataFrame, classes: tuple[str, ...], root: Path) -> None:
    """Stops if a class is missing in a split: it could not be learnt, no epoch chosen, or no score given."""
    counts = pd.crosstab(index["split"], index["label"]).reindex(
        list(split.SPLITS), columns=list(classes), fill_value=0
    )
    holes = [f"{part} has none of {name}" for part, row in counts.iterrows() for name in classes if not row[name]]
    if holes:
        raise DataError(
            f"{root}: {'; '.join(holes)}. Images by split: {counts.to_dict('index')}; {_left_out(excluded)}. "
            "Every split needs every class: "
            "add images of other patients, change test_share or validation_share, correct the lists, or set "
            "drop_cross_split_duplicates: false"
        )


def _check_unreadable(bad: pd.DataFrame, images: int, allowed: float, folder: Path) -> None:
    """Stops if too many images are missing, misnamed or unreadable; all of them are listed in unreadable.csv then."""
    report = folder / "unreadable.csv"
    files.remove(report)
    share = len(bad) / images
    if share > allowed:
        files.write_csv(report, bad[["file", "error"]])
        first = "\n".join(f"  {row.file}: {row.error}" for row in bad.head().itertuples())
        raise DataError(
            f"{folder.name}: {len(bad)} of {images} images are missing or unreadable ({share:.1%}; "
            f"max_unreadable allows {allowed:.1%}):\n"
            f"{first}\nAll are listed in {report}. "
            "Fetch the source again, all its parts, correct its table or list, or raise max_unreadable to go on "
            "without them."
        )


def _also(excluded: pd.DataFrame, rows: pd.DataFrame, reason: str, details: pd.Series) -> pd.DataFrame:
    """The excluded rows and more of them."""
    if rows.empty:
        return excluded
    more = rows[["file", "source"]].assign(reason=reason, detail=details, row=0)
    return pd.concat([excluded, more]).sort_values(["file", "row"], kind="stable", ignore_index=True)
