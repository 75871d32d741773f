"""A person's own image: read it, and say where it does not look like what the network was trained on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lib.data import decode, load, prepare
from lib.paths import Paths

COVER = 0.995
"""Share of the training images that count as usual: a value outside that central range is warned about."""

COLOUR_STEP = 8
"""Grey levels 0..255 between the channels of a pixel from which on it counts as coloured; JPEG alone makes a few."""

SURE = 0.05
"""A prediction is called unsure below this quantile of the probabilities of correct validation predictions."""


class ImageError(ValueError):
    """A file that cannot be explained; the message is one line that names the file."""


@dataclass(frozen=True)
class OwnImage:
    """An image as the network takes it.

    Attributes:
        name: of the file.
        pixels: (1, S, S, 1) uint8, as data preparation makes them.
        width: of the file's image, in pixels.
        height: of the file's image, in pixels.
        colour: share 0..1 of coloured pixels.
    """

    name: str
    pixels: np.ndarray
    width: int
    height: int
    colour: float


@dataclass(frozen=True)
class Usual:
    """What training images look like, each as (low, high): the central `COVER` of them.

    Attributes:
        brightness: mean grey level.
        contrast: standard deviation of the grey levels.
        dark: share of pixels darker than 26 (a tenth of the range).
        side: shorter side in pixels before resizing, or None if the index does not say.
        shape: width / height before resizing, or None.
        sure: probability below which a prediction is called unsure.
    """

    brightness: tuple[float, float]
    contrast: tuple[float, float]
    dark: tuple[float, float]
    side: tuple[float, float] | None
    shape: tuple[float, float] | None
    sure: float

    def ranges(self) -> dict[str, tuple[float, float]]:
        """What is compared, in words, with its usual range; what is not known is left out."""
        named = {
            "mean grey level": self.brightness,
            "contrast (standard deviation of the grey levels)": self.contrast,
            "share of dark pixels": self.dark,
            "shorter side in pixels": self.side,
            "width divided by height": self.shape,
        }
        return {name: values for name, values in named.items() if values is not None}


def example(data: load.Dataset, paths: Paths, folder: str) -> Path:
    """The file that the run's first COVID-19 test image was made from.

    Args:
        data: the prepared dataset.
        paths: of the run.
        folder: the run's parameter `data`.
    """
    root = paths.phantoms if folder == "phantoms" else prepare.data_folder(folder)
    first = data.part("test").index.query("label == 'covid-19'").iloc[0]
    return root / first.file


def read(data: bytes, name: str, size: int) -> OwnImage:
    """Reads a PNG, JPEG or DICOM image through data preparation's own decoder.

    Args:
        data: the file's bytes.
        name: the file's name, for messages.
        size: S, the network's input.

    Raises:
        ImageError: the file is no such image, or is damaged; the message says why.
    """
    try:
        pixels, width, height = decode.decode_image(data, size, channels=1)
        colours, _, _ = decode.decode_image(data, size, channels=3)
    except decode.Unreadable as error:
        raise ImageError(f"{name}: {error}. Give a PNG, JPEG or DICOM file with one image") from None
    colour = float((np.ptp(colours.astype(np.int16), axis=-1) > COLOUR_STEP).mean())
    return OwnImage(name, pixels[None], width, height, colour)


def read_file(path: Path, size: int) -> OwnImage:
    """As `read`, from a file.

    Raises:
        ImageError: also if there is no such file.
    """
    path = Path(path).expanduser()
    try:
        return read(path.read_bytes(), path.name, size)
    except OSError as error:
        raise ImageError(
            f"{path}: cannot be opened ({error.strerror}); own_image must be a file or `example`"
        ) from None


def usual(images: np.ndarray, index: pd.DataFrame, validation: pd.DataFrame) -> Usual:
    """What the training images look like.

    Args:
        images: (N, S, S, 1) uint8, the training set or a sample of it.
        index: their rows, with width and height where known.
        validation: predictions_validation.csv judged by `selection.judged`.
    """
    values = np.array([_statistics(image) for image in images])
    sizes = index[["width", "height"]].dropna().astype(float) if {"width", "height"} <= set(index) else index[:0]
    correct = validation.probability[validation.correct]
    return Usual(
        *(_central(column) for column in values.T),
        side=_central(sizes.min(axis=1)) if len(sizes) else None,
        shape=_central(sizes.width / sizes.height) if len(sizes) else None,
        sure=float(correct.quantile(SURE)) if len(correct) else 1.0,
    )


def warnings(image: OwnImage, ordinary: Usual, probability: float) -> list[str]:
    """One sentence for each way in which the image is unlike the training images or the prediction unsure."""
    values = (*_statistics(image.pixels[0]), min(image.width, image.height), image.width / image.height)
    names = ("brightness", "contrast", "dark", "side", "shape")
    known = [value for name, value in zip(names, values, strict=True) if getattr(ordinary, name) is not None]
    found = [
        f"Unlike the training images: {what} is {value:.4g}; {COVER:.1%} of them have {low:.4g} to {high:.4g}."
        for (what, (low, high)), value in zip(ordinary.ranges().items(), known, strict=True)
        if not low <= value <= high
    ]
    if image.colour > 0.01:
        found.insert(0, f"Not grey: {image.colour:.0%} of the pixels are coloured; chest X-rays are grey.")
    if probability < ordinary.sure:
        found.append(
            f"Not confident: the probability is {probability:.2f}; {1 - SURE:.0%} of the correct predictions on the "
            f"validation set have at least {ordinary.sure:.2f}."
        )
    return found


def _statistics(image: np.ndarray) -> tuple[float, float, float]:
    return float(image.mean()), float(image.std()), float((image < 26).mean())


def _central(values) -> tuple[float, float]:
    low, high = np.quantile(np.asarray(values, dtype=float), [(1 - COVER) / 2, (1 + COVER) / 2])
    return float(low), float(high)
