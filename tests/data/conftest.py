"""A web server that can misbehave, and tiny trees in the sources' own layouts."""

import hashlib
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image


@dataclass
class Server:
    """Files by path, and how the server mistreats those who ask for them.

    Attributes:
        files: path -> content.
        faults: path -> list of faults, one used up by each request: "truncate", "stall", "wrong", "500", "404", "403",
            "no range" (answers a range with the whole file), "shifted" (a range that starts elsewhere).
        asked: how often each path was asked for.
        ranges: the Range headers that came, in order.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: Counter = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path
        self.asked[path] += 1
        fault = self.faults[path].pop(0) if self.faults.get(path) else ""
        if path not in self.files or fault.isdigit():
            request.send_error(int(fault or 404))
            return
        content = self.files[path]
        if fault == "wrong":
            content = bytes(255 - byte for byte in content)
        start = self._start(request, fault)
        if start >= len(content) > 0 and start > 0:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(content)}")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        if start:
            said = start + 1 if fault == "shifted" else start
            request.send_header("Content-Range", f"bytes {said}-{len(content) - 1}/{len(content)}")
        request.send_header("ETag", f'"{hashlib.md5(self.files[path]).hexdigest()}"')
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        body = content[start:]
        if fault in ("truncate", "stall"):
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            if fault == "stall":
                time.sleep(1.5)
            return
        request.wfile.write(body)

    def _start(self, request: BaseHTTPRequestHandler, fault: str) -> int:
        wanted = request.headers.get("Range", "")
        if wanted:
            self.ranges.append(wanted)
        tag = request.headers.get("If-Range")
        changed = tag is not None and tag != f'"{hashlib.md5(self.files[request.path]).hexdigest()}"'
        if not wanted or fault == "no range" or changed:
            return 0
        return int(wanted.removeprefix("bytes=").split("-")[0])


@pytest.fixture
def server():
    """A server on this machine alone, stopped at the end of the test."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.answer(self)

        def log_message(self, *_):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield state
    httpd.shutdown()
    httpd.server_close()


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

    def dicom(self, path: Path, size: tuple[int, int] = (40, 40)) -> Path:
        import pydicom
        from pydicom.dataset import FileDataset, FileMetaDataset
        from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

        path.parent.mkdir(parents=True, exist_ok=True)
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[path.name])
        dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = size[1], size[0], 1
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation = 7, 0
        coarse = self.rng.integers(0, 256, (6, 6), dtype=np.uint8)
        dataset.PixelData = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)).tobytes()
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
        return path

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

    def rsna(
        self, patients: dict[str, str], boxes: dict[str, list[tuple[float, float, float, float]]] | None = None
    ) -> Path:
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

    def small_covidx(self) -> Path:
        """Four images of each class: covid-19 from cohen, the others from rsna."""
        self.cohen([{"patientid": str(i), "filename": f"c{i}.png"} for i in range(4)])
        kinds = ["Normal"] * 4 + ["Lung Opacity"] * 4
        self.rsna({f"r{i}": kind for i, kind in enumerate(kinds)})
        return self.root

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
