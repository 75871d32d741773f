"""The five COVIDx sources as phantoms: which images each of them holds, and its tables.

Class and source go together as in the real collection (most covid-19 images come from the first four sources, most
others from RSNA), but every class comes from several sources. About one image in twenty is there for the sources'
rules to leave out: side views, slices, other findings, missing findings, known addresses, bad numbers.
"""

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from lib import files
from lib.phantoms import formats
from lib.phantoms.fields import generator

COHEN = "covid-chestxray-dataset"
FIGURE1 = "Figure1-COVID-chestxray-dataset"
ACTUALMED = "Actualmed-COVID-chestxray-dataset"
RADIOGRAPHY = "COVID-19 Radiography Database"
RSNA = "rsna-pneumonia-detection-challenge"
SOURCES = (COHEN, FIGURE1, ACTUALMED, RADIOGRAPHY, RSNA)
BAD_NUMBERS = (100, 217, *range(101, 106), *range(110, 114), *range(122, 127))  # as the rules name them

# The tables' columns as the sources have them; those that the phantoms do not need stay empty.
COLUMNS = {
    COHEN: "patientid offset sex age finding survival intubated went_icu needed_supplemental_o2 extubated temperature "
    "pO2_saturation leukocyte_count neutrophil_count lymphocyte_count view modality date location folder filename doi "
    "url license clinical_notes other_notes",
    FIGURE1: "patientid offset sex age finding survival temperature pO2_saturation view modality artifacts/distortion "
    "notes",
    ACTUALMED: "patientid offset sex age finding survival temperature pO2_saturation view modality imagename "
    "artifacts/distortion notes",
}

# What the rules leave out, in the order in which it is dealt out; small collections get the first few.
LEFT_OUT = (
    *("side view", "no finding", "bad number", "known address", "not normal", "finding missing", "other virus"),
    *("slice", "no finding", "not normal", "semi erect", "not normal", "bacterial", "inconclusive", "no finding"),
)


@dataclass(frozen=True)
class Shot:
    """One image of a source.

    Attributes:
        source: the source's folder.
        file: path below that folder.
        patient: what fixes the anatomy; one patient of one source.
        image: what fixes pose and exposure.
        label: what the image shows: covid-19, normal, pneumonia.
        view: frontal, lateral or axial.
        mode: Pillow's mode of the file; empty for DICOM.
        large_heart: shows a finding outside the three classes.
        row: this image's row in the source's table.
    """

    source: str
    file: str
    patient: str
    image: str
    label: str
    view: str = "frontal"
    mode: str = ""
    large_heart: bool = False
    row: dict[str, object] = field(default_factory=dict)

    @property
    def square(self) -> bool:
        return self.source == RSNA

    @property
    def marked(self) -> bool:
        """Whether the source carries the planted marker: those that the covid-19 images come from."""
        return self.source != RSNA


def counts(images: int) -> tuple[dict[tuple[str, str], int], list[str]]:
    """How many images each source holds of each class, and what is there to be left out.

    Args:
        images: all images together, at least 60.
    """
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


def plan(images: int, seed: int) -> list[Shot]:
    """All images of the five sources, in the order of their tables."""
    shares, left_out = counts(images)
    first = _cohen(shares, left_out, generator(seed, COHEN))
    shots = [
        *first,
        *_figure1(shares, left_out, generator(seed, FIGURE1)),
        *_actualmed(shares, left_out, generator(seed, ACTUALMED)),
        *_radiography(shares, left_out, generator(seed, RADIOGRAPHY), first),
        *_rsna(shares, left_out, generator(seed, RSNA)),
    ]
    return shots


def _groups(rng: np.random.Generator, images: int) -> Iterator[int]:
    """Numbers of images of one patient after another: mostly 1, some 2 to 4."""
    while images > 0:
        size = min(images, int(rng.choice([1, 2, 3, 4], p=[0.66, 0.2, 0.09, 0.05])))
        yield size
        images -= size


def _person(rng: np.random.Generator) -> dict[str, object]:
    return {"sex": str(rng.choice(["M", "F", ""], p=[0.5, 0.4, 0.1])), "age": int(rng.integers(19, 89))}


