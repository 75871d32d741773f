"""How much faster the conversion is than one plain Python loop over Pillow, side by side on the same files."""

import io
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.pixels import pixel_array
from pydicom.uid import JPEGBaseline8Bit, SecondaryCaptureImageStorage

from lib.data import convert

SIZE = 224  # pixels a side of the prepared images, as in the paper
SOURCE_SIZE = 1024  # pixels a side of the files, as RSNA's


def bench_rows(images: int = 240, repeats: int = 5, threads: int = 0) -> list[dict[str, object]]:
    """Times both ways on generated files, a third each of DICOM, PNG and JPEG of the real sources' size.

    Both read the same files, decode, resize with antialiasing and store the pixels. The plain loops do no more
    than that; the conversion also takes each file's SHA-256 and writes its journal. The first plain loop decodes with
    Pillow alone, as the conversion does; the second leaves DICOM to the decoder that pydicom chooses, as most scripts
    do, whose pixels may differ by one level.

    Args:
        images: number of files.
        repeats: how often each way is timed, taking turns.
        threads: workers of the conversion; 0 takes all cores.

    Returns:
        two rows: name, ratio (plain seconds over ours; the median of the pairs), low and high (least and greatest
        pair), equal (whether the pixels are the same; "" where they need not be), images_per_second,
        plain_images_per_second.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = write_files(root, images)
        ours, plain, equal = [], {"pillow": [], "": []}, True
        for repeat in range(repeats):
            target = root / f"made-{repeat}"
            for plugin, seconds in plain.items():
                started = time.perf_counter()
                pixels = plain_loop([root / name for name in names], plugin)
                seconds.append(time.perf_counter() - started)
                if plugin:
                    expected = pixels
            started = time.perf_counter()
            convert.convert(names, root=root, folder=target, size=SIZE, channels=1, threads=threads, title="")
            ours.append(time.perf_counter() - started)
            equal &= bool(np.array_equal(np.load(target / "converting.npy", mmap_mode="r"), expected))
    return [
        _row("conversion against one plain Pillow loop", plain["pillow"], ours, images, equal),
        _row("conversion against a plain loop with pydicom's decoder", plain[""], ours, images, ""),
    ]


def _row(name: str, plain: list[float], ours: list[float], images: int, equal: bool | str) -> dict[str, object]:
    ratios = np.array(plain) / np.array(ours)
    return {
        "name": name,
        "ratio": round(float(np.median(ratios)), 2),
        "low": round(float(ratios.min()), 2),
        "high": round(float(ratios.max()), 2),
        "equal": equal,
        "images_per_second": round(images / float(np.median(ours)), 1),
        "plain_images_per_second": round(images / float(np.median(plain)), 1),
    }


def plain_loop(paths: list[Path], plugin: str = "pillow") -> np.ndarray:
    """What a script would do: one file after the other, uint8 (N, SIZE, SIZE, 1).

    Args:
        paths: DICOM, PNG and JPEG files.
        plugin: pydicom's decoder for DICOM; "" lets pydicom choose.
    """
    out = np.empty((len(paths), SIZE, SIZE, 1), np.uint8)
    for i, path in enumerate(paths):
        if path.suffix == ".dcm":
            image = Image.fromarray(pixel_array(pydicom.dcmread(path), decoding_plugin=plugin))
        else:
            image = Image.open(path).convert("L")
        out[i, :, :, 0] = np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
    return out


def write_files(root: Path, images: int) -> list[str]:
    """Writes smooth pictures with film grain, seeded, so that they compress about as X-rays do; returns their names."""
    rng = np.random.default_rng(1)
    names = []
    for i in range(images):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 12), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((SOURCE_SIZE, SOURCE_SIZE), Image.Resampling.BICUBIC), np.int16)
        pixels = np.clip(smooth + rng.integers(-3, 4, smooth.shape, dtype=np.int16), 0, 255).astype(np.uint8)
        name = f"{i:04d}.{('dcm', 'png', 'jpg')[i % 3]}"
        if i % 3 == 0:
            (root / name).write_bytes(_dicom(pixels))
        else:
            Image.fromarray(pixels).save(root / name)
        names.append(name)
    return names


def _dicom(pixels: np.ndarray) -> bytes:
    """A DICOM file with JPEG inside, as RSNA's are."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = *pixels.shape, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    jpeg = io.BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=90)
    dataset.PixelData = pydicom.encaps.encapsulate([jpeg.getvalue()])
    dataset["PixelData"].is_undefined_length = True
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()
