"""Readers of the five public sources that COVIDx merges (section 3.1), each in the layout it is published in.

A reader closes every row of its source's metadata in the ledger: kept, or excluded with the reason. Patient and image
ids are prefixed with their source, since bare patient numbers collide across sources.
"""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from lib.data import ledger as reasons
from lib.data.errors import DataError
from lib.data.labels import exact_label_of, is_frontal, label_of, skipped_collection
from lib.data.ledger import Ledger
from lib.data.tables import ImageFolder, is_plain_name, read_table

# Short names as COVIDx's own lists write them, and the folder that each source unpacks to
FOLDERS = {
    "cohen": "covid-chestxray-dataset",
    "fig1": "Figure1-COVID-chestxray-dataset",
    "actmed": "Actualmed-COVID-chestxray-dataset",
    "sirm": "COVID-19 Radiography Database",
    "rsna": "rsna-pneumonia-detection-challenge",
}

# Numbers of the Radiography Database's images that the authors' code (and COVID-Net's) leaves out as bad
BAD_RADIOGRAPHY_NUMBERS = frozenset([*range(100, 106), *range(110, 114), *range(122, 127), 217])


def find_sources(folder: Path) -> dict[str, Path]:
    """The sources that lie in a covidx-sources folder, by short name, in the order of the paper's list.

    Raises:
        DataError: the folder is missing or holds none of the five.
    """
    expected = "; ".join(f"{name}/" for name in FOLDERS.values())
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected there one or more of: {expected}")
    there = {_plain(path.name): path for path in sorted(folder.iterdir()) if path.is_dir()}
    found = {}
    for source, name in FOLDERS.items():
        key = _plain(name)
        matches = [path for plain, path in there.items() if plain.startswith(key) or plain in _ALIASES.get(source, ())]
        if matches:
            found[source] = matches[0]
    if not found:
        names = ", ".join(path.name for path in there.values()) or "no folder"
        raise DataError(
            f"{folder}: none of the five COVIDx sources; found: {names}; expected one or more of: {expected}"
        )
    return found


_ALIASES = {
    "sirm": ("covid19radiographydatabase", "covid19radiographydataset"),
    "rsna": ("rsna", "rsnapneumonia"),
}


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
    found = find_sources(root / "covidx-sources")
    urls: set[str] = set()
    for source, folder in found.items():
        READERS[source](folder, rules, ledger, urls)
    return ledger


def read_cohen(folder: Path, rules: str, ledger: Ledger, urls: set[str]) -> None:
    """covid-chestxray-dataset: `metadata.csv`, images/. Adds the URLs of its rows to `urls`."""
    table = read_table(folder / "metadata.csv", ("patientid", "finding", "view", "filename", "url"))
    images = ImageFolder(folder / "images")
    for row in table.to_dict("records"):
        name, patient, line = row["filename"].strip(), row["patientid"].strip(), row["_row"]
        urls.add(_bare(row["url"]))
        label = label_of(row["finding"], rules)
        skipped = skipped_collection(label, row["url"], rules) if label else None
        path = images.find(name) if is_plain_name(name) else None
        file = ledger.relative(path or images.folder / PurePosixPath(name or "unnamed").name)

        def exclude(reason: str, detail: str, file=file, line=line):
            ledger.exclude(file, "cohen", reason, detail, line)

        if not patient:
            exclude(reasons.BAD_ID, "the row has no patient id")
        elif not is_plain_name(name):
            exclude(reasons.BAD_NAME, name)
        elif label is None:
            exclude(reasons.FINDING, row["finding"])
        elif not is_frontal(row["view"], rules):
            exclude(reasons.VIEW, row["view"])
        elif skipped:
            exclude(reasons.ELSEWHERE, skipped)
        elif path is None:
            exclude(reasons.MISSING, "")
        else:
            ledger.keep(file=file, **_ids("cohen", patient, path), label=label, row=line, **_person(row))
    ledger.unlisted["cohen"] = images.unlisted()


def read_fig1(folder: Path, rules: str, ledger: Ledger, urls: set[str]) -> None:
    """Figure1-COVID-chestxray-dataset: `metadata.csv` (ISO-8859-1), images/PATIENTID.jpg or .png."""
    table = read_table(folder / "metadata.csv", ("patientid", "finding"), "latin-1")
    images = ImageFolder(folder / "images")
    for row in table.to_dict("records"):
        patient, line = row["patientid"].strip(), row["_row"]
        label = exact_label_of(row["finding"], rules)
        path = None
        if is_plain_name(patient):
            candidates = [images.find(patient + suffix) for suffix in (".jpg", ".png", ".jpeg")]
            path = next((candidate for candidate in candidates if candidate), None)
        file = ledger.relative(path or images.folder / f"{PurePosixPath(patient or 'unnamed').name}.jpg")
        if not is_plain_name(patient):
            ledger.exclude(file, "fig1", reasons.BAD_ID, patient or "the row has no patient id", line)
        elif label is None:
            ledger.exclude(file, "fig1", reasons.FINDING, row["finding"], line)
        elif path is None:
            ledger.exclude(file, "fig1", reasons.MISSING, "looked for .jpg, .png and .jpeg", line)
        else:
            # COVID-00003a and COVID-00003b are two images of one patient
            ids = _ids("fig1", patient, path) | {"group_id": "fig1-" + re.sub(r"(?<=\d)[a-z]$", "", patient)}
            ledger.keep(file=file, **ids, label=label, row=line, **_person(row))
    ledger.unlisted["fig1"] = images.unlisted()


