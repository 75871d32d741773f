"""The five COVIDx sources as phantoms: which images each of them holds, and its tables.

Class and source go together as in the real collection (most covid-19 images come from the first four sources, most
others from RSNA), but every class comes from several sources. About one image in twenty is there for the sources'
rules to leave out: side views, slices, other findings, missing findings, known addresses, bad numbers.
"""

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lib import files
from lib.data.labels import CHEST_CLASSES
from lib.data.sources import FOLDERS
from lib.phantoms import formats
from lib.phantoms.fields import generator

SOURCES = COHEN, FIGURE1, ACTUALMED, RADIOGRAPHY, RSNA = tuple(FOLDERS.values())
BAD_NUMBERS = (100, 217, *range(101, 106), *range(110, 114), *range(122, 127))  # as the rules name them

# The tables' columns as the sources have them; those that the phantoms do not need stay empty.
COLUMNS = {
    COHEN: "patientid, offset, sex, age, finding, survival, intubated, went_icu, needed_supplemental_o2, extubated, "
    "temperature, pO2 saturation, leukocyte count, neutrophil count, lymphocyte count, view, modality, date, location, "
    "folder, filename, doi, url, license, clinical notes, other notes",
    FIGURE1: "patientid, offset, sex, age, finding, survival, temperature, pO2 saturation, view, modality, "
    "artifacts/distortion, notes",
    ACTUALMED: "patientid, offset, sex, age, finding, survival, temperature, pO2 saturation, view, modality, "
    "imagename, artifacts/distortion, notes",
}

# What the rules leave out, in the order in which it is dealt out; small collections get the first few.
LEFT_OUT = (
    *("side view", "no finding", "bad number", "known address", "not normal", "finding missing", "other virus"),
    *("slice", "no finding", "not normal", "semi erect", "not normal", "bacterial", "inconclusive", "no finding"),
)

Shares = dict[tuple[str, str], int]
Box = tuple[float, ...]
"""x, y, width and height in pixels."""


@dataclass(frozen=True)
class Shot:
    """One image of a source.

    Attributes:
        source: the source's folder.
        file: path below that folder.
        patient: what fixes the anatomy; one patient of one source.
        image: what fixes pose and exposure.
        label: what the image shows: covid-19, normal, pneumonia.
        row: this image's row in the source's table; of RSNA, what its DICOM file says.
        view: frontal, lateral or axial.
        mode: Pillow's mode of the file; empty for DICOM.
        large_heart: shows a finding outside the three classes.
    """

    source: str
    file: str
    patient: str
    image: str
    label: str
    row: dict[str, object]
    view: str = "frontal"
    mode: str = ""
    large_heart: bool = False


def images_by_source(images: int) -> tuple[Shares, list[str]]:
    """How many of `images` (60 or more) each source holds of each class, and what is there to be left out."""
    left_out = list(itertools.islice(itertools.cycle(LEFT_OUT), max(9, round(0.05 * images))))
    kept = images - len(left_out)
    covid, normal = round(0.18 * kept), round(0.45 * kept)
    pneumonia = kept - covid - normal
    shares = {
        (FIGURE1, "covid-19"): round(0.20 * covid),
        (ACTUALMED, "covid-19"): round(0.20 * covid),
        (RADIOGRAPHY, "covid-19"): round(0.24 * covid),
        (COHEN, "normal"): max(2, round(0.05 * normal)),
        (FIGURE1, "normal"): max(1, round(0.02 * normal)),
        (COHEN, "pneumonia"): max(2, round(0.07 * pneumonia)),
        (FIGURE1, "pneumonia"): max(1, round(0.02 * pneumonia)),
    }
    for source, label, total in ((COHEN, "covid-19", covid), (RSNA, "normal", normal), (RSNA, "pneumonia", pneumonia)):
        shares[source, label] = total - sum(n for (_, other), n in shares.items() if other == label)
    return shares, left_out


def planned_shots(images: int, seed: int) -> list[Shot]:
    """All images of the five sources, in the order of their tables."""
    shares, left_out = images_by_source(images)
    first = _cohen(shares, left_out, generator(seed, COHEN))
    known = [shot for shot in first if shot.view == "frontal" and shot.label == "covid-19"]
    return [
        *first,
        *_figure1(shares, left_out, generator(seed, FIGURE1)),
        *_actualmed(shares, left_out, generator(seed, ACTUALMED)),
        *_radiography(shares, left_out, generator(seed, RADIOGRAPHY), known),
        *_rsna(shares, left_out, generator(seed, RSNA)),
    ]


def _groups(rng: np.random.Generator, images: int) -> Iterator[int]:
    """Numbers of images of one patient after another: mostly 1, some 2 to 4."""
    while images > 0:
        size = min(images, int(rng.choice([1, 2, 3, 4], p=[0.66, 0.2, 0.09, 0.05])))
        yield size
        images -= size


