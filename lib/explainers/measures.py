"""How two explanations agree, and where an explanation points: measures of one map each, on plain arrays.

All take maps (S, S) that are not negative, as Grad-CAM and `integrated_gradients.evidence` give them. A map that is
zero everywhere points nowhere: its measures are nan.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats
from skimage.metrics import structural_similarity

TOP_SHARE = 0.1
"""Share of the pixels that counts as a map's top."""


def of_pairs(measure: Callable, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) float64 values of a measure of two arrays, such as a map and a mask, over N pairs."""
    return np.array([measure(one, other) for one, other in zip(ones, others, strict=True)], dtype=float)


def is_empty(values: np.ndarray) -> bool:
    """Whether a map is constant, so that it ranks nothing."""
    return bool(np.ptp(values) == 0)


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two maps over their pixels, -1..1; nan if either is constant."""
    if is_empty(one) or is_empty(other):
        return float("nan")
    return float(stats.spearmanr(one.ravel(), other.ravel()).statistic)


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Structural similarity (Wang et al., 2004) of two maps, each divided by its maximum; nan if either is constant."""
    if is_empty(one) or is_empty(other):
        return float("nan")
    return float(structural_similarity(one / one.max(), other / other.max(), data_range=1.0))


def ranking(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """(S * S,) flat positions by falling value; pixels with equal values come in random, seeded order.

    Grad-CAM maps of a few cells have plateaus, and any fixed order among equals would favour a corner of the image.
    """
    shuffle = np.random.default_rng(seed).permutation(values.size)
    return shuffle[np.argsort(-values.ravel()[shuffle], kind="stable")]


def top_overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Share 0..1 of one map's top pixels that are top pixels of the other; `TOP_SHARE` is expected by chance."""
    if is_empty(one) or is_empty(other):
        return float("nan")
    count = max(1, round(TOP_SHARE * one.size))
    common = np.intersect1d(ranking(one, seed=0)[:count], ranking(other, seed=1)[:count], assume_unique=True)
    return len(common) / count


def share_inside(values: np.ndarray, inside: np.ndarray) -> float:
    """Share 0..1 of a map's sum that lies where `inside` (S, S) is true; the area's share is expected by chance."""
    if is_empty(values) or not inside.any():
        return float("nan")
    return float(values[inside].sum(dtype=np.float64) / values.sum(dtype=np.float64))


def points_inside(values: np.ndarray, inside: np.ndarray) -> float:
    """Pointing game (Zhang et al., 2018): 1 if the highest pixel lies inside, else 0; equal maxima share the point."""
    if is_empty(values) or not inside.any():
        return float("nan")
    return float(inside[values == values.max()].mean())
