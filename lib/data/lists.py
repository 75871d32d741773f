"""Reader of COVIDx's list layout (versions 3 to 9): one folder of images and lists, a line an image.

A line reads `patientid filename class source`. Columns are read from the right: patient ids contain spaces, and some
lines (version 5's test list) have no source.
"""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from lib.data import ledger as reasons
from lib.data.errors import DataError
from lib.data.labels import CHEST_CLASSES
from lib.data.ledger import Ledger
from lib.data.tables import IMAGE_SUFFIXES, ImageFolder, is_plain_name

SOURCES = ("cohen", "fig1", "actmed", "sirm", "rsna", "ricord", "bimcv", "stonybrook", "nih")
_OTHER_NAMES = {"actualmed": "actmed", "figure1": "fig1", "rnsa": "rsna"}
_CLASSES = (*CHEST_CLASSES, "positive", "negative")
_NAMES_TELL = {"midrc-ricord": "ricord", "sars-10.1148": "cohen"}  # file names that only one source has
_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_SPLITS = {"train": "train", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class Line:
    """One line of a list.

    Attributes:
        patient: bare patient id as listed.
        name: the image's file name.
        label: lower-case class; `positive` and `negative` in the binary lists of versions 8B and 9.
        source: short name, corrected if misspelt; "unknown" if the line has none and the name does not tell.
    """

    patient: str
    name: str
    label: str
    source: str


def parse_line(line: str, names: set[str] | frozenset[str] = frozenset()) -> Line | None:
    """Reads one line from the right; None if it has no class where one must stand.

    Args:
        line: the text.
        names: lower-case names of the files that are there; only needed for file names that contain spaces.
    """
    words = line.split()
    if len(words) >= 3 and words[-1].lower() in _CLASSES:
        rest, label, source = words[:-1], words[-1].lower(), ""
    elif len(words) >= 4 and words[-2].lower() in _CLASSES:
        rest, label, source = words[:-2], words[-2].lower(), words[-1].lower()
    else:
        return None
    cut = len(rest) - 1
    while cut > 1 and " ".join(rest[cut:]).lower() not in names and not _starts_name(rest, cut):
        cut -= 1
    if " ".join(rest[cut:]).lower() not in names and not _starts_name(rest, cut):
        cut = len(rest) - 1
    patient, name = " ".join(rest[:cut]), " ".join(rest[cut:])
    return Line(patient, name, label, _source(source, name))


def _starts_name(words: list[str], cut: int) -> bool:
    """True if a file name can start here: it ends in an image suffix and is not split from its own first words.

    `COVID 1 COVID(1).png`: the last word is a name. `COVID-19 (1) COVID-19 (1).png`: the last word `(1).png` follows a
    word that the patient id starts with, so the name is longer.
    """
    name = " ".join(words[cut:])
    if not name.lower().endswith(IMAGE_SUFFIXES):
        return False
    return not (cut > 1 and re.match(r"^\(?\d+\)?\.", name))


def _source(text: str, name: str) -> str:
    stem = name.rsplit(".", 1)[0].lower()
    if not text:
        if _UUID.match(stem):
            return "rsna"
        return next((source for start, source in _NAMES_TELL.items() if stem.startswith(start)), "unknown")
    if text in SOURCES:
        return text
    if text in _OTHER_NAMES:
        return _OTHER_NAMES[text]
    near = difflib.get_close_matches(text, SOURCES, n=1, cutoff=0.75)
    return near[0] if near else text


def find_lists(folder: Path) -> dict[str, Path]:
    """The lists of a covidx-lists folder by split: train and test, and validation if there is one.

    Raises:
        DataError: no folder, no list for train or test, or several for one split.
    """
    layout = (
        f"{folder}: expected train.txt, test.txt (and val.txt), `patientid filename class source` a line, and images/"
    )
    if not folder.is_dir():
        raise DataError(f"{layout}; found no such folder")
    found = {}
    for prefix, split in _SPLITS.items():
        matches = sorted(path for path in folder.glob("*.txt") if path.stem.lower().startswith(prefix))
        exact = [path for path in matches if path.stem.lower() in (prefix, split)]
        matches = exact or matches
        if len(matches) > 1:
            listed = ", ".join(path.name for path in matches)
            raise DataError(f"{folder}: several lists for {split} ({listed}); keep those of one version")
        if matches:
            found[split] = matches[0]
    missing = {"train", "test"} - set(found)
    if missing:
        listed = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
        raise DataError(f"{layout}; found: {listed}")
    return found


def read_lists(root: Path) -> Ledger:
    """Reads `root`/covidx-lists, with the lists' own split.

    Raises:
        DataError: the layout is not there, a list is empty, or all its lines are unreadable.
    """
    folder = root / "covidx-lists"
    lists = find_lists(folder)
    folders = [ImageFolder(path) for path in (folder / name for name in ("images", *_SPLITS)) if path.is_dir()]
    if not folders:
        folders = [ImageFolder(folder / "images")]
    names = frozenset(name for images in folders for name in images.names)
    ledger = Ledger(root)
    for split, path in lists.items():
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        parsed = [(number, text, parse_line(text, names)) for number, text in enumerate(lines, 1) if text.strip()]
        if not any(line for _, _, line in parsed):
            raise DataError(
                f"{path}: {len(parsed)} lines, none reads `patientid filename class source`; take the list as published"
            )
        for number, text, line in parsed:
            _close(ledger, folder, folders, split, number, text, line)
    for images in folders:
        ledger.unlisted["lists"] += images.unlisted()
    return ledger


def _close(
    ledger: Ledger, folder: Path, folders: list[ImageFolder], split: str, number: int, text: str, line: Line | None
) -> None:
    if line is None:
        ledger.exclude(ledger.relative(folder), "unknown", reasons.BAD_NAME, f"unreadable line: {text.strip()}", number)
        return
    found = [images.find(line.name) for images in folders] if is_plain_name(line.name) else []
    path = next((candidate for candidate in found if candidate), None)
    file = ledger.relative(path or folder / "images" / Path(line.name).name)
    if not is_plain_name(line.name):
        ledger.exclude(file, line.source, reasons.BAD_NAME, line.name, number)
    elif line.label not in CHEST_CLASSES:
        ledger.exclude(file, line.source, reasons.FINDING, line.label, number)
    elif path is None:
        ledger.exclude(file, line.source, reasons.MISSING, "", number)
    else:
        ledger.keep(
            file=file,
            source=line.source,
            image_id=f"{line.source}-{path.stem}",
            group_id=f"{line.source}-{line.patient}",
            label=line.label,
            row=number,
            split=split,
        )
