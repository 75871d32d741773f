"""The sources' file formats, written so that equal content gives equal bytes (no times, no random identifiers)."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from lib import files


def write_picture(target: Path, film: np.ndarray, mode: str) -> None:
    """Writes an 8-bit film as PNG or JPEG, by the target's suffix.

    Args:
        target: a .png, .jpg or .jpeg file.
        film: uint8 (height, width), or (height, width, 3) with mode RGB.
        mode: Pillow's L, RGB or RGBA; grey levels are repeated in the colour channels.
    """
    options = {"compress_level": 3} if target.suffix == ".png" else {"quality": 95}
    with files.replacing(target) as temporary:
        Image.fromarray(np.ascontiguousarray(film)).convert(mode).save(temporary, **options)


def write_dicom(target: Path, film: np.ndarray, *, patient: str, inverted: bool, header: dict[str, str]) -> None:
    """Writes an 8-bit film as an uncompressed DICOM file with identifiers derived from the patient's.

    Args:
        target: a .dcm file.
        film: uint8 (height, width), bright where much is absorbed.
        patient: the patient's identifier.
        inverted: stores MONOCHROME1 (0 is white) in place of MONOCHROME2.
        header: further attributes by DICOM keyword.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[patient, "instance"])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = Dataset()
    image.file_meta = meta
    image.SOPClassUID = meta.MediaStorageSOPClassUID
    image.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID = generate_uid(entropy_srcs=[patient, "study"])
    image.SeriesInstanceUID = generate_uid(entropy_srcs=[patient, "series"])
    image.PatientID = image.PatientName = patient
    image.Modality, image.ConversionType, image.BodyPartExamined = "CR", "WSD", "CHEST"
    for keyword, value in header.items():
        setattr(image, keyword, value)
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    image.Rows, image.Columns = film.shape
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    pixels = (255 - film if inverted else film).tobytes()
    image.PixelData = pixels + b"\0" * (len(pixels) % 2)
    with files.replacing(target) as temporary:
        image.save_as(temporary, enforce_file_format=True)


def write_latin_csv(target: Path, table: pd.DataFrame) -> None:
    """A CSV in ISO-8859-1, as one of the sources has it."""
    with files.replacing(target) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="iso-8859-1")


def write_workbook(target: Path, table: pd.DataFrame) -> None:
    """An .xlsx with one sheet, without the times that Excel's format otherwise keeps."""
    made = io.BytesIO()
    table.to_excel(made, index=False)
    with (
        files.replacing(target) as temporary,
        zipfile.ZipFile(made) as parts,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as timeless,
    ):
        for name in parts.namelist():
            content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2020-01-01T00:00:00Z", parts.read(name))
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            timeless.writestr(entry, content)