def _person(rng: np.random.Generator) -> dict[str, object]:
    return {"sex": str(rng.choice(["M", "F", ""], p=[0.5, 0.4, 0.1])), "age": int(rng.integers(19, 89))}


def _cohen(shares: Shares, left_out: list[str], rng: np.random.Generator) -> list[Shot]:
    """covid-chestxray-dataset: any format and mode, findings as text and as paths, several images a patient."""
    shots, patient = [], itertools.count(1)

    def add(number: int, person: dict, day: int, label: str, finding: str, position: str, view="frontal") -> None:
        suffix = str(rng.choice(["png", "jpg", "jpeg"], p=[0.4, 0.35, 0.25]))
        modes, p = (["L", "RGB", "RGBA"], [0.4, 0.45, 0.15]) if suffix == "png" else (["L", "RGB"], None)
        mode = str(rng.choice(modes, p=p))
        name = f"phantom-{number:03d}-day{day}-{len(shots) + 1:03d}.{suffix}"
        known = label == "covid-19" and number % 11 == 5
        address = (
            f"https://www.eurorad.org/case/phantom-{number}" if known else f"https://phantoms.example/case/{number}"
        )
        row = {"patientid": number, "offset": day, **person, "finding": finding, "view": position}
        row |= {"modality": "CT" if view == "axial" else "X-ray", "date": 2020, "location": "Nowhere"}
        row |= {"folder": "images", "filename": name, "url": address, "license": "CC0", "clinical notes": "Generated."}
        shots.append(Shot(COHEN, f"images/{name}", f"{COHEN}/{number}", name, label, row, view, mode))

    paths = {"covid-19": ["COVID-19", "COVID-19, ARDS", "Pneumonia/Viral/COVID-19"]}
    for label in CHEST_CLASSES:
        for size in _groups(rng, shares[COHEN, label]):
            number, person, day = next(patient), _person(rng), int(rng.integers(0, 5))
            for _ in range(size):
                finding = str(rng.choice(paths.get(label, [label.capitalize()])))
                view = str(rng.choice(["PA", "AP", "AP Supine", "AP erect"], p=[0.6, 0.15, 0.2, 0.05]))
                add(number, person, day, label, finding, view)
                day += int(rng.integers(1, 5))
    shown = {
        "slice": ("covid-19", "COVID-19", "Axial", "axial"),
        "semi erect": ("covid-19", "COVID-19", "AP semi erect"),
        "other virus": ("pneumonia", "Pneumonia/Viral/SARS", "PA"),
        "bacterial": ("pneumonia", "Streptococcus", "PA"),
    }
    for reason in left_out:
        if reason == "side view":  # of a patient who has a frontal image too
            add(1, {"sex": "", "age": ""}, 30, "covid-19", "COVID-19", "L", "lateral")
        elif reason in shown:
            add(next(patient), _person(rng), 3, *shown[reason])
    return shots


def _figure1(shares: Shares, left_out: list[str], rng: np.random.Generator) -> list[Shot]:
    """Figure1: named by patient id, JPEG or PNG; a letter tells two images of one patient apart."""
    shots, number, pair = [], itertools.count(1), ""
    wanted = [label for label in CHEST_CLASSES for _ in range(shares[FIGURE1, label])]
    wanted += [reason for reason in left_out if reason == "finding missing"]
    findings = {"covid-19": "COVID-19", "normal": "Normal", "pneumonia": "Pneumonia", "finding missing": ""}
    for at, label in enumerate(wanted):
        if pair:
            identifier, pair = f"{pair}b", ""
        else:
            identifier = f"COVID-{next(number):05d}"
            if wanted[at + 1 : at + 2] == [label] and rng.uniform() < 0.2:
                pair, identifier = identifier, f"{identifier}a"
        file = f"images/{identifier}.{rng.choice(['jpg', 'png'], p=[0.8, 0.2])}"
        row = {"patientid": identifier, "offset": int(rng.integers(1, 14)), **_person(rng), "finding": findings[label]}
        row |= {"view": str(rng.choice(["PA", "AP", "AP erect", ""])), "modality": "X-ray"}
        row |= {"notes": "Generated. Temperature 38.5 \N{DEGREE SIGN}C."}
        looks = "covid-19" if label == "finding missing" else label
        patient = f"{FIGURE1}/{identifier.rstrip('ab')}"
        shots.append(Shot(FIGURE1, file, patient, identifier, looks, row, mode="L"))
    return shots


