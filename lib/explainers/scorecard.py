"""Means over images with intervals over patients: the lines of `explanations/scorecard.csv`.

Columns of that file:
    measure: what was measured (`MEASURES` says it in words).
    method: what made the maps (`METHODS` says it in words), or both (their agreement).
    class: true class of the images, or `all`; of the randomisation test the lowest layer randomised.
    value: mean over the images.
    low, high: 95 % interval, patients drawn with replacement; empty below `bootstrap.LEAST_PATIENTS` patients.
    chance: what a map that knows nothing of the model scores on the same images; 0 for a difference of two maps.
    images: how many images entered.
    other_image: the value when each image is scored with the map of another image, the mean over all pairs of
        different images; empty where it has no meaning. It tells following this image's lungs from marking where
        lungs usually are.
    chance_spread: standard deviation of chance over several random maps; empty where chance is no estimate.
    patients: how many patients entered.

Columns of `explanations/steps.csv` (notebook 07), one row for each experiment, image and m that was computed:
    experiment, image_id, class (true class), steps (m), completeness_error (`Attributions.completeness_error`, so its
    mean over a network's images at one m is the network's), rank_correlation (with this network's finest m), agreement
    (rank correlation with Grad-CAM).
"""

from dataclasses import dataclass

import numpy as np

from lib.evaluation import bootstrap
from lib.explainers import measures

METHODS = {
    "grad_cam": "Grad-CAM",
    "integrated_gradients": "Integrated Gradients",
    "both": "Agreement",
    "grad_cam_randomised": "Grad-CAM, randomised network",
    "integrated_gradients_randomised": "Integrated Gradients, randomised network",
    "brightness": "Brightness of the image",
}
"""Display names."""

REGIONS = {
    "lungs": "inside the lungs",
    "opacity": "inside the opacity",
    "box": "inside the boxes around opacities",
    "marker": "on the marker",
}
"""Known regions of an image."""

RIVALS = {"randomised": "the randomised network's map", "brightness": "the image's brightness"}
"""Maps that know nothing of what the network learnt; explanations are compared with theirs image by image."""

MEASURES = {
    "rank_correlation": "Rank correlation of the two methods",
    "top_overlap": "Overlap of their top 10 % of pixels",
    **{f"{name}_share": f"Share of attribution {where}" for name, where in REGIONS.items()},
    **{
        f"{name}_share_over_{rival}": f"Share of attribution {where}, minus that of {what}"
        for name, where in REGIONS.items()
        for rival, what in RIVALS.items()
    },
    **{f"{name}_pointing": f"Highest pixel {where}" for name, where in REGIONS.items()},
    "deletion": "Area under the deletion curve (lower is better)",
    "insertion": "Area under the insertion curve (higher is better)",
    "randomised_rank_correlation_signed": "Rank correlation with the randomised network's attributions",
    "randomised_rank_correlation_absolute": "Rank correlation with the randomised network's absolute attributions",
    "randomised_rank_correlation_shown": "Rank correlation with the randomised network's map as shown",
    "randomised_similarity": "Structural similarity with the randomised network's map as shown",
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
        """Lines for all images and each true class with a value.

        Args:
            measure: the column, as method.
            method: likewise.
            values: (N,) a number an image, nan where there is none.
            chance: a number, (N,), or (N, R) of R random maps.
            other: a number, or (N,).
        """
        whole = np.ones(len(self.labels), dtype=bool)
        parts = {"all": whole} | {name: self.labels == name for name in np.unique(self.labels)}
        known = ~np.isnan(values)
        return [
            scorecard_line(
                measure, method, name, values[of], self.groups[of], self.samples,
                *(part[of] if np.ndim(part) else part for part in (chance, other)),
            )
            for name, of in parts.items()
            if (known & of).any()
        ]  # fmt: skip


def scorecard_line(
    measure: str, method: str, of: str, values, groups, samples: int, chance=float("nan"), other=float("nan")
) -> dict:
    """One line of the scorecard; arguments are its columns (see the module; `of` is `class`), but for these.

    Args:
        values: (N,) one value an image; nan where the measure is undefined, and left out.
        groups: (N,) patient of each image.
        samples: resamples behind the interval.
        chance: a number, (N,) one an image, or (N, R) those of R random maps an image.
        other: a number, or (N,).
    """
    values, groups = np.asarray(values, dtype=float), np.asarray(groups)
    known = ~np.isnan(values)
    chance, other = (np.asarray(one)[known] if np.ndim(one) else one for one in (chance, other))
    values, groups = values[known], groups[known]
    low, high = bootstrap.mean_interval(values, groups, samples)
    chances = np.mean(chance, axis=0) if np.ndim(chance) else chance  # of each random map, where there are several
    return {
        "measure": measure,
        "method": method,
        "class": of,
        "value": values.mean() if len(values) else float("nan"),
        "low": low,
        "high": high,
        "chance": np.mean(chances),
        "images": len(values),
        "other_image": np.nanmean(other) if np.any(~np.isnan(other)) else float("nan"),
        "chance_spread": np.std(chances, ddof=1) if np.ndim(chances) else float("nan"),
        "patients": len(np.unique(groups)),
    }


def score_agreement(on: Scored, maps: dict[str, np.ndarray]) -> list[dict]:
    """Grad-CAM against Integrated Gradients. By chance: rank correlation 0, overlap of the tops their share."""
    lines = []
    for name, chance in (("rank_correlation", 0.0), ("top_overlap", measures.TOP_SHARE)):
        table = getattr(measures, f"{name}s")(maps["grad_cam"], maps["integrated_gradients"])
        lines += on.lines(name, "both", np.diag(table), chance, measures.by_others(table))
    return lines


def score_inside(
    on: Scored, maps: dict[str, np.ndarray], regions: dict[str, np.ndarray], randomised: dict[str, np.ndarray]
) -> list[dict]:
    """Share of the attribution, and of the highest pixels, inside each region. By chance: the region's area.

    The shares stand beside those of maps that know nothing of what the network learnt, and minus them image by image.

    Args:
        on: the images.
        maps: each method's (N, S, S).
        regions: each region's (N, S, S) bool; images without it do not enter.
        randomised: as maps, of the network with all weights shuffled.
    """
    ignorant = {f"{method}_randomised": of for method, of in randomised.items()}
    ignorant["brightness"] = np.asarray(on.images, dtype=float).mean(axis=-1)
    lines = []
    for region, masks in regions.items():
        area, found = masks.mean(axis=(1, 2)), {}
        for method, of in (maps | ignorant).items():
            table = measures.shares_inside(of, masks)
            found[method] = np.diag(table)
            lines += on.lines(f"{region}_share", method, found[method], area, measures.by_others(table))
        for method in maps:
            for rival, name in (("randomised", f"{method}_randomised"), ("brightness", "brightness")):
                lines += on.lines(f"{region}_share_over_{rival}", method, found[method] - found[name], 0.0)
        for method, of in maps.items():
            table = measures.points_inside(of, masks)
            lines += on.lines(f"{region}_pointing", method, np.diag(table), area, measures.by_others(table))
    return lines
