"""The sources' file formats, written so that equal content gives equal bytes (no times, no random identifiers)."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, SecondaryCaptureImageStorage, generate_uid

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


def write_dicom(
    target: Path, film: np.ndarray, *, patient: str, inverted: bool, header: dict[str, str], jpeg: bool = False
) -> None:
    """Writes an 8-bit film as a DICOM file with identifiers derived from the patient's.

    Args:
        target: a .dcm file.
        film: uint8 (height, width), bright where much is absorbed.
        patient: the patient's identifier.
        inverted: stores MONOCHROME1 (0 is white) in place of MONOCHROME2.
        header: further attributes by DICOM keyword.
        jpeg: stores a baseline JPEG of quality 90, as RSNA's files do, in place of the pixels themselves.
    """
    image = Dataset()
    image.file_meta = meta = FileMetaDataset()
    meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = image.SOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = generate_uid(entropy_srcs=[patient, "instance"])
    image.StudyInstanceUID = generate_uid(entropy_srcs=[patient, "study"])
    image.SeriesInstanceUID = generate_uid(entropy_srcs=[patient, "series"])
    image.PatientID = image.PatientName = patient
    image.Modality, image.ConversionType, image.BodyPartExamined = "CR", "WSD", "CHEST"
    for keyword, value in header.items():
        setattr(image, keyword, value)
    image.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    image.Rows, image.Columns = film.shape
    image.BitsAllocated = image.BitsStored = 8
    image.SamplesPerPixel, image.HighBit, image.PixelRepresentation = 1, 7, 0
    stored = 255 - film if inverted else film
    if jpeg:
        stream = io.BytesIO()
        Image.fromarray(stored).save(stream, "JPEG", quality=90)
        image.PixelData = encapsulate([stream.getvalue()])
        image["PixelData"].is_undefined_length = True
    else:
        image.PixelData = stored.tobytes() + b"\0" * (stored.size % 2)
    with files.replacing(target) as temporary:
        image.save_as(temporary, enforce_file_format=True)


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
