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
    """An image as the network takes it."""

    name: str  # of the file
    pixels: np.ndarray  # (1, S, S, 1) uint8, as data preparation makes them
    width: int  # of the file's image, in pixels
    height: int
    colour: float  # share 0..1 of coloured pixels


def example_file(data: load.Dataset, paths: Paths, folder: str) -> Path:
    """The file that the run's first COVID-19 test image was made from; `folder` is the run's parameter `data`."""
    root = paths.phantoms if folder == "phantoms" else prepare.data_folder(folder)
    return root / data.part("test").index.query("label == 'covid-19'").iloc[0].file


def image_from_bytes(data: bytes, name: str, size: int) -> OwnImage:
    """Reads a PNG, JPEG or DICOM image, for a network of `size` pixels, through data preparation's own decoder.

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


def image_from_file(path: Path, size: int) -> OwnImage:
    """As `image_from_bytes`; an ImageError also says that there is no such file."""
    path = Path(path).expanduser()
    try:
        return image_from_bytes(path.read_bytes(), path.name, size)
    except OSError as error:
        problem = f"cannot be opened ({error.strerror}); own_image must be a file or `example`"
        raise ImageError(f"{path}: {problem}") from None


def usual(images: np.ndarray, index: pd.DataFrame) -> pd.DataFrame:
    """What training images look like: rows low and high of the central `COVER` of them, a column a thing compared.

    Args:
        images: (N, S, S, 1) uint8, the training set or a sample of it.
        index: their rows, with width and height in pixels; what it does not tell is left out.
    """
    sizes = index.reindex(columns=["width", "height"]).to_numpy(dtype=float)
    found = pd.DataFrame([_appearance(*one) for one in zip(images, *sizes.T, strict=True)]).dropna(axis=1, how="all")
    return found.quantile([(1 - COVER) / 2, (1 + COVER) / 2]).set_axis(["low", "high"])


def sure_from(validation: pd.DataFrame) -> float:
    """The probability below which a prediction is unsure, of predictions_validation.csv judged by `select.judged`."""
    correct = validation.probability[validation.correct]
    return float(correct.quantile(SURE)) if len(correct) else 1.0


def warnings(image: OwnImage, ranges: pd.DataFrame, sure: float, probability: float) -> list[str]:
    """One sentence for each way in which the image is unlike the `usual` ones or the prediction unsure."""
    found = []
    if image.colour > 0.01:
        found.append(f"Not grey: {image.colour:.0%} of the pixels are coloured; chest X-rays are grey.")
    values = _appearance(image.pixels[0], image.width, image.height)
    for what, (low, high) in ranges.items():
        if not low <= values[what] <= high:
            central = f"{COVER:.1%} of them have {low:.4g} to {high:.4g}"
            found.append(f"Unlike the training images: {what} is {values[what]:.4g}; {central}.")
    if probability < sure:
        most = f"{1 - SURE:.0%} of the correct predictions on the validation set have at least {sure:.2f}"
        found.append(f"Not confident: the probability is {probability:.2f}; {most}.")
    return found


def _appearance(image: np.ndarray, width: float, height: float) -> dict[str, float]:
    """What is compared, of an (S, S, 1) image that was `width` x `height` pixels (nan if unknown) in its file."""
    return {
        "mean grey level": float(image.mean()),
        "contrast (standard deviation of the grey levels)": float(image.std()),
        "share of dark pixels": float((image < 26).mean()),  # a tenth of the range
        "shorter side in pixels": min(width, height),
        "width divided by height": width / height,
    }
