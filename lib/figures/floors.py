"""Figures of what tells an image's source, and of the floors below every row's score."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from lib.figures import style

FEW, MANY, *_ = style.ROW_COLOURS
CHANCE = {"color": "#888888", "linestyle": "--", "linewidth": 1, "zorder": 0}
BARS = {
    "permuted": {"color": "0.86", "linewidth": 12, "solid_capstyle": "butt", "zorder": 1},
    "permuted_within_class": {"color": "0.6", "linewidth": 5, "solid_capstyle": "butt", "zorder": 1.5},
}
"""Scores that chance gives, sources dealt out among all patients or among those of a class, and how they are drawn."""


def sources_seen(lines: pd.DataFrame, words: dict[str, str], sources: int) -> Figure:
    """How well the source, and whether it is an archive of COVID-19, is told from each kind of features.

    Args:
        lines: measure, score, value, low and high (0..1, nan where undefined): of `source_NAME` the balanced_accuracy
            and its ranges by chance, `BARS`; of `archive_any_NAME` and `archive_not_covid_NAME` the auc.
        words: what each NAME is, from the top.
        sources: how many there are to choose from.
    """
    found = (100 * lines.set_index(["measure", "score"])[["value", "low", "high"]]).T.to_dict("list")
    with style.apply():
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 0.5 * len(words) + 1.7), sharey=True)
        for height, name in enumerate(words):
            for score, bar in BARS.items():
                _, low, high = found.get((f"source_{name}", score), [np.nan] * 3)
                left.plot([low, high], [height] * 2, **bar)
            _point(left, height, found.get((f"source_{name}", "balanced_accuracy")), color=FEW)
            _point(right, height - 0.15, found.get((f"archive_any_{name}", "auc")), color=MANY, markerfacecolor="white")
            _point(right, height + 0.15, found.get((f"archive_not_covid_{name}", "auc")), color=MANY)
        left.plot([], [], label="chance, 95 %", **BARS["permuted"])
        left.plot([], [], label="chance within each class, 95 %", **BARS["permuted_within_class"])
        right.plot([], [], "o", color=MANY, markerfacecolor="white", label="all images")
        right.plot([], [], "o", color=MANY, label="images without COVID-19")
        left.axvline(100 / max(1, sources), **CHANCE)
        right.axvline(50, **CHANCE)
        left.set_yticks(range(len(words)), list(words.values()))
        left.invert_yaxis()
        left.set(xlim=(-2, 102), xlabel="balanced accuracy, %", title=f"Which of {sources} sources?")
        right.set(xlim=(-2, 102), xlabel="area under the ROC curve, %", title="An archive of COVID-19, or another?")
        for axes in (left, right):
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, frameon=False, fontsize="small")
    return figure


def floors_below(rows: pd.DataFrame, floors: pd.Series, shuffled: tuple[float, float], title: str) -> Figure:
    """A score of every row with its interval, and what classifiers reach that look at no lung, as lines.

    Args:
        rows: value, low and high (0..1, nan where undefined) by row.
        floors: a value (0..1) by what it is in words.
        shuffled: the least and the greatest value where labels were shuffled, drawn as a band.
        title: names the score.
    """
    with style.apply():
        figure, axes = plt.subplots(figsize=(10.5, 4.6))
        axes.axhspan(*(100 * end for end in shuffled), color="0.88", zorder=0)
        for place, (value, low, high) in enumerate(100 * rows[["value", "low", "high"]].to_numpy(float)):
            axes.plot([place] * 2, [low, high], color=FEW, linewidth=1.5)
            axes.plot(place, value, "o", color=FEW)
        band = "labels shuffled, {:.0f} to {:.0f}".format(*(100 * end for end in shuffled))
        said = {f"{words}, {100 * value:.0f}": 100 * value for words, value in floors.items()}
        said = pd.Series(said | {band: 50 * sum(shuffled)}).sort_values()
        right = len(rows) - 0.4
        for (words, value), at in zip(said.items(), _apart(said.to_numpy(), 4.2), strict=True):
            if words != band:
                axes.axhline(value, color=MANY, linewidth=1, linestyle="--", zorder=0)
            beside = {"va": "center", "fontsize": "small", "annotation_clip": False}
            link = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.7, "relpos": (0, 0.5)}
            axes.annotate(words, (right, value), (1.03 * right + 0.02, at), arrowprops=link, **beside)
        axes.set_xticks(range(len(rows)), list(rows.index))
        axes.set(xlim=(-0.6, right), ylim=(-2, 102), ylabel="%", title=title)
        axes.grid(False, axis="x")
    return figure


def _point(axes: Axes, height: float, ends: list[float] | None, **look) -> None:
    """value, low and high as a point on its interval; nothing where there is no value."""
    if ends is not None:
        axes.plot(ends[1:], [height] * 2, color=look["color"], linewidth=1.5)
        axes.plot(ends[0], height, "o", **look)


def _apart(heights: np.ndarray, gap: float) -> np.ndarray:
    """Rising heights, moved as little up and down as it takes that neighbours are `gap` apart."""
    steps = gap * np.arange(len(heights))
    return steps + isotonic_regression(heights - steps).x