def _cohen(shares, left_out, rng) -> list[Shot]:
    """covid-chestxray-dataset: any format and mode, findings as text and as paths, several images a patient."""
    shots, patient = [], itertools.count(1)

    def add(
        number: int, person: dict, day: int, label: str, finding: str, position: str, shown: str = "frontal"
    ) -> None:
        suffix = str(rng.choice(["png", "jpg", "jpeg"], p=[0.4, 0.35, 0.25]))
        mode = str(rng.choice(["L", "RGB", "RGBA"], p=[0.4, 0.45, 0.15])) if suffix == "png" else "L"
        mode = str(rng.choice(["L", "RGB"])) if suffix != "png" else mode
        order = len(shots) + 1
        address = f"https://phantoms.example/case/{number}"
        if label == "covid-19" and number % 11 == 5:
            address = f"https://www.eurorad.org/case/phantom-{number}"
        name = f"phantom-{number:03d}-day{day}-{order:03d}.{suffix}"
        row = {"patientid": number, "offset": day, **person, "finding": finding, "view": position}
        row |= {"modality": "CT" if shown == "axial" else "X-ray", "date": 2020, "location": "Nowhere"}
        row |= {"folder": "images", "filename": name, "url": address, "license": "CC0", "clinical notes": "Generated."}
        shots.append(Shot(COHEN, f"images/{name}", f"{COHEN}/{number}", name, label, shown, mode, row=row))

    paths = {"covid-19": ["COVID-19", "COVID-19, ARDS", "Pneumonia/Viral/COVID-19"]}
    for label in ("covid-19", "normal", "pneumonia"):
        for size in _groups(rng, shares[COHEN, label]):
            number, person, day = next(patient), _person(rng), int(rng.integers(0, 5))
            for _ in range(size):
                finding = str(rng.choice(paths.get(label, [label.capitalize()])))
                view = str(rng.choice(["PA", "AP", "AP Supine", "AP erect"], p=[0.6, 0.15, 0.2, 0.05]))
                add(number, person, day, label, finding, view)
                day += int(rng.integers(1, 5))
    for reason in left_out:
        if reason == "side view":  # of a patient who has a frontal image too
            add(1, {"sex": "", "age": ""}, 30, "covid-19", "COVID-19", "L", "lateral")
        elif reason == "slice":
            add(next(patient), _person(rng), 3, "covid-19", "COVID-19", "Axial", "axial")
        elif reason == "semi erect":
            add(next(patient), _person(rng), 3, "covid-19", "COVID-19", "AP semi erect")
        elif reason == "other virus":
            add(next(patient), _person(rng), 3, "pneumonia", "Pneumonia/Viral/SARS", "PA")
        elif reason == "bacterial":
            add(next(patient), _person(rng), 3, "pneumonia", "Streptococcus", "PA")
    return shots


def _figure1(shares, left_out, rng) -> list[Shot]:
    """Figure1: named by patient id, JPEG or PNG; a letter tells two images of one patient apart."""
    shots, number = [], itertools.count(1)
    wanted = [label for label in ("covid-19", "normal", "pneumonia") for _ in range(shares[FIGURE1, label])]
    wanted += [reason for reason in left_out if reason == "finding missing"]
    pair = ""
    for at, label in enumerate(wanted):
        missing = label == "finding missing"
        if pair:
            identifier, pair = f"{pair}b", ""
        else:
            identifier = f"COVID-{next(number):05d}"
            if wanted[at + 1 : at + 2] == [label] and rng.uniform() < 0.2:
                pair, identifier = identifier, f"{identifier}a"
        suffix = str(rng.choice(["jpg", "png"], p=[0.8, 0.2]))
        finding = "" if missing else {"covid-19": "COVID-19"}.get(label, label.capitalize())
        row = {"patientid": identifier, "offset": int(rng.integers(1, 14)), **_person(rng), "finding": finding}
        row |= {"view": str(rng.choice(["PA", "AP", "AP erect", ""])), "modality": "X-ray"}
        row |= {"notes": "Generated. Temperature 38.5 \N{DEGREE SIGN}C."}
        looks = "covid-19" if missing else label
        patient = f"{FIGURE1}/{identifier.rstrip('ab')}"
        shots.append(Shot(FIGURE1, f"images/{identifier}.{suffix}", patient, identifier, looks, mode="L", row=row))
    return shots


def _actualmed(shares, left_out, rng) -> list[Shot]:
    """Actualmed: long names in a column of their own, several images a patient; also patients without the disease."""
    shots, patient = [], itertools.count(1)
    findings = {"no finding": ("normal", "No finding", 1), "inconclusive": ("covid-19", "", 1)}
    wanted = [("covid-19", "COVID-19", size) for size in _groups(rng, shares[ACTUALMED, "covid-19"])]
    wanted += [findings[reason] for reason in left_out if reason in findings]
    for label, finding, size in wanted:
        number = next(patient)
        for _ in range(size):
            day = f"2020{int(rng.integers(3, 5)):02d}{int(rng.integers(1, 29)):02d}"
            kind = str(rng.choice(["CR", "DX"]))
            name = f"{kind}.1.2.826.0.1.3680043.8.498.{len(shots) + 1}.{day}{int(rng.integers(10**8, 10**9))}.png"
            row = {"patientid": f"ANON{number}", "offset": "", "sex": "", "age": "", "finding": finding}
            row |= {"view": str(rng.choice(["AP", "PA"])), "modality": "X-ray", "imagename": name}
            row |= {"notes": f"Generated, date taken (YYYYMMDD): {day}"}
            identity = f"{ACTUALMED}/{number}"
            shots.append(Shot(ACTUALMED, f"images/{name}", identity, name, label, mode="RGB", row=row))
    return shots


