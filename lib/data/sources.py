"""Readers of the five public sources that COVIDx merges (section 3.1) and of HAM10000, each in its published layout.

A reader closes every row of its source's metadata in the ledger: kept, or excluded with the first reason that holds.
Patient and image ids of COVIDx are prefixed with their source, since bare patient numbers collide across sources.
"""

import re
from pathlib import Path

import pandas as pd

from lib.data import DataError
from lib.data import ledger as reasons
from lib.data.labels import SKIN_CLASSES, exact_label_of, is_frontal, label_of, skipped_collection
from lib.data.ledger import Ledger
from lib.data.tables import ImageFolder, is_plain_name, names_in, read_table

# Short names as COVIDx's own lists write them, and the folder that each source unpacks to
FOLDERS = {
    "cohen": "covid-chestxray-dataset",
    "fig1": "Figure1-COVID-chestxray-dataset",
    "actmed": "Actualmed-COVID-chestxray-dataset",
    "sirm": "COVID-19 Radiography Database",
    "rsna": "rsna-pneumonia-detection-challenge",
}
_ALIASES = {"sirm": ("covid19radiographydataset",), "rsna": ("rsna", "rsnapneumonia")}

# Numbers of the Radiography Database's images that the authors' code (and COVID-Net's) leaves out as bad
BAD_RADIOGRAPHY_NUMBERS = frozenset([*range(100, 106), *range(110, 114), *range(122, 127), 217])

NO_PATIENT = "the row has no patient id"


def find_sources(folder: Path) -> dict[str, Path]:
    """The sources that lie in a covidx-sources folder, by short name, in the order of the paper's list.

    Raises:
        DataError: the folder is missing or holds none of the five.
    """
    there = {_plain(path.name): path for path in sorted(folder.glob("*/"))}
    found = {}
    for source, name in FOLDERS.items():
        known = _ALIASES.get(source, ())
        matches = [path for plain, path in there.items() if plain.startswith(_plain(name)) or plain in known]
        if matches:
            found[source] = matches[0]
    if not found:
        expected = "; ".join(f"{name}/" for name in FOLDERS.values())
        what = f"none of the five COVIDx sources; found: {names_in(folder)}"
        raise DataError(f"{folder}: {what}; expected one or more of: {expected}")
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def read_sources(root: Path, rules: str) -> Ledger:
    """Reads those of the five sources that `root`/covidx-sources holds.

    Args:
        root: the data folder.
        rules: "report" or "covidnet" (lib.data.labels).

    Raises:
        DataError: no source, or one whose metadata or images are not as published.
    """
    ledger = Ledger(root)
    urls: set[str] = set()
    for source, folder in find_sources(root / "covidx-sources").items():
        ledger.unlisted[source] = READERS[source](folder, rules, ledger, urls).unlisted()
    return ledger


def read_cohen(folder: Path, rules: str, ledger: Ledger, urls: set[str]) -> ImageFolder:
    """covid-chestxray-dataset: `metadata.csv`, images/. Adds `known_urls` of its rows to `urls`."""
    table = read_table(folder / "metadata.csv", ("patientid", "finding", "view", "filename", "url"))
    images = ImageFolder(folder / "images")
    urls |= known_urls(table, rules)
    for row in table.to_dict("records"):
        label = label_of(row["finding"], rules)
        skipped = skipped_collection(label, row["url"], rules)
        not_frontal = (not is_frontal(row["view"], rules), reasons.VIEW, row["view"])
        elsewhere = (skipped is not None, reasons.ELSEWHERE, skipped)
        _close_named(ledger, images, "cohen", row, row["filename"], label, not_frontal, elsewhere)
    return images


def known_urls(table: pd.DataFrame, rules: str) -> set[str]:
    """URLs, letter by letter, of the rows with a frontal view and one of the three classes, as in the authors' code.

    Args:
        table: covid-chestxray-dataset's metadata as text, with the columns finding, view and url.
        rules: "report" or "covidnet".
    """
    rows = table.to_dict("records")
    return {row["url"] for row in rows if is_frontal(row["view"], rules) and label_of(row["finding"], rules)} - {""}


def read_actmed(folder: Path, rules: str, ledger: Ledger, urls: set[str]) -> ImageFolder:
    """Actualmed-COVID-chestxray-dataset: `metadata.csv`, images/, names in the column `imagename`."""
    table = read_table(folder / "metadata.csv", ("patientid", "finding", "imagename"))
    images = ImageFolder(folder / "images")
    for row in table.to_dict("records"):
        _close_named(ledger, images, "actmed", row, row["imagename"], exact_label_of(row["finding"], rules))
    return images


def _close_named(ledger: Ledger, images: ImageFolder, source: str, row: dict, name: str, label: str | None, *more):
    """Closes a row that names patient, finding and image file; `more` reasons count after those."""
    patient = row["patientid"]
    unless = (
        (not patient, reasons.BAD_ID, NO_PATIENT),
        (not is_plain_name(name), reasons.BAD_NAME, name),
        (label is None, reasons.FINDING, row["finding"]),
        *more,
    )
    told = {"group_id": f"{source}-{patient}", "label": label} | _person(row)
    ledger.close(images, name, source=source, row=row["_row"], unless=unless, **told)


