"""How much faster the conversion is than one plain Python loop over Pillow, side by side on the same files."""

import tempfile
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image
from pydicom.pixels import pixel_array

from lib.data import convert
from lib.phantoms import formats
from workflow.bench.measure import compare_speed

SIZE = 224  # pixels a side of the prepared images, as in the paper
SOURCE_SIZE = 1024  # pixels a side of the files, as RSNA's


def conversion_rows(images: int = 240, repeats: int = 5) -> list[dict[str, object]]:
    """Times both ways on generated files, a third each of DICOM, PNG and JPEG of the real sources' size.

    Both read the same files, decode, resize with antialiasing and store the pixels. The plain loops do no more
    than that; the conversion, on all cores, also takes each file's SHA-256 and writes its journal. The first plain loop
    decodes with Pillow alone, as the conversion does; the second leaves DICOM to the decoder that pydicom chooses, as
    most scripts do, whose pixels may differ by one level.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = write_files(root, images)
        paths = [root / name for name in names]

        def ours():
            made = Path(tempfile.mkdtemp(dir=root))
            convert.convert(names, root=root, folder=made, size=SIZE, channels=1, threads=0, title="")
            return np.load(made / "converting.npy", mmap_mode="r")

        alike = "conversion against one plain Pillow loop"
        chosen = "conversion against a plain loop with pydicom's decoder"
        return [
            compare_speed(alike, ours, lambda: plain_loop(paths, "pillow"), repeats, np.array_equal),
            compare_speed(chosen, ours, lambda: plain_loop(paths, ""), repeats),
        ]


def plain_loop(paths: list[Path], plugin: str) -> np.ndarray:
    """What a script would do: one DICOM, PNG or JPEG file after the other, uint8 (N, SIZE, SIZE, 1).

    `plugin` is pydicom's decoder for DICOM; "" lets pydicom choose.
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
            formats.write_dicom(root / name, pixels, patient=name, inverted=False, header={}, jpeg=True)  # as RSNA's
        else:
            Image.fromarray(pixels).save(root / name)
        names.append(name)
    return names
