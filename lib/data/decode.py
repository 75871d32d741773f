"""Any image of the sources as 8-bit grey or RGB, resized once.

DICOM is read by pydicom, everything else by Pillow. Every way in which a file can be bad ends in `Unreadable` with one
line that says what is wrong.
"""

import io
import os
import stat
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_PIXELS = 100_000_000  # an X-ray detector has some 15 million; more is taken for a decompression bomb
MAX_BYTES = 512 * 2**20
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "GIF")
"""Pillow's decoders that are used: those of the formats in which the sources come."""
FILTERS = {"as_described": Image.Resampling.BILINEAR, "as_published": Image.Resampling.NEAREST}
"""By reading. Pillow widens the bilinear kernel when it shrinks, which is the antialiasing; the authors' code took the
nearest neighbour, as Keras's `flow_from_directory` does unless told otherwise."""


class Unreadable(ValueError):
    """A file that is no usable image; the message is one line without the file's name."""


def read_bytes(path: Path) -> bytes:
    """The bytes of an image file, which must be a regular one: to open a pipe or a device may never end.

    Raises:
        Unreadable: another kind of file, or more than `MAX_BYTES`.
        OSError: it cannot be opened.
    """
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise Unreadable("no regular file, but a folder, pipe or device")
        check_bytes(about.st_size)
        return file.read(MAX_BYTES + 1)


def decode_image(data: bytes, size: int, channels: int, resizing: str = "as_described") -> tuple[np.ndarray, int, int]:
    """Decodes and resizes one image.

    Args:
        data: the file's bytes.
        size: pixels a side of the result; the image is stretched to a square, as the authors did.
        channels: 1 (grey) or 3 (RGB).
        resizing: "as_described" (antialiased) or "as_published" (nearest neighbour).

    Returns:
        (uint8 array (size, size, channels), width, height): the last two of the image before resizing.

    Raises:
        Unreadable: empty, truncated, too large, no image, several frames ...
    """
    if not data:
        raise Unreadable("the file is empty")
    check_bytes(len(data))
    try:
        image = _from_dicom(data) if data[128:132] == b"DICM" else _from_picture(data)
        image = to_8_bit(image, channels)
        width, height = image.size
        if image.size != (size, size):
            image = image.resize((size, size), FILTERS[resizing])
    except Unreadable:
        raise
    except UnidentifiedImageError:  # its own message names the buffer, not the file
        raise Unreadable(f"no image: neither DICOM nor {', '.join(FORMATS)}") from None
    except Exception as error:  # decoders raise whatever they like on damaged input
        raise Unreadable(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from None
    return np.asarray(image, np.uint8).reshape(size, size, channels), width, height


def _from_picture(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    _check_size(*image.size)
    if getattr(image, "n_frames", 1) > 1:
        raise Unreadable(f"holds {image.n_frames} pictures, expected one")
    return ImageOps.exif_transpose(image)


def to_8_bit(image: Image.Image, channels: int) -> Image.Image:
    """Grey (`L`) or `RGB` from any Pillow mode; transparent parts become black, as the surroundings of an X-ray are.

    16-bit grey levels keep their full range (65535 becomes 255): stretching each picture to its own minimum and maximum
    would make brightness depend on the brightest pixel.
    """
    mode = "L" if channels == 1 else "RGB"
    if image.mode.startswith("I"):
        levels = np.asarray(image).astype(np.int64)
        if levels.min() < 0 or levels.max() > 65535:
            raise Unreadable(f"grey levels {levels.min()} to {levels.max()}, expected 0 to 65535")
        image = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    elif image.mode == "F":
        raise Unreadable("floating-point grey levels, expected whole numbers")
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        if image.getextrema()[3] != (255, 255):
            image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
        image = image.convert("RGB")
    return image if image.mode == mode else image.convert(mode)


def _from_dicom(data: bytes) -> Image.Image:
    import pydicom

    dataset = pydicom.dcmread(io.BytesIO(data))
    for name in ("Rows", "Columns", "PixelData"):
        if name not in dataset:
            raise Unreadable(f"DICOM without {name}")
    _check_size(dataset.Columns, dataset.Rows)
    for name in ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"):
        if name in dataset and dataset[name].is_empty:  # as good as absent, but pydicom computes with it
            del dataset[name]
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    if frames != 1:
        raise Unreadable(f"DICOM with {frames} frames, expected one")
    return Image.fromarray(_levels(dataset))


def _levels(dataset) -> np.ndarray:
    """uint8 grey (H, W) or RGB (H, W, 3) of a DICOM dataset, white where the X-ray was absorbed.

    More than 8 bits become 8 by the file's own window if it has one, else by the whole range that the file can hold; so
    they do, too, where all levels lie outside the window, which would make them one.
    """
    from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, pixel_array
    from pydicom.uid import JPEGBaseline8Bit

    # Pillow's JPEG decoder is several times faster than the one that pydicom would choose; they agree within one level
    plugin = "pillow" if dataset.file_meta.TransferSyntaxUID == JPEGBaseline8Bit else ""
    pixels = pixel_array(dataset, decoding_plugin=plugin)
    kind = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    if kind == "PALETTE COLOR":
        colours = apply_color_lut(pixels, dataset)
        return (colours >> 8 if colours.dtype.itemsize > 1 else colours).astype(np.uint8)
    if pixels.ndim == 3:
        if dataset.BitsStored != 8:
            raise Unreadable(f"DICOM in colour with {dataset.BitsStored} bits a channel, expected 8")
        return pixels
    bits, signed = int(dataset.BitsStored), int(dataset.get("PixelRepresentation", 0))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    rescaled = apply_modality_lut(pixels, dataset)
    ends = np.sort(apply_modality_lut(np.array([low, high], pixels.dtype), dataset)).astype(float)
    window = "WindowCenter" in dataset and "WindowWidth" in dataset
    if window and np.ptp(windowed := apply_voi_lut(rescaled, dataset, prefer_lut=False)):
        rescaled = windowed
    elif rescaled.dtype == np.uint8 and (ends == (0, 255)).all():
        return 255 - rescaled if kind == "MONOCHROME1" else rescaled
    span = max(ends[1] - ends[0], 1e-12)
    grey = np.clip((rescaled.astype(np.float32) - ends[0]) * (255 / span), 0, 255)
    if kind == "MONOCHROME1":
        grey = 255 - grey
    return np.rint(grey).astype(np.uint8)


def check_bytes(size: int) -> None:
    """Raises Unreadable for a file of more than `MAX_BYTES`."""
    if size > MAX_BYTES:
        raise Unreadable(f"{size >> 20:,} MiB; at most {MAX_BYTES >> 20} are read")


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise Unreadable(f"{width} x {height} pixels")
    if width * height > MAX_PIXELS:
        raise Unreadable(f"{width} x {height} pixels; more than {MAX_PIXELS:,} are taken for a decompression bomb")
