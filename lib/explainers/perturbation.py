"""Deletion and insertion curves (Petsiuk et al., 2018): does the class depend on what an explanation marks?

Deletion blurs an image from the pixels marked most to those marked least: the sooner the probability falls, the better
the explanation. Insertion goes from the blurred image back, in the same order: the sooner it rises, the better. Blurred
pixels replace those taken away in both, since black patches on an X-ray are themselves something a network reacts to.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from lib.explainers.measures import order

FRACTIONS = np.linspace(0, 1, 11)
"""Shares of the pixels replaced at the points of a curve."""

BLOCK = 8
"""Images whose curves are predicted in one call."""

BLUR = 1 / 8
"""Standard deviation of the blur that takes pixels away, as a share of the image's side."""


def curves(predict: Callable, images: np.ndarray, classes: np.ndarray, maps: np.ndarray) -> dict[str, np.ndarray]:
    """Probability of the explained class along both curves.

    Args:
        predict: (B, S, S, C) images to (B, K) probabilities.
        images: (N, S, S, C), values 0..255.
        classes: (N,) positions of the explained classes.
        maps: (N, S, S) explanations.

    Returns:
        "deletion" and "insertion", each (N, len(FRACTIONS)), values 0..1.
    """
    images = np.asarray(images, dtype=np.float32)
    parts = []
    for start in range(0, len(images), BLOCK):
        block = slice(start, start + BLOCK)
        steps = np.stack([both(*one) for one in zip(images[block], maps[block], strict=True)])
        found = np.asarray(predict(steps.reshape(-1, *images.shape[1:]))).reshape(*steps.shape[:3], -1)
        wanted = np.asarray(classes)[block].reshape(-1, 1, 1, 1)
        parts.append(np.take_along_axis(found, wanted, axis=-1)[..., 0])
    return dict(zip(("deletion", "insertion"), np.concatenate(parts).swapaxes(0, 1), strict=True))


def both(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(2, len(FRACTIONS), S, S, C): the image (S, S, C) at the points of its deletion and of its insertion curve."""
    sigma = BLUR * len(image)
    blurred = ndimage.gaussian_filter(image, sigma=(sigma, sigma, 0))
    taken = removed(values)[..., None]
    return np.stack([np.where(taken, blurred, image), np.where(taken, image, blurred)])


def removed(values: np.ndarray) -> np.ndarray:
    """(len(FRACTIONS), S, S) bool: the pixels of a map (S, S) replaced at each point of a curve."""
    place = np.empty(values.size, dtype=int)
    place[order(values)] = np.arange(values.size)
    counts = np.round(FRACTIONS * values.size)
    return (place < counts[:, None]).reshape(-1, *values.shape)


def area(curve: np.ndarray) -> np.ndarray:
    """Area 0..1 under curves (..., len(FRACTIONS)), by the trapezoid rule."""
    return np.trapezoid(curve, FRACTIONS, axis=-1)


def random_maps(count: int, size: int, seed: int = 1) -> np.ndarray:
    """(count, S, S) maps that know nothing: smoothed noise in 0..1, whose curves are the chance level."""
    noise = np.random.default_rng(seed).normal(size=(count, size, size))
    smooth = ndimage.gaussian_filter(noise, sigma=(0, size / 16, size / 16))
    low, high = smooth.min(axis=(1, 2), keepdims=True), smooth.max(axis=(1, 2), keepdims=True)
    return (smooth - low) / (high - low)
