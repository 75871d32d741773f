"""From a data folder to a prepared dataset: read, convert, split, and account for every metadata row."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lib import files
from lib.data import convert, duplicates, ledger, regions, split, worker
from lib.data.errors import DataError
from lib.data.labels import CHEST_CLASSES, SKIN_CLASSES
from lib.data.ledger import Ledger
from lib.data.lists import read_lists
from lib.data.skin import read_ham10000
from lib.data.sources import FOLDERS, read_sources
from lib.paths import resolve

LAYOUT = f"""expected in it
  covidx-sources/   one or more of: {"; ".join(FOLDERS.values())}
  covidx-lists/     train.txt, test.txt (and val.txt), images/   (parameter covidx_layout chooses one of the two)
  ham10000/         HAM10000_metadata.csv, HAM10000_images_part_1/, HAM10000_images_part_2/
Fetch it with `make data RUN=paper`, or name another folder with DATA=/path/to/data."""


@dataclass(frozen=True)
class Settings:
    """What preparation depends on; the names are those of lib.params.Params.

    Attributes:
        image_size: pixels a side.
        split_seed: seed of the split.
        test_share: share of the images that goes to the test set.
        validation_share: share of the rest that goes to the validation set.
        max_unreadable: a larger share of unreadable files stops the run.
        drop_cross_split_duplicates: True removes duplicates of test images from train and validation, and so on.
        near_duplicate_bits: images whose hashes differ in at most so many bits are duplicates.
        threads: processes that convert; 0 takes all cores.
    """

    image_size: int
    split_seed: int
    test_share: float = 0.15
    validation_share: float = 0.15
    max_unreadable: float = 0.01
    drop_cross_split_duplicates: bool = False
    near_duplicate_bits: int = 4
    threads: int = 0


@dataclass(frozen=True)
class Prepared:
    """What became of the rows.

    Attributes:
        index: the prepared images.
        excluded: the rows left out, with the reason.
        counts: rows, kept, and a column a reason, for each source (lib.data.ledger.counts).
    """

    index: pd.DataFrame
    excluded: pd.DataFrame
    counts: pd.DataFrame


def data_folder(data: str) -> Path:
    """The run's data folder; relative ones start at the project's folder.

    Raises:
        DataError: there is no such folder; the message shows the layout.
    """
    folder = resolve(data)
    if not folder.is_dir():
        raise DataError(f"data: {folder}: no such folder; {LAYOUT}")
    if not any((folder / name).is_dir() for name in ("covidx-sources", "covidx-lists", "ham10000")):
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise DataError(f"data: {folder}: found {found}; {LAYOUT}")
    return folder


def prepare_covidx(root: Path, folder: Path, settings: Settings, *, layout: str, rules: str) -> Prepared:
    """Prepares the chest X-rays: index.csv, images.npy (N, S, S, 1), excluded.csv, and boxes.csv and masks.npy if any.

    Args:
        root: the data folder.
        folder: where the dataset goes.
        settings: see Settings.
        layout: "sources" or "lists".
        rules: "report" or "covidnet" (sources only: lists give their labels).

    Raises:
        DataError: see `prepare`; or the layout is not there.
    """
    book = read_sources(root, rules) if layout == "sources" else read_lists(root)
    return prepare(book, folder, settings, classes=CHEST_CLASSES, channels=1)


def prepare_ham10000(root: Path, folder: Path, settings: Settings) -> Prepared:
    """Prepares the skin images: index.csv, images.npy (N, S, S, 3), excluded.csv.

    Raises:
        DataError: see `prepare`; or the layout is not there.
    """
    return prepare(read_ham10000(root), folder, settings, classes=SKIN_CLASSES, channels=3)


def prepare(book: Ledger, folder: Path, settings: Settings, *, classes: tuple[str, ...], channels: int) -> Prepared:
    """Converts, splits and writes the images that `book` keeps.

    Raises:
        DataError: nothing is left, a class is empty or has too few ids, or too many files are unreadable.
    """
    listed, excluded = book.tables()
    check_classes(listed, excluded, classes, book.root)
    made = convert.convert(
        list(listed["file"]),
        root=book.root,
        folder=folder,
        size=settings.image_size,
        channels=channels,
        threads=settings.threads,
        previous=previous_of(folder, settings.image_size, channels),
        title=folder.name,
    )
    check_unreadable(listed, made, settings.max_unreadable, folder)
    bad = made["error"] != ""
    excluded = _also(excluded, listed[bad], ledger.UNREADABLE, made["error"][bad])
    index = listed[~bad].copy()
    check_classes(index, excluded, classes, book.root)
    index["split"] = split.assign(
        index,
        seed=settings.split_seed,
        test_share=settings.test_share,
        validation_share=settings.validation_share,
    )
    index.insert(list(index.columns).index("file") + 1, "sha256", made["sha256"][~bad])
    index.insert(list(index.columns).index("sha256") + 1, "width", made["width"][~bad])
    index.insert(list(index.columns).index("width") + 1, "height", made["height"][~bad])
    index = regions.with_header_facts(book.root, index)
    if settings.drop_cross_split_duplicates:
        pixels = np.load(folder / "converting.npy", mmap_mode="r")
        dropped = duplicates.to_drop(index, pixels, settings.near_duplicate_bits)
        excluded = _also(excluded, index.loc[dropped.index], ledger.DUPLICATE, dropped)
        index = index.drop(dropped.index)
    return _write(index, excluded, book, folder, settings, channels)


def check_classes(table: pd.DataFrame, excluded: pd.DataFrame, classes: tuple[str, ...], root: Path) -> None:
    """Stops if a class has no image at all.

    Raises:
        DataError: names the empty classes and what was left out.
    """
    empty = [name for name in classes if not (table["label"] == name).any()]
    if empty:
        reasons = ", ".join(f"{reason} {n}" for reason, n in excluded["reason"].value_counts().items()) or "none"
        raise DataError(
            f"{root}: no image of class {', '.join(empty)} ({len(table)} images of the others; "
            f"rows left out: {reasons}); add a source that holds it"
        )


def check_unreadable(listed: pd.DataFrame, made: pd.DataFrame, allowed: float, folder: Path) -> None:
    """Stops if too large a share of the files is unreadable; all of them are listed in unreadable.csv then.

    Raises:
        DataError: names the first files and the reasons.
    """
    bad = made["error"] != ""
    report = folder / "unreadable.csv"
    report.unlink(missing_ok=True)
    if bad.mean() <= allowed:
        return
    files.write_csv(report, pd.DataFrame({"file": listed["file"][bad], "error": made["error"][bad]}))
    first = [f"  {file}: {error}" for file, error in zip(listed["file"][bad][:5], made["error"][bad][:5], strict=True)]
    raise DataError(
        f"{bad.sum()} of {len(bad)} images are unreadable ({bad.mean():.1%}; max_unreadable allows {allowed:.1%}):\n"
        + "\n".join(first)
        + f"\nAll are listed in {report}. Fetch these files again, or raise max_unreadable to go on without them."
    )


def previous_of(folder: Path, size: int, channels: int) -> convert.Previous | None:
    """The finished dataset in `folder`, if its pixels can be reused."""
    settings, images, digests = folder / "preparation.json", folder / "images.npy", folder / "digests.csv"
    if not (settings.is_file() and images.is_file() and digests.is_file()):
        return None
    made = files.read_json(settings)
    if (made["version"], made["image_size"], made["channels"]) != (convert.VERSION, size, channels):
        return None
    table = pd.read_csv(digests, dtype={"file": str, "sha256": str}, keep_default_na=False)
    if len(table) != len(np.load(images, mmap_mode="r")):
        return None
    return convert.Previous(images, {row.file: worker.Known(*row) for row in table.itertuples()})


def _also(excluded: pd.DataFrame, rows: pd.DataFrame, reason: str, details: pd.Series) -> pd.DataFrame:
    more = pd.DataFrame({"file": rows["file"], "source": rows["source"], "reason": reason, "detail": details, "row": 0})
    both = pd.concat([excluded, more]) if len(more) else excluded
    return both.sort_values(["file", "row"], kind="stable", ignore_index=True)


def _write(
    index: pd.DataFrame, excluded: pd.DataFrame, book: Ledger, folder: Path, settings: Settings, channels: int
) -> Prepared:
    """Writes the dataset's files; index.csv last, since its presence says that the dataset is whole.

    digests.csv says of what files the pixels of images.npy were made. It lies apart from index.csv, so that pixels can
    be reused where a later run has removed the index.
    """
    positions = index.index.to_numpy()
    index = index.reset_index(drop=True)
    counts = ledger.counts(index, excluded, book.unlisted)
    images = convert.select(folder, positions)
    regions.write_masks(book.root, folder, index["file"], settings.image_size)
    regions.write_boxes(book.root, folder, index, settings.image_size)
    files.write_csv(folder / "excluded.csv", excluded)
    files.write_csv(folder / "ledger.csv", counts)
    made = {"version": convert.VERSION, "image_size": settings.image_size, "channels": channels}
    (folder / "digests.csv").unlink(missing_ok=True)
    files.write_json(folder / "preparation.json", made)
    os.replace(images, folder / "images.npy")
    files.write_csv(folder / "digests.csv", index[["file", "sha256", "width", "height"]])
    files.write_csv(folder / "index.csv", index)
    convert.clean(folder)
    return Prepared(index, excluded, counts)