def _radiography(shares, left_out, rng, first: list[Shot]) -> list[Shot]:
    """COVID-19 Radiography Database: numbered PNGs; file names have a space that the table lacks, but not all."""
    shots = []
    good = (number for number in itertools.count(1) if number not in BAD_NUMBERS)
    numbers = list(itertools.islice(good, shares[RADIOGRAPHY, "covid-19"]))
    known = iter([shot for shot in first if shot.view == "frontal" and shot.label == "covid-19"])
    bad = itertools.cycle(BAD_NUMBERS)
    entries = [(number, None) for number in numbers]
    for reason in left_out:
        if reason == "bad number":
            number = next(bad)
            if all(number != taken for taken, _ in entries):
                entries.append((number, None))
                continue
        if reason in ("bad number", "known address"):
            free = itertools.count(len(numbers) + 1)
            entries.append((next(n for n in free if all(n != taken for taken, _ in entries)), next(known)))
    for number, same in entries:
        space = " " if rng.uniform() < 0.6 else ""
        address = same.row["url"] if same else f"https://phantoms.example/radiography/{number}"
        row = {"FILE NAME": f"COVID-19({number})", "FORMAT": "PNG", "SIZE": "", "URL": address}
        patient, image = (same.patient, same.image) if same else (f"{RADIOGRAPHY}/{number}", str(number))
        name = f"COVID-19/COVID-19{space}({number}).png"
        shots.append(Shot(RADIOGRAPHY, name, patient, image, "covid-19", mode="RGB", row=row))
    return shots


def _rsna(shares, left_out, rng) -> list[Shot]:
    """RSNA: one DICOM a patient, named by the patient's id."""
    labels = [label for label in ("normal", "pneumonia") for _ in range(shares[RSNA, label])]
    labels += [reason for reason in left_out if reason == "not normal"]
    shots = []
    for label in labels:
        patient = str(uuid.UUID(bytes=rng.bytes(16), version=4))
        person = _person(rng)
        row = {"patientId": patient, "inverted": bool(rng.uniform() < 0.04)}
        header = {"PatientSex": person["sex"] or "O", "PatientAge": f"{person['age']:03d}Y"}
        row["header"] = header | {"ViewPosition": str(rng.choice(["PA", "AP"]))}
        odd = label == "not normal"
        path = f"stage_2_train_images/{patient}.dcm"
        look = "normal" if odd else label
        shots.append(Shot(RSNA, path, f"{RSNA}/{patient}", patient, look, large_heart=odd, row=row))
    return sorted(shots, key=lambda shot: shot.file)


def write_tables(folder: Path, shots: list[Shot], boxes: dict[str, list[tuple[float, ...]]]) -> None:
    """Writes every source's own table.

    Args:
        folder: covidx-sources/.
        shots: as `plan` gives them.
        boxes: for each RSNA patient the boxes around the opacities, (x, y, width, height) in pixels.
    """
    tables = {source: pd.DataFrame([shot.row for shot in shots if shot.source == source]) for source in SOURCES}
    for source, columns in COLUMNS.items():
        names = [name if name.startswith(("went", "needed")) else name.replace("_", " ") for name in columns.split()]
        tables[source] = tables[source].reindex(columns=names)
    files.write_csv(folder / COHEN / "metadata.csv", tables[COHEN])
    formats.write_latin_csv(folder / FIGURE1 / "metadata.csv", tables[FIGURE1])
    files.write_csv(folder / ACTUALMED / "metadata.csv", tables[ACTUALMED])
    formats.write_workbook(folder / RADIOGRAPHY / "COVID-19.metadata.xlsx", tables[RADIOGRAPHY])
    classes, labels = [], []
    for shot in (shot for shot in shots if shot.source == RSNA):
        patient = shot.row["patientId"]
        name = {"normal": "Normal", "pneumonia": "Lung Opacity"}[shot.label]
        name = "No Lung Opacity / Not Normal" if shot.large_heart else name
        around = boxes[patient] or [("", "", "", "")]
        for x, y, width, height in around:  # a row a box, so rows repeat
            classes.append({"patientId": patient, "class": name})
            target = int(shot.label == "pneumonia")
            labels.append({"patientId": patient, "x": x, "y": y, "width": width, "height": height, "Target": target})
    files.write_csv(folder / RSNA / "stage_2_detailed_class_info.csv", pd.DataFrame(classes))
    files.write_csv(folder / RSNA / "stage_2_train_labels.csv", pd.DataFrame(labels))