def read_actmed(folder: Path, rules: str, ledger: Ledger, urls: set[str]) -> None:
    """Actualmed-COVID-chestxray-dataset: `metadata.csv` with `imagename`, images/."""
    table = read_table(folder / "metadata.csv", ("patientid", "finding", "imagename"))
    images = ImageFolder(folder / "images")
    for row in table.to_dict("records"):
        name, patient, line = row["imagename"].strip(), row["patientid"].strip(), row["_row"]
        label = exact_label_of(row["finding"], rules)
        path = images.find(name) if is_plain_name(name) else None
        file = ledger.relative(path or images.folder / PurePosixPath(name or "unnamed").name)
        if not patient:
            ledger.exclude(file, "actmed", reasons.BAD_ID, "the row has no patient id", line)
        elif not is_plain_name(name):
            ledger.exclude(file, "actmed", reasons.BAD_NAME, name, line)
        elif label is None:
            ledger.exclude(file, "actmed", reasons.FINDING, row["finding"], line)
        elif path is None:
            ledger.exclude(file, "actmed", reasons.MISSING, "", line)
        else:
            ledger.keep(file=file, **_ids("actmed", patient, path), label=label, row=line, **_person(row))
    ledger.unlisted["actmed"] = images.unlisted()


def read_sirm(folder: Path, rules: str, ledger: Ledger, urls: set[str]) -> None:
    """COVID-19 Radiography Database: `COVID-19.metadata.xlsx`, COVID-19/. All rows are COVID-19.

    Left out: images whose URL is among `urls` (covid-chestxray-dataset holds them) and those numbered as bad.
    """
    table = read_table(folder / "COVID-19.metadata.xlsx", ("FILE NAME", "FORMAT", "URL"))
    images = ImageFolder(folder / "COVID-19")
    spaceless = {re.sub(r"\s", "", name): name for name in images.names}
    for row in table.to_dict("records"):
        stem, line = row["FILE NAME"].strip(), row["_row"]
        name = f"{stem}.{row['FORMAT'].strip().lower()}"
        path = images.find(spaceless.get(re.sub(r"\s", "", name.lower()), name)) if is_plain_name(stem) else None
        file = ledger.relative(path or images.folder / PurePosixPath(name).name)
        number = re.search(r"\(\s*(\d+)\s*\)", stem)
        if not is_plain_name(stem) or number is None:
            ledger.exclude(file, "sirm", reasons.BAD_NAME, stem or "the row has no file name", line)
        elif int(number[1]) in BAD_RADIOGRAPHY_NUMBERS:
            ledger.exclude(file, "sirm", reasons.KNOWN_BAD, f"number {number[1]}", line)
        elif _bare(row["URL"]) in urls - {""}:
            ledger.exclude(file, "sirm", reasons.ELSEWHERE, row["URL"], line)
        elif path is None:
            ledger.exclude(file, "sirm", reasons.MISSING, "", line)
        else:
            ledger.keep(file=file, **_ids("sirm", number[1], path), label="covid-19", row=line)
    ledger.unlisted["sirm"] = images.unlisted()


def read_rsna(folder: Path, rules: str, ledger: Ledger, urls: set[str]) -> None:
    """RSNA pneumonia challenge: two CSVs, stage_2_train_images/PATIENTID.dcm; one image a patient, rows repeat.

    Class `Normal` is normal, Target 1 is pneumonia, the rest is left out.
    """
    labels = read_table(folder / "stage_2_train_labels.csv", ("patientId", "x", "y", "width", "height", "Target"))
    table = read_table(folder / "stage_2_detailed_class_info.csv", ("patientId", "class"))
    images = ImageFolder(folder / "stage_2_train_images")
    opaque = set(labels.loc[labels["Target"].str.strip().isin(["1", "1.0"]), "patientId"].str.strip())
    seen: dict[str, int] = {}
    for patient, kind, line in zip(
        table["patientId"].str.strip(), table["class"].str.strip(), table["_row"], strict=True
    ):
        path = images.find(f"{patient}.dcm") if is_plain_name(patient) else None
        file = ledger.relative(path or images.folder / f"{PurePosixPath(patient or 'unnamed').name}.dcm")
        label = "pneumonia" if patient in opaque else "normal" if kind.lower() == "normal" else None
        if not is_plain_name(patient):
            ledger.exclude(file, "rsna", reasons.BAD_ID, patient or "the row has no patient id", line)
        elif patient in seen:
            ledger.exclude(file, "rsna", reasons.REPEATED, f"first named in row {seen[patient]}", line)
        elif label is None:
            ledger.exclude(file, "rsna", reasons.FINDING, kind, line)
        elif path is None:
            ledger.exclude(file, "rsna", reasons.MISSING, "", line)
        else:
            ledger.keep(file=file, **_ids("rsna", patient, path), label=label, row=line)
        seen.setdefault(patient, line)
    ledger.unlisted["rsna"] = images.unlisted()


READERS: dict[str, Callable[[Path, str, Ledger, set[str]], None]] = {
    "cohen": read_cohen,
    "fig1": read_fig1,
    "actmed": read_actmed,
    "sirm": read_sirm,
    "rsna": read_rsna,
}


def _ids(source: str, patient: str, path: Path) -> dict[str, str]:
    return {"source": source, "image_id": f"{source}-{path.stem}", "group_id": f"{source}-{patient}"}


def _person(row: dict[str, str]) -> dict[str, str]:
    return {name: row.get(name, "").strip() for name in ("view", "sex", "age")}


def _bare(url: str) -> str:
    """A URL without what two copies of it may differ in (case, scheme, www, final slash)."""
    return re.sub(r"^https?://(www\.)?", "", url.strip().lower()).rstrip("/")
