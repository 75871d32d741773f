"""Reader of COVIDx's list layout (versions 3 to 9): one folder of images and lists, a line an image.

A line reads `patientid filename class source`. Columns are read from the right: patient ids contain spaces, and some
lines (version 5's test list) have no source.
"""

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lib.data import DataError
from lib.data import ledger as reasons
from lib.data.labels import CHEST_CLASSES
from lib.data.ledger import Ledger
from lib.data.sources import FOLDERS
from lib.data.split import SPLITS
from lib.data.tables import IMAGE_SUFFIXES, ImageFolder, check_size, is_plain_name, names_in

SOURCES = (*FOLDERS, "ricord", "bimcv", "stonybrook", "nih")
_OTHER_NAMES = {"actualmed": "actmed", "figure1": "fig1", "rnsa": "rsna"}
_CLASSES = (*CHEST_CLASSES, "positive", "negative")
# File names that only one source has
_NAMES_TELL = {
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$": "rsna",
    "midrc-ricord": "ricord",
    r"sars-10\.1148": "cohen",
}
_PREFIXES = {split: split.replace("validation", "val") for split in SPLITS}  # what a list's name starts with


@dataclass(frozen=True)
class Line:
    """One line of a list."""

    patient: str  # bare id as listed
    name: str  # of the image's file
    label: str  # lower-case class; `positive` and `negative` in the binary lists of versions 8B and 9
    source: str  # short name, corrected if misspelt; "unknown" if the line has none and the name does not tell


def parse_line(line: str, names: Collection[str] = ()) -> Line | None:
    """Reads one line from the right; None if it has no class where one must stand.

    Only for file names that contain spaces, `names` tells which (lower-case) files there are.
    """
    words = line.split()
    if len(words) >= 3 and words[-1].lower() in _CLASSES:
        rest, label, source = words[:-1], words[-1].lower(), ""
    elif len(words) >= 4 and words[-2].lower() in _CLASSES:
        rest, label, source = words[:-2], words[-2].lower(), words[-1].lower()
    else:
        return None
    cuts = range(len(rest) - 1, 0, -1)  # the name may hold spaces: the shortest that can be one is taken
    cut = next((cut for cut in cuts if _is_name(rest, cut, names)), len(rest) - 1)
    patient, name = " ".join(rest[:cut]), " ".join(rest[cut:])
    return Line(patient, name, label, _source(source, name))


def _is_name(words: list[str], cut: int, names: Collection[str]) -> bool:
    """True if the words from `cut` on are a file's name: one that is there, or one that ends in an image suffix.

    `COVID 1 COVID(1).png`: the last word is a name. `COVID-19 (1) COVID-19 (1).png`: the last word `(1).png` only
    numbers the word before it, so the name is longer.
    """
    name = " ".join(words[cut:]).lower()
    return name in names or (name.endswith(IMAGE_SUFFIXES) and not (cut > 1 and re.match(r"\(?\d+\)?\.", name)))


def _source(text: str, name: str) -> str:
    if text in SOURCES:
        return text
    if text:
        near = difflib.get_close_matches(text, SOURCES, n=1, cutoff=0.75)
        return _OTHER_NAMES.get(text) or (near[0] if near else text)
    stem = name.rsplit(".", 1)[0].lower()
    return next((source for start, source in _NAMES_TELL.items() if re.match(start, stem)), "unknown")


def find_lists(folder: Path) -> dict[str, Path]:
    """The lists of a covidx-lists folder by split: train and test, and validation if there is one.

    Raises:
        DataError: no folder, no list for train or test, or several for one split.
    """
    found = {}
    for split, prefix in _PREFIXES.items():
        there = (path for path in folder.glob("*.txt") if path.is_file())  # a pipe would never end
        matches = sorted(path for path in there if path.stem.lower().startswith(prefix))
        matches = [path for path in matches if path.stem.lower() in (prefix, split)] or matches
        if len(matches) > 1:
            listed = ", ".join(path.name for path in matches)
            raise DataError(f"{folder}: several lists for {split} ({listed}); keep those of one version")
        if matches:
            found[split] = matches[0]
    if not {"train", "test"} <= set(found):
        layout = "train.txt, test.txt (and val.txt), `patientid filename class source` a line, and images/"
        raise DataError(f"{folder}: expected {layout}; found: {names_in(folder)}")
    return found


def read_lists(root: Path) -> Ledger:
    """Reads `root`/covidx-lists, with the lists' own split.

    Raises:
        DataError: the layout is not there, a list is empty, or all its lines are unreadable.
    """
    folder = root / "covidx-lists"
    lists = find_lists(folder)
    images = ImageFolder(*(folder / name for name in ("images", *_PREFIXES.values())))
    names = frozenset(images.names)
    ledger = Ledger(root)
    for split, path in lists.items():
        check_size(path, "take the list as published")
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()  # Windows writes a mark first
        parsed = [(number, text, parse_line(text, names)) for number, text in enumerate(lines, 1) if text.strip()]
        if not any(line for _, _, line in parsed):
            none = f"{len(parsed)} lines, none reads `patientid filename class source`"
            raise DataError(f"{path}: {none}; take the list as published")
        for number, text, line in parsed:
            if line is None:
                detail = f"unreadable line: {text.strip()}"
                ledger.exclude(folder.name, "unknown", reasons.BAD_NAME, detail, number)
                continue
            unless = (
                (not is_plain_name(line.name), reasons.BAD_NAME, line.name),
                (line.label not in CHEST_CLASSES, reasons.FINDING, line.label),
            )
            told = {"group_id": f"{line.source}-{line.patient}", "label": line.label, "split": split}
            ledger.close(images, line.name, source=line.source, row=number, unless=unless, **told)
    ledger.unlisted["lists"] = images.unlisted()
    return ledger