def _actualmed(shares: Shares, left_out: list[str], rng: np.random.Generator) -> list[Shot]:
    """Actualmed: long names in a column of their own, several images a patient; also patients without the disease."""
    shots = []
    findings = {"no finding": ("normal", "No finding", 1), "inconclusive": ("covid-19", "", 1)}
    wanted = [("covid-19", "COVID-19", size) for size in _groups(rng, shares[ACTUALMED, "covid-19"])]
    wanted += [findings[reason] for reason in left_out if reason in findings]
    for number, (label, finding, size) in enumerate(wanted, start=1):
        for _ in range(size):
            day = f"2020{int(rng.integers(3, 5)):02d}{int(rng.integers(1, 29)):02d}"
            kind = str(rng.choice(["CR", "DX"]))
            name = f"{kind}.1.2.826.0.1.3680043.8.498.{len(shots) + 1}.{day}{int(rng.integers(10**8, 10**9))}.png"
            row = {"patientid": f"ANON{number}", "finding": finding, "view": str(rng.choice(["AP", "PA"]))}
            row |= {"modality": "X-ray", "imagename": name, "notes": f"Generated, date taken (YYYYMMDD): {day}"}
            shots.append(Shot(ACTUALMED, f"images/{name}", f"{ACTUALMED}/{number}", name, label, row, mode="RGB"))
    return shots


def _radiography(shares: Shares, left_out: list[str], rng: np.random.Generator, known_shots: list[Shot]) -> list[Shot]:
    """COVID-19 Radiography Database: numbered PNGs; file names have a space that the table lacks, but not all."""
    shots, known, bad = [], iter(known_shots), itertools.cycle(BAD_NUMBERS)
    good = (number for number in itertools.count(1) if number not in BAD_NUMBERS)
    entries: dict[int, Shot | None] = dict.fromkeys(itertools.islice(good, shares[RADIOGRAPHY, "covid-19"]))
    count = len(entries)
    for reason in left_out:
        if reason == "bad number":
            number = next(bad)
            if number not in entries:
                entries[number] = None
                continue
        if reason in ("bad number", "known address"):
            entries[next(n for n in itertools.count(count + 1) if n not in entries)] = next(known)
    for number, same in entries.items():
        space = " " if rng.uniform() < 0.6 else ""
        address = same.row["url"] if same else f"https://phantoms.example/radiography/{number}"
        row = {"FILE NAME": f"COVID-19({number})", "FORMAT": "PNG", "SIZE": "", "URL": address}
        patient, image = (same.patient, same.image) if same else (f"{RADIOGRAPHY}/{number}", str(number))
        name = f"COVID-19/COVID-19{space}({number}).png"
        shots.append(Shot(RADIOGRAPHY, name, patient, image, "covid-19", row, mode="RGB"))
    return shots


def _rsna(shares: Shares, left_out: list[str], rng: np.random.Generator) -> list[Shot]:
    """RSNA: one DICOM a patient, named by the patient's id."""
    labels = [label for label in ("normal", "pneumonia") for _ in range(shares[RSNA, label])]
    labels += [reason for reason in left_out if reason == "not normal"]
    shots = []
    for label in labels:
        patient = str(uuid.UUID(bytes=rng.bytes(16), version=4))
        person = _person(rng)
        row = {"patient": patient, "inverted": bool(rng.uniform() < 0.04)}
        header = {"PatientSex": person["sex"] or "O", "PatientAge": f"{person['age']:03d}Y"}
        row["header"] = header | {"ViewPosition": str(rng.choice(["PA", "AP"]))}
        odd = label == "not normal"
        path, look = f"stage_2_train_images/{patient}.dcm", "normal" if odd else label
        shots.append(Shot(RSNA, path, f"{RSNA}/{patient}", patient, look, row, large_heart=odd))
    return sorted(shots, key=lambda shot: shot.file)


def write_tables(folder: Path, shots: list[Shot], boxes: list[list[Box]]) -> None:
    """Writes every source's own table below covidx-sources/; `boxes` are those around each shot's opacities."""
    tables = {source: pd.DataFrame([shot.row for shot in shots if shot.source == source]) for source in SOURCES}
    for source, columns in COLUMNS.items():
        tables[source] = tables[source].reindex(columns=columns.split(", "))
    files.write_csv(folder / COHEN / "metadata.csv", tables[COHEN])
    with files.replacing(folder / FIGURE1 / "metadata.csv") as temporary:  # the one table that is not UTF-8
        tables[FIGURE1].to_csv(temporary, index=False, lineterminator="\n", encoding="iso-8859-1")
    files.write_csv(folder / ACTUALMED / "metadata.csv", tables[ACTUALMED])
    formats.write_workbook(folder / RADIOGRAPHY / "COVID-19.metadata.xlsx", tables[RADIOGRAPHY])
    rows = []
    for shot, around in zip(shots, boxes, strict=True):
        if shot.source == RSNA:  # a row a box, so rows repeat
            finding = {"normal": "Normal", "pneumonia": "Lung Opacity"}[shot.label]
            finding = "No Lung Opacity / Not Normal" if shot.large_heart else finding
            target = int(shot.label == "pneumonia")
            rows += [(shot.row["patient"], *box, target, finding) for box in around or [("", "", "", "")]]
    table = pd.DataFrame(rows, columns=["patientId", "x", "y", "width", "height", "Target", "class"])
    files.write_csv(folder / RSNA / "stage_2_detailed_class_info.csv", table[["patientId", "class"]])
    files.write_csv(folder / RSNA / "stage_2_train_labels.csv", table.drop(columns="class"))
