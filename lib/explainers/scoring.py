"""Scores a network's explanations over a set of images: the parts of the scorecard of notebook 08."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.explainers import measures, perturbation, randomisation, scorecard
from lib.explainers.explain import METHODS, Explainer


@dataclass(frozen=True)
class Scored:
    """The images that are scored.

    Attributes:
        images: (N, S, S, C), values 0..255.
        explained: (N,) positions of the explained classes.
        groups: (N,) patient of each image.
        labels: (N,) name of each image's true class.
        samples: resamples of patients behind an interval.
    """

    images: np.ndarray
    explained: np.ndarray
    groups: np.ndarray
    labels: np.ndarray
    samples: int

    def rows(self, measure: str, method: str, values, chance, other=float("nan")) -> list[dict]:
        """Scorecard rows for all images and each true class, from one number an image (or one for all)."""
        columns = {"value": values, "chance": chance, "other": other, "group_id": self.groups, "label": self.labels}
        return scorecard.by_class(measure, method, pd.DataFrame(columns), self.samples)


def elsewhere(count: int, seed: int = 1) -> np.ndarray:
    """(count,) for each image another one: its successor in a seeded circle of all images."""
    circle = np.random.default_rng(seed).permutation(count)
    other = np.empty(count, dtype=int)
    other[circle] = np.roll(circle, 1)
    return other


def agreement(on: Scored, maps: dict[str, np.ndarray]) -> list[dict]:
    """Grad-CAM against Integrated Gradients. By chance: rank correlation 0, overlap of the tops their share."""
    cams, paths = (maps[name] for name in METHODS)
    moved = elsewhere(len(cams))
    rows = []
    for name, chance in (("rank_correlation", 0.0), ("top_overlap", measures.TOP_SHARE)):
        measure = getattr(measures, name)
        values = [measure(one, two) for one, two in zip(cams, paths, strict=True)]
        other = [measure(one, two) for one, two in zip(cams, paths[moved], strict=True)]
        rows += on.rows(name, "both", values, chance, other)
    return rows


def inside(on: Scored, maps: dict[str, np.ndarray], regions: dict[str, np.ndarray]) -> list[dict]:
    """Share of the attribution, and of the highest pixels, inside each region. By chance: the region's area.

    Args:
        on: the images.
        maps: each method's (N, S, S).
        regions: name to (N, S, S) bool; images without the region do not enter.
    """
    moved = elsewhere(len(on.images))
    rows = []
    for region, masks in regions.items():
        area = masks.mean(axis=(1, 2))
        for name, measure in (("share", measures.share_inside), ("pointing", measures.points_inside)):
            for method in METHODS:
                values = [measure(one, mask) for one, mask in zip(maps[method], masks, strict=True)]
                other = [measure(one, mask) for one, mask in zip(maps[method][moved], masks, strict=True)]
                rows += on.rows(f"{region}_{name}", method, values, area, other)
    return rows


def perturbed(on: Scored, maps: dict[str, np.ndarray], predict) -> tuple[list[dict], dict]:
    """Areas under the deletion and insertion curves, and the curves; the chance level is that of random maps.

    Args:
        on: the images.
        maps: each method's (N, S, S).
        predict: (B, S, S, C) images to (B, K) probabilities.
    """
    noise = perturbation.random_maps(len(on.images), on.images.shape[1])
    curves = {
        method: perturbation.curves(predict, on.images, on.explained, values)
        for method, values in {**maps, "chance": noise}.items()
    }
    chance = {name: perturbation.area(curve) for name, curve in curves["chance"].items()}
    rows = []
    for name in ("deletion", "insertion"):
        for method in METHODS:
            rows += on.rows(name, method, perturbation.area(curves[method][name]), chance[name])
    return rows, curves


def randomised(on: Scored, explainer: Explainer, model, seed: int = 1) -> list[dict]:
    """Similarity of each map to that of the network randomised down to each level (Adebayo et al., 2018).

    The chance level is the similarity to the trained network's map of another image. In the rows, `class` is the level.
    """
    trained = explainer.maps(on.images, on.explained)
    moved = elsewhere(len(on.images))
    measured = {"rank_correlation": measures.rank_correlation, "similarity": measures.similarity}

    def compared(name: str, ones: np.ndarray, others: np.ndarray) -> pd.Series:
        return pd.Series([measured[name](one, other) for one, other in zip(ones, others, strict=True)])

    pairs = [(method, name) for method in METHODS for name in measured]
    chance = {pair: compared(pair[1], trained[pair[0]], trained[pair[0]][moved]).mean() for pair in pairs}
    rows = []
    for level, layers in randomisation.levels(model).items():
        with randomisation.randomised(layers, seed):
            broken = explainer.maps(on.images, on.explained)
        for method, name in pairs:
            values = compared(name, trained[method], broken[method])
            about = {"chance": chance[method, name]}  # without empty maps, which are nan
            rows.append(scorecard.row(f"randomised_{name}", method, level, values, on.groups, on.samples, **about))
    return rows
