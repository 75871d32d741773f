"""A person's own image: read it, and say where it does not look like what the network was trained on.

A network answers whatever it is given. So an image unlike the usual ones in anything that is compared is not to be
interpreted, whatever the answer: `verdict` says so.
"""

import html
import os
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from scipy import spatial

from lib import files
from lib.data import decode, load, prepare
from lib.paths import Paths, show

WIDER = 0.25
"""An image is unlike the usual ones beyond their range widened at both ends by so much of it.

Of as few as 200 images the range alone would leave out 1 % of all such images for each thing compared.
"""

COLOUR_STEP = 8
"""Grey levels 0..255 between the channels of a pixel from which on it counts as coloured; JPEG alone makes a few."""

SURE = 0.05
"""A prediction is called unsure below this quantile of the probabilities of correct validation predictions."""

DISTANCE = "distance to the nearest training image, in the network's features"
"""What is compared, but only upwards: nothing is too like the training images."""


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
    """The file that the run's first COVID-19 test image was made from; `folder` is the run's parameter `data`.

    Raises:
        ImageError: another file has its name now.
    """
    root = paths.phantoms if folder == "phantoms" else prepare.data_folder(folder)
    first = data.part("test").index.query("label == 'covid-19'").iloc[0]
    path = root / first.file
    if path.is_file() and files.sha256(path) != first.sha256:
        remedy = "prepare the data again, or name another file with own_image"
        raise ImageError(f"{show(path)}: found another image than the one that was prepared; {remedy}")
    return path


def image_from_bytes(data: bytes, name: str, size: int, resizing: str = "as_described") -> OwnImage:
    """Reads a PNG, JPEG or DICOM image, for a network of `size` pixels, through data preparation's own decoder.

    `resizing` is the run's reading of the filter.

    Raises:
        ImageError: the file is no such image, or is damaged; the message says why.
    """
    try:
        pixels, width, height = decode.decode_image(data, size, 1, resizing)
        colours, _, _ = decode.decode_image(data, size, 3, resizing)
    except decode.Unreadable as error:
        raise ImageError(f"{name}: {error}. Give a PNG, JPEG or DICOM file with one image") from None
    colour = float((np.ptp(colours.astype(np.int16), axis=-1) > COLOUR_STEP).mean())
    return OwnImage(name, pixels[None], width, height, colour)


def image_from_file(path: Path, size: int, resizing: str = "as_described") -> OwnImage:
    """As `image_from_bytes`; an ImageError also says that there is no such file."""
    path = Path(os.path.expanduser(path))
    try:
        return image_from_bytes(decode.read_bytes(path), path.name, size, resizing)
    except (OSError, decode.Unreadable) as error:
        problem = f"cannot be opened ({getattr(error, 'strerror', error)}); own_image must be a file or `example`"
        raise ImageError(f"{path}: {problem}") from None


def embedder(model: keras.Model) -> keras.Model:
    """(N, S, S, 3) in 0..255 to (N, D): the features that the class scores are a linear function of."""
    return keras.Model(model.input, model.get_layer("logits").input)


def nearest(features: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(N,) Euclidean distance of each of (N, D) features to the nearest of (M, D) known ones."""
    return spatial.distance.cdist(features, known).min(axis=1)


def appearance(images: np.ndarray, sizes: pd.DataFrame, distances) -> pd.DataFrame:
    """What is compared, a row an image and a column a thing; what is unknown of all images is left out.

    Args:
        images: (N, S, S, 1) uint8.
        sizes: N rows with width and height in pixels of the files' images, if known.
        distances: (N,) `nearest` training image in the network's features; nan of the training images themselves.
    """
    size = sizes.reindex(columns=["width", "height"]).astype(float)
    shorter = size.min(axis=1, skipna=False)
    pixels = np.asarray(images, dtype=float)[..., 0]
    about = {
        "mean grey level": pixels.mean(axis=(1, 2)),
        "contrast (standard deviation of the grey levels)": pixels.std(axis=(1, 2)),
        "share of dark pixels": (pixels < 26).mean(axis=(1, 2)),  # a tenth of the range
        "correlation of neighbouring pixels": [neighbours(one) for one in pixels],
        "shorter side in pixels, up to the network's": np.minimum(pixels.shape[1], shorter).to_numpy(),
        "width divided by height": (size.width / size.height).to_numpy(),
        DISTANCE: distances,
    }
    return pd.DataFrame(about).dropna(axis=1, how="all")


def neighbours(image: np.ndarray) -> float:
    """Correlation -1..1 of a pixel (S, S) with the next one, the mean of both directions; 1 where all are equal.

    Near 1 in any picture of something; near 0 in noise, whatever its mean and contrast.
    """
    pairs = (image[:, :-1], image[:, 1:]), (image[:-1], image[1:])
    with np.errstate(invalid="ignore"):
        found = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in pairs]
    return float(np.nan_to_num(found, nan=1).mean())


def usual(known: pd.DataFrame) -> pd.DataFrame:
    """Rows low and high of each column of `appearance`: the range of the known images, made `WIDER`, not below 0."""
    more = WIDER * (known.max() - known.min())
    found = pd.DataFrame([(known.min() - more).clip(lower=0), known.max() + more], index=["low", "high"])
    found.loc["low", found.columns == DISTANCE] = 0
    return found


def unlike(image: OwnImage, distance: float, ranges: pd.DataFrame) -> list[str]:
    """One sentence for each way in which the image is unlike the `usual` ones; empty where it is like them."""
    found = []
    if image.colour > 0.01:
        found.append(f"{image.colour:.0%} of its pixels are coloured; chest X-rays are grey.")
    size = pd.DataFrame({"width": [image.width], "height": [image.height]})
    values = appearance(image.pixels, size, [distance]).iloc[0]
    for what, (low, high) in ranges.items():
        if not low <= values[what] <= high:
            value, least, most = (f"{round(number, 2):g}" for number in (values[what], low, high))
            found.append(f"Its {what} is {value}; training images have {least} to {most}.")
    return found


def verdict(reasons: list[str], probability: float, sure: float) -> str:
    """HTML that stands above the answer: a bordered box that refuses to interpret it, or a plain sentence.

    Args:
        reasons: what `unlike` found; escaped here.
        probability: of the predicted class.
        sure: what `sure_from` found; a less probable prediction is called unsure.
    """
    if reasons:
        lines = "".join(f"<li>{html.escape(reason)}</li>" for reason in reasons)
        return (
            '<div style="border: 4px solid #b3261e; padding: 0.8em 1.2em; margin: 0.8em 0; max-width: 46em">'
            '<b style="color: #b3261e; font-size: 1.3em">Do not interpret: this image is unlike the training images</b>'
            f"<ul>{lines}</ul>Below stands what the network answers to anything, since it knows nothing but its "
            "classes.</div>"
        )
    found = "In what is compared the image is like the training images, which does not make the answer right."
    if probability < sure:
        most = f"{1 - SURE:.0%} of the correct predictions on the validation set have at least {sure:.2f}"
        found += f" The network is not confident: the probability is {probability:.2f}; {most}."
    return f"<p>{found}</p>"


def sure_from(validation: pd.DataFrame) -> float:
    """The probability below which a prediction is unsure, of predictions_validation.csv judged by `select.judged`."""
    correct = validation.probability[validation.correct]
    return float(correct.quantile(SURE)) if len(correct) else 1.0