def read_fig1(folder: Path, rules: str, ledger: Ledger, urls: set[str]) -> ImageFolder:
    """Figure1-COVID-chestxray-dataset: `metadata.csv` (ISO-8859-1), images/PATIENTID.jpg or .png."""
    table = read_table(folder / "metadata.csv", ("patientid", "finding"))
    images = ImageFolder(folder / "images")
    for row in table.to_dict("records"):
        patient, label = row["patientid"], exact_label_of(row["finding"], rules)
        unless = (
            (not is_plain_name(patient), reasons.BAD_ID, patient or NO_PATIENT),
            (label is None, reasons.FINDING, row["finding"]),
        )
        # COVID-00003a and COVID-00003b are two images of one patient
        told = {"group_id": "fig1-" + re.sub(r"(?<=\d)[a-z]$", "", patient), "label": label} | _person(row)
        suffixes, missing = (".jpg", ".png", ".jpeg"), "looked for .jpg, .png and .jpeg"
        ledger.close(images, patient, suffixes, source="fig1", row=row["_row"], unless=unless, missing=missing, **told)
    return images


def read_sirm(folder: Path, rules: str, ledger: Ledger, urls: set[str]) -> ImageFolder:
    """COVID-19 Radiography Database: `COVID-19.metadata.xlsx`, COVID-19/. All rows are COVID-19.

    Left out: images whose URL is among `urls` (`known_urls` of covid-chestxray-dataset) and those numbered as bad.
    """
    table = read_table(folder / "COVID-19.metadata.xlsx", ("FILE NAME", "FORMAT", "URL"))
    images = ImageFolder(folder / "COVID-19")
    spaceless = {re.sub(r"\s", "", name): name for name in images.names}  # `COVID-19(1)` is `COVID-19 (1).png`
    for row in table.to_dict("records"):
        stem = row["FILE NAME"]
        name = f"{stem}.{row['FORMAT'].lower()}"
        number = (re.findall(r"\(\s*(\d+)\s*\)", stem) or [""])[0]
        nameless = not is_plain_name(stem) or not number
        unless = (
            (nameless, reasons.BAD_NAME, stem or "the row has no file name"),
            (int(number or 0) in BAD_RADIOGRAPHY_NUMBERS, reasons.KNOWN_BAD, f"number {number}"),
            (row["URL"] in urls, reasons.ELSEWHERE, row["URL"]),
        )
        told = {"group_id": f"sirm-{number}", "label": "covid-19"}
        name = spaceless.get(re.sub(r"\s", "", name.lower()), name)
        ledger.close(images, name, source="sirm", row=row["_row"], unless=unless, **told)
    return images


def read_rsna(folder: Path, rules: str, ledger: Ledger, urls: set[str]) -> ImageFolder:
    """RSNA pneumonia challenge: two CSVs, stage_2_train_images/PATIENTID.dcm; one image a patient, rows repeat.

    Class `Normal` is normal, Target 1 is pneumonia, the rest is left out.
    """
    table = read_table(folder / "stage_2_detailed_class_info.csv", ("patientId", "class"))
    images = ImageFolder(folder / "stage_2_train_images")
    opaque = set(rsna_boxes(folder)["patientId"])
    first: dict[str, int] = {}
    for line, patient, kind in zip(table["_row"], table["patientId"], table["class"], strict=True):
        label = "pneumonia" if patient in opaque else "normal" if kind.lower() == "normal" else None
        unless = (
            (not is_plain_name(patient), reasons.BAD_ID, patient or NO_PATIENT),
            (first.setdefault(patient, line) != line, reasons.REPEATED, f"first named in row {first[patient]}"),
            (label is None, reasons.FINDING, kind),
        )
        told = {"group_id": f"rsna-{patient}", "label": label}
        ledger.close(images, patient, (".dcm",), source="rsna", row=line, unless=unless, **told)
    return images


def rsna_boxes(folder: Path) -> pd.DataFrame:
    """RSNA's boxes around opacities, as text: patientId, x, y, width, height in pixels."""
    labels = read_table(folder / "stage_2_train_labels.csv", ("patientId", "x", "y", "width", "height", "Target"))
    return labels[labels["Target"].isin(["1", "1.0"])]


READERS = {"cohen": read_cohen, "fig1": read_fig1, "actmed": read_actmed, "sirm": read_sirm, "rsna": read_rsna}


def ham10000_folders(root: Path) -> list[Path]:
    """The folders of images in `root`/ham10000; raises DataError if there is none."""
    folder = root / "ham10000"
    parts = sorted(path for path in folder.glob("*/") if path.name.lower().startswith("ham10000_images"))
    if not parts:
        expected = "HAM10000_metadata.csv, HAM10000_images_part_1/ and HAM10000_images_part_2/"
        raise DataError(f"{folder}: no image folder; found: {names_in(folder)}; expected {expected}")
    return parts


def read_ham10000(root: Path) -> Ledger:
    """Reads `root`/ham10000: HAM10000_metadata.csv and HAM10000_images_part_1 and _part_2, grouped by lesion.

    The source of an image is the metadata's column `dataset`, if there is one.

    Raises:
        DataError: the folder, its metadata or both image folders are missing.
    """
    images = ImageFolder(*ham10000_folders(root))
    table = read_table(root / "ham10000" / "HAM10000_metadata.csv", ("lesion_id", "image_id", "dx"))
    ledger = Ledger(root)
    for row in table.to_dict("records"):
        name, lesion, label = row["image_id"], row["lesion_id"], row["dx"].lower()
        source = row.get("dataset") or "ham10000"
        unless = (
            (not lesion or not is_plain_name(name), reasons.BAD_ID, f"lesion '{lesion}', image '{name}'"),
            (label not in SKIN_CLASSES, reasons.FINDING, row["dx"]),
        )
        told = {key: row.get(key, "") for key in ("age", "sex", "localization", "dx_type")}
        told |= {"image_id": name, "group_id": lesion, "label": label}
        ledger.close(images, name, (".jpg",), source=source, row=row["_row"], unless=unless, **told)
    ledger.unlisted["ham10000"] = images.unlisted()
    return ledger


def _person(row: dict[str, str]) -> dict[str, str]:
    return {name: row.get(name, "") for name in ("view", "sex", "age")}
