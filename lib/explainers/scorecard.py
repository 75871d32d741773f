"""Means over images with intervals over patients: the lines of `explanations/scorecard.csv`.

Columns of that file:
    measure: what was measured (`MEASURES` says it in words).
    method: grad_cam, integrated_gradients, or both (their agreement).
    class: true class of the images, or `all`; of the randomisation test the lowest layer randomised.
    value: mean over the images.
    low, high: 95 % interval, patients drawn with replacement; empty with fewer than two patients.
    chance: what a map that knows nothing of the model scores on the same images.
    images: how many images entered.
    other_image: the value when each image is scored with the map of another image; empty where it has no meaning. It
        tells following this image's lungs from marking where lungs usually are.

Columns of `explanations/steps.csv` (notebook 07), one row for each experiment, image and m:
    experiment, image_id, class (true class), steps (m), completeness_error (relative), rank_correlation (with the
    finest m), agreement (rank correlation with Grad-CAM).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.evaluation import bootstrap
from lib.explainers import measures

METHODS = {"grad_cam": "Grad-CAM", "integrated_gradients": "Integrated Gradients", "both": "Agreement"}
"""Display names."""

MEASURES = {
    "rank_correlation": "Rank correlation of the two methods",
    "top_overlap": "Overlap of their top 10 % of pixels",
    "lungs_share": "Share of attribution inside the lungs",
    "opacity_share": "Share of attribution inside the opacity",
    "box_share": "Share of attribution inside the boxes around opacities",
    "marker_share": "Share of attribution on the marker",
    "lungs_pointing": "Highest pixel inside the lungs",
    "opacity_pointing": "Highest pixel inside the opacity",
    "box_pointing": "Highest pixel inside the boxes around opacities",
    "marker_pointing": "Highest pixel on the marker",
    "deletion": "Area under the deletion curve (lower is better)",
    "insertion": "Area under the insertion curve (higher is better)",
    "randomised_rank_correlation": "Rank correlation with the map of the randomised network",
    "randomised_similarity": "Structural similarity with the map of the randomised network",
    "planted_marker_share_clean": "Share of attribution on a planted marker, small network that never saw one",
    "planted_marker_share_planted": "Share of attribution on a planted marker, small network that learnt it",
}
"""Each measure in words."""


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

    def lines(self, measure: str, method: str, values, chance, other=float("nan")) -> list[dict]:
        """Lines for all images and each true class with a value, from one number an image (or one for all)."""
        columns = {"value": values, "chance": chance, "other": other, "group": self.groups, "label": self.labels}
        known = pd.DataFrame(columns).dropna(subset="value")
        parts = [("all", known), *known.groupby("label")] if len(known) else []
        return [
            scorecard_line(measure, method, of, part.value, part.group, self.samples)
            | {"chance": part.chance.mean(), "other_image": part.other.mean()}
            for of, part in parts
        ]


def scorecard_line(
    measure: str, method: str, of: str, values, groups, samples: int, chance: float = float("nan")
) -> dict:
    """One line of the scorecard; arguments are its columns (see the module; `of` is `class`), but for these.

    Args:
        values: (N,) one value an image; nan where the measure is undefined, and left out.
        groups: (N,) patient of each image.
        samples: resamples behind the interval.
    """
    values, groups = np.asarray(values, dtype=float), np.asarray(groups)
    values, groups = values[~np.isnan(values)], groups[~np.isnan(values)]
    low, high = bootstrap.mean_interval(values, groups, samples)
    about = {"measure": measure, "method": method, "class": of}
    numbers = {"value": values.mean() if len(values) else float("nan"), "low": low, "high": high, "chance": chance}
    return about | numbers | {"images": len(values), "other_image": float("nan")}


def elsewhere(count: int) -> np.ndarray:
    """(count,) for each image another one: its successor in a seeded circle of all images."""
    circle = np.random.default_rng(1).permutation(count)
    other = np.empty(count, dtype=int)
    other[circle] = np.roll(circle, 1)
    return other


def score_agreement(on: Scored, maps: dict[str, np.ndarray]) -> list[dict]:
    """Grad-CAM against Integrated Gradients. By chance: rank correlation 0, overlap of the tops their share."""
    cams, paths = maps["grad_cam"], maps["integrated_gradients"]
    moved = paths[elsewhere(len(paths))]
    lines = []
    for name, chance in (("rank_correlation", 0.0), ("top_overlap", measures.TOP_SHARE)):
        values, other = (measures.of_pairs(getattr(measures, name), cams, of) for of in (paths, moved))
        lines += on.lines(name, "both", values, chance, other)
    return lines


def score_inside(on: Scored, maps: dict[str, np.ndarray], regions: dict[str, np.ndarray]) -> list[dict]:
    """Share of the attribution, and of the highest pixels, inside each region. By chance: the region's area.

    `maps` holds each method's (N, S, S), `regions` each region's (N, S, S) bool; images without it do not enter.
    """
    moved = elsewhere(len(on.images))
    lines = []
    for region, masks in regions.items():
        for name, measure in (("share", measures.share_inside), ("pointing", measures.points_inside)):
            for method, found in maps.items():
                values, other = (measures.of_pairs(measure, of, masks) for of in (found, found[moved]))
                lines += on.lines(f"{region}_{name}", method, values, masks.mean(axis=(1, 2)), other)
    return lines
