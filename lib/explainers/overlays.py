"""From an explanation to colours over an X-ray."""

import matplotlib
import numpy as np

COLOURS = "plasma"
"""Perceptually uniform, and of no colour that an X-ray has."""

SHOWN = 80
"""Percentile below which Integrated Gradients is not shown: the top fifth of the pixels remains."""

SATURATED = 99.5
"""Percentile that gets the last colour: a few extreme pixels would otherwise leave all others dark."""

OPACITY = 0.7
"""Opacity of the strongest colour; the X-ray stays visible below it."""


def grad_cam_levels(values: np.ndarray) -> np.ndarray:
    """(S, S) levels 0..1 of a Grad-CAM map: divided by its maximum."""
    highest = values.max()
    return values / highest if highest > 0 else np.zeros_like(values, dtype=float)


def integrated_gradients_levels(values: np.ndarray) -> np.ndarray:
    """(S, S) levels 0..1 of an evidence map (`measures.evidence`): percentile SHOWN becomes 0, SATURATED becomes 1."""
    low, high = np.percentile(values, [SHOWN, SATURATED])
    return np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros_like(values, dtype=float)


def over(image: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """(S, S, 3) float 0..1: the image with the levels' colours on it.

    Opacity grows with the level, so that nothing is tinted where nothing is marked.

    Args:
        image: (S, S) or (S, S, 1), values 0..255.
        levels: (S, S), values 0..1.
    """
    grey = np.repeat(np.asarray(image, float).reshape(*levels.shape, 1) / 255, 3, axis=-1)
    colours = matplotlib.colormaps[COLOURS](levels)[..., :3]
    share = OPACITY * levels[..., None] ** 0.75
    return (1 - share) * grey + share * colours
