"""Means over images with intervals over patients: the rows of `explanations/scorecard.csv`.

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

import numpy as np
import pandas as pd

from lib.evaluation import bootstrap

COLUMNS = ["measure", "method", "class", "value", "low", "high", "chance", "images", "other_image"]

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


def row(
    measure: str,
    method: str,
    of: str,
    values: np.ndarray,
    groups: np.ndarray,
    samples: int,
    *,
    chance: float = float("nan"),
    other_image: float = float("nan"),
    seed: int = 1,
) -> dict:
    """One row of the scorecard.

    Args:
        measure: a key of MEASURES.
        method: see the module.
        of: the column `class`.
        values: (N,) one value an image; nan where the measure is undefined, and left out.
        groups: (N,) patient of each image.
        samples: resamples behind the interval.
        chance: see the module.
        other_image: see the module.
        seed: of the resamples.
    """
    values, groups = np.asarray(values, dtype=float), np.asarray(groups)
    defined = ~np.isnan(values)
    values, groups = values[defined], groups[defined]
    low, high = bootstrap.mean_interval(values, groups, samples, seed)
    value = values.mean() if len(values) else float("nan")
    return dict(zip(COLUMNS, [measure, method, of, value, low, high, chance, len(values), other_image], strict=True))


def by_class(measure: str, method: str, scored: pd.DataFrame, samples: int, **more) -> list[dict]:
    """Rows for all images and for every true class that occurs.

    Args:
        measure: a key of MEASURES.
        method: see the module.
        scored: columns value, chance, other (nan where it has no meaning), group_id and label, a row an image.
        samples: resamples behind the intervals.
        more: further arguments of `row`.
    """
    rows = []
    for of in ["all", *sorted(scored.label.unique())]:
        part = scored if of == "all" else scored[scored.label == of]
        used = part[part.value.notna()]
        if len(used):
            means = {"chance": used.chance.mean(), "other_image": used.other.mean()}
            rows.append(row(measure, method, of, used.value, used.group_id, samples, **means, **more))
    return rows


def table(rows: list[dict]) -> pd.DataFrame:
    """The scorecard, in the order in which the rows were made."""
    return pd.DataFrame(rows, columns=COLUMNS)
