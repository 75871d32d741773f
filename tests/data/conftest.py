"""Tiny trees in the sources' own layouts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib.phantoms import formats


class Tree:
    """Writes small data folders: pictures are random but seeded, so that no two are alike."""

    def __init__(self, root: Path):
        self.root = root
        self.rng = np.random.default_rng(7)

    def picture(self, path: Path, size: tuple[int, int] = (40, 30), mode: str = "L") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = self.rng.integers(0, 256, (6, 6) if mode == "L" else (6, 6, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(path)
        return path

    def dicom(self, path: Path) -> None:
        coarse = Image.fromarray(self.rng.integers(0, 256, (6, 6), dtype=np.uint8))
        film = np.asarray(coarse.resize((40, 40), Image.Resampling.BICUBIC))
        formats.write_dicom(path, film, patient=path.stem, inverted=False, header={})

    def table(self, path: Path, rows: list[dict], encoding: str = "utf-8") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".xlsx":
            pd.DataFrame(rows).to_excel(path, index=False)
        else:
            pd.DataFrame(rows).to_csv(path, index=False, encoding=encoding)
        return path

    def cohen(self, rows: list[dict], missing: tuple[str, ...] = ()) -> Path:
        folder = self.root / "covidx-sources" / "covid-chestxray-dataset"
        base = {"patientid": "", "finding": "COVID-19", "view": "PA", "filename": "", "url": "", "sex": "", "age": ""}
        self.table(folder / "metadata.csv", [base | row for row in rows])
        (folder / "images").mkdir(exist_ok=True)
        for row in rows:
            if row.get("filename") and "/" not in row["filename"] and row["filename"] not in missing:
                self.picture(folder / "images" / row["filename"])
        return folder

    def rsna(self, patients: dict[str, str], boxes: dict[str, list[tuple[float, ...]]] | None = None) -> Path:
        """patients: id -> "Normal", "Lung Opacity" or "No Lung Opacity / Not Normal"."""
        folder = self.root / "covidx-sources" / "rsna-pneumonia-detection-challenge"
        kinds, labels = [], []
        for patient, kind in patients.items():
            opaque = kind == "Lung Opacity"
            for box in (boxes or {}).get(patient, [(8.0, 4.0, 10.0, 20.0)]) if opaque else [("", "", "", "")]:
                kinds.append({"patientId": patient, "class": kind})
                labels.append(dict(zip(("patientId", "x", "y", "width", "height"), (patient, *box), strict=True)))
                labels[-1]["Target"] = int(opaque)
            self.dicom(folder / "stage_2_train_images" / f"{patient}.dcm")
        self.table(folder / "stage_2_detailed_class_info.csv", kinds)
        self.table(folder / "stage_2_train_labels.csv", labels)
        return folder

    def small_covidx(self, covid: int = 4, boxes: dict | None = None) -> Path:
        """Some images of covid-19 from cohen, whose folder it returns, and four of each other class from rsna."""
        kinds = ["Normal"] * 4 + ["Lung Opacity"] * 4
        self.rsna({f"r{i}": kind for i, kind in enumerate(kinds)}, boxes)
        return self.cohen([{"patientid": str(i), "filename": f"c{i}.png"} for i in range(covid)])

    def ham10000(self, rows: list[dict]) -> Path:
        folder = self.root / "ham10000"
        self.table(folder / "HAM10000_metadata.csv", rows)
        for i, row in enumerate(rows):
            self.picture(folder / f"HAM10000_images_part_{1 + i % 2}" / f"{row['image_id']}.jpg", mode="RGB")
        return folder


@pytest.fixture
def tree(tmp_path):
    """Writes tiny data folders below the test's own folder."""
    return Tree(tmp_path / "data")
