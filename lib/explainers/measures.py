"""How two explanations agree, and where an explanation points: measures on plain arrays of maps.

A measure of N maps with N others is a table (N, N) of all pairs: its diagonal compares what belongs together, and the
rest is `by_others`, what a map scores that belongs to another image. Most tables are one matrix product.

Maps (N, S, S) are not negative unless said otherwise. A map that is the same everywhere points nowhere: its measures
are nan.
"""

import numpy as np
from scipy import stats
from skimage.metrics import structural_similarity

TOP_SHARE = 0.1
"""Share of the pixels that counts as a map's top."""

SIMILAR = 32
"""Structural similarity, which is no product, compares different images only among so many, evenly spaced."""


def is_empty(values: np.ndarray) -> bool:
    """Whether a map is constant, so that it ranks nothing."""
    return bool(np.ptp(values) == 0)


def by_others(table: np.ndarray) -> np.ndarray:
    """(N,) means of each column without its diagonal and without nan; nan where nothing is left."""
    apart = np.where(np.eye(len(table), dtype=bool), np.nan, table)
    known = ~np.isnan(apart)
    with np.errstate(invalid="ignore"):
        return np.where(known, apart, 0).sum(axis=0) / known.sum(axis=0)


def rank_correlations(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, N) Spearman's rank correlations over the pixels, -1..1, of each of `ones` (rows) with each of `others`.

    The maps may have signs.
    """
    return _standard_ranks(ones) @ _standard_ranks(others).T


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rank correlation of two maps (S, S), -1..1; nan if either is constant."""
    return float(rank_correlations(one[None], other[None])[0, 0])


def similarity(one: np.ndarray, other: np.ndarray) -> float:
    """Structural similarity of two maps (S, S), each divided by its maximum; nan if either is constant.

    With the Gaussian window of Wang et al. (2004, section III.B): standard deviation 1.5 pixels, 11 pixels a side.
    """
    if is_empty(one) or is_empty(other):
        return float("nan")
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(one / one.max(), other / other.max(), data_range=1.0, **window))


def similarities(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) structural similarities of N pairs of maps."""
    return np.array([similarity(*pair) for pair in zip(ones, others, strict=True)])


def similarity_by_others(maps: np.ndarray) -> float:
    """Mean structural similarity of the maps of different images, among at most `SIMILAR` of them."""
    maps = maps[np.unique(np.linspace(0, len(maps) - 1, SIMILAR).round().astype(int))]
    pairs = [similarity(maps[a], maps[b]) for a in range(len(maps)) for b in range(a)]
    known = np.array(pairs)[~np.isnan(pairs)]
    return float(known.mean()) if len(known) else float("nan")


def ranking(values: np.ndarray, seed: int = 0) -> np.ndarray:
    """(S * S,) flat positions by falling value; pixels with equal values come in random, seeded order.

    Grad-CAM maps of a few cells have plateaus, and any fixed order among equals would favour a corner of the image.
    """
    shuffle = np.random.default_rng(seed).permutation(values.size)
    return shuffle[np.argsort(-values.ravel()[shuffle], kind="stable")]


def top_overlaps(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, N) shares 0..1 of the top pixels of `ones` (rows) that are top pixels of `others`.

    `TOP_SHARE` is expected by chance.
    """
    ones, others = _tops(ones, seed=0), _tops(others, seed=1)
    return (ones @ others.T) / ones.sum(axis=1, keepdims=True)


def shares_inside(maps: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(N, N) shares 0..1 of each map's sum (rows) that lie where each of `inside`, (N, S, S) bool, is true.

    The area's share is expected by chance. A mask that is true nowhere has no share.
    """
    maps, inside = (np.asarray(of, dtype=float).reshape(len(of), -1) for of in (maps, inside))
    maps = np.where(np.ptp(maps, axis=1, keepdims=True) > 0, maps, np.nan)
    inside = np.where(inside.any(axis=1, keepdims=True), inside, np.nan)
    return (maps @ inside.T) / maps.sum(axis=1, keepdims=True)


def points_inside(maps: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(N, N) pointing game (Zhang et al., 2018): 1 where a map's highest pixel lies inside, else 0.

    Equal maxima share the point. Rows and columns are those of `shares_inside`.
    """
    return shares_inside(maps == maps.max(axis=(1, 2), keepdims=True), inside)


def _tops(maps: np.ndarray, seed: int) -> np.ndarray:
    """(N, P) 1 at each map's top pixels, else 0; nan for a constant map."""
    count = max(1, round(TOP_SHARE * maps[0].size))
    tops = np.zeros((len(maps), maps[0].size))
    for top, one in zip(tops, maps, strict=True):
        top[ranking(one, seed)[:count]] = 1
        if is_empty(one):
            top[:] = np.nan
    return tops


def _standard_ranks(maps: np.ndarray) -> np.ndarray:
    """(N, P) ranks of each map's values, with mean 0 and length 1; nan for a constant map."""
    ranks = np.stack([stats.rankdata(one) for one in maps]).reshape(len(maps), -1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return ranks / np.linalg.norm(ranks, axis=1, keepdims=True)
