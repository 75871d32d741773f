"""Figures of explanations: Figure 5, the gallery, and the plots of notebooks 07 to 09."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from lib.evaluation.bootstrap import LEAST_PATIENTS
from lib.explainers.scorecard import MEASURES, METHODS
from lib.figures import style

COLUMNS = ("Original", "Grad-CAM", "Integrated Gradients")
WRONG = "#b3261e"
METHOD_LINES, METHOD_MARKERS = {"integrated_gradients": "--"}, {"integrated_gradients": "s"}
METHOD_COLOURS = {
    "grad_cam": "#b5541c",
    "integrated_gradients": "#5b3a8c",
    "both": "#2f6f73",
    "grad_cam_randomised": "#dcb08f",
    "integrated_gradients_randomised": "#b3a2cb",
    "brightness": "#4d4d4d",
    "chance": "#8a8a8a",
}
"""One colour a method, the randomised network's paler."""

OVERLAY = "plasma"
"""Colours over an X-ray: perceptually uniform, and of no colour that an X-ray has."""

SHOWN, SATURATED = 80, 99.5
"""Percentiles between which Integrated Gradients is coloured: the top fifth of the pixels is shown, and a few extreme
pixels do not leave all others dark."""

OPACITY = 0.7
"""Opacity of the strongest colour; the X-ray stays visible below it."""


@dataclass(frozen=True)
class Explained:
    """One image with both explanations.

    Attributes:
        image: (S, S) or (S, S, 1), values 0..255.
        grad_cam: (S, S) map.
        evidence: (S, S) evidence of Integrated Gradients (`integrated_gradients.evidence`).
        predicted: predicted class.
        probability: of it, 0..1.
        truth: true class, or "" if unknown.
    """

    image: np.ndarray
    grad_cam: np.ndarray
    evidence: np.ndarray
    predicted: str
    probability: float
    truth: str = ""


def figure_5(one: Explained) -> Figure:
    """Figure 5a or 5b: original, Grad-CAM overlay, Integrated Gradients overlay, with prediction and ground truth."""
    with style.apply():
        figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.75))
        _overlays(axes, one, titles=COLUMNS)
        _colour_bar(figure, axes, shrink=0.9)
        truth = f"      Ground truth: {_display(one.truth)}" if one.truth else ""
        figure.suptitle(f"Prediction: {_display(one.predicted)} ({one.probability:.2f}){truth}", fontweight="bold")
    return figure


def gallery_figure(explained: Sequence[Explained], cases: Sequence[str]) -> Figure:
    """One row an image, as Figure 5; the case, prediction and truth stand left of it, in red where it is wrong."""
    with style.apply():
        size = {"figsize": (8.8, 2.05 * len(explained) + 0.5), "width_ratios": [0.85, 1, 1, 1]}
        figure, axes = plt.subplots(len(explained), 4, squeeze=False, **size)
        for (words, *line), one, case in zip(axes, explained, cases, strict=True):
            _overlays(line, one, titles=COLUMNS if words is axes[0, 0] else ("", "", ""))
            words.axis("off")
            says = f"predicted {_display(one.predicted)}\n({one.probability:.2f})\ntruth {_display(one.truth)}"
            colour = "black" if one.predicted == one.truth else WRONG
            place = {"transform": words.transAxes, "ha": "right", "color": colour}
            words.text(0.98, 0.66, case, va="bottom", fontweight="bold", **place)
            words.text(0.98, 0.6, says, va="top", linespacing=1.4, **place)
        _colour_bar(figure, axes, shrink=0.5)
    return figure


def steps_figure(table: pd.DataFrame, chosen: int, tolerance: float) -> Figure:
    """Completeness error, rank correlation with the finest m, and agreement with Grad-CAM against m (steps.csv).

    Means over the images, with the middle half of them as a band. The `chosen` m, which the run uses, is a line, as is
    the `tolerance` of the completeness error.
    """
    panels = {
        "completeness_error": "Completeness error",
        "rank_correlation": "Rank correlation with the finest m",
        "agreement": "Rank correlation with Grad-CAM",
    }
    names = sorted(table.experiment.unique())
    colours = list(style.ROW_COLOURS[: len(names)])
    lines = {"hue": "experiment", "hue_order": names, "palette": colours, "style": "experiment", "style_order": names}
    lines |= {"markers": ["o", "s", "^", "D"][: len(names)], "markeredgewidth": 0}
    band = {"estimator": "mean", "errorbar": ("pi", 50), "err_kws": {"alpha": 0.15, "linewidth": 0}}
    with style.apply():
        figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.5))
        for ax, (column, title) in zip(axes, panels.items(), strict=True):
            sns.lineplot(table, x="steps", y=column, ax=ax, legend=ax is axes[2], markersize=4, **lines, **band)
            ax.axvline(chosen, color="black", linewidth=0.8, linestyle=":")
            ax.set(xscale="log", xlabel="Steps m", ylabel="", title=title)
            ax.minorticks_off()
            tried = sorted(table.steps.unique())
            ax.set_xticks(tried, [str(steps) for steps in tried])
        axes[0].set_yscale("log")
        axes[0].axhline(tolerance, color=METHOD_COLOURS["chance"], linewidth=0.8)
        look = {"transform": axes[0].get_yaxis_transform(), "ha": "right", "va": "bottom", "size": "small"}
        axes[0].text(1, tolerance, "tolerance", **look)
        axes[2].axhline(0, color=METHOD_COLOURS["chance"], linewidth=0.8)
        axes[2].set_ylim(min(-0.1, axes[2].get_ylim()[0]), 1)
        axes[2].legend(title="Mean, middle half", loc="upper right")
    return figure


def scorecard_figure(table: pd.DataFrame) -> Figure:
    """Value, interval and chance level: a heading a measure, below it a line a method and class of the scorecard.

    A line of fewer patients than an interval needs is a point only.
    """
    with style.apply():
        figure, ax = plt.subplots(figsize=(9.5, 0.8 + 0.3 * len(table) + 0.25 * table.measure.nunique()))
        places, position = {}, 0.0
        for measure, part in table.groupby("measure", sort=False):
            position += 0.8
            over = blended_transform_factory(figure.transFigure, ax.transData)  # from the figure's left edge
            about = {"fontweight": "bold", "transform": over, "in_layout": False}
            ax.text(0.01, position - 0.62, MEASURES[measure], **about)
            for _, one in part.iterrows():
                colour = METHOD_COLOURS[one.method]
                ax.plot([one.low, one.high], [position, position], color=colour, linewidth=2)
                ax.plot(
                    one.value, position, METHOD_MARKERS.get(one.method.removesuffix("_randomised"), "o"), color=colour
                )
                ax.plot(one.chance, position, "|", color=METHOD_COLOURS["chance"], markersize=12, markeredgewidth=2)
                of = "" if one["class"] == "all" else f", {_display(one['class'])}"
                places[position] = f"{METHODS[one.method]}{of} (n = {one.images})"
                position += 1
        ax.set_yticks(list(places), list(places.values()))
        few = f"\n(fewer than {LEAST_PATIENTS} patients: no interval)" if table.low.isna().any() else ""
        ax.set(ylim=(position - 0.3, -0.3), xlabel=f"Value with 95 % interval over patients;  | chance{few}")
        ax.grid(axis="y", visible=False)
    return figure


def deletion_insertion_figure(curves: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Mean deletion and insertion curves; random maps as a band of two standard deviations on either side.

    Args:
        curves: method to {"deletion", "insertion"} to (N, points) probabilities, and "chance" to (R, N, points) of R
            random maps.
    """
    panels = {"deletion": "taken away (blurred)", "insertion": "put back"}
    with style.apply():
        figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.4), sharey=True)
        for ax, (name, what) in zip(axes, panels.items(), strict=True):
            blind = curves["chance"][name].mean(axis=1)
            middle, spread = blind.mean(axis=0), blind.std(axis=0, ddof=1)
            percent = np.linspace(0, 100, len(middle))
            about = {"color": METHOD_COLOURS["chance"], "linewidth": 0, "alpha": 0.35}
            words = f"{len(blind)} random maps, 2 standard deviations"
            ax.fill_between(percent, middle - 2 * spread, middle + 2 * spread, label=words, **about)
            for method in (of for of in curves if of != "chance"):
                mean = curves[method][name].mean(axis=0)
                ax.plot(
                    percent, mean, METHOD_LINES.get(method, "-"), color=METHOD_COLOURS[method], label=METHODS[method]
                )
            ax.set(xlabel=f"Pixels {what}, %", title=name.capitalize(), ylim=(0, 1.02))
        axes[0].set_ylabel("Mean probability of the class")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


def randomisation_figure(table: pd.DataFrame) -> Figure:
    """Similarity to the trained network's explanations, level by level.

    Args:
        table: scorecard lines of the randomisation measures; the column class holds the level, in order.
    """
    panels = {
        "rank_correlation_signed": "Rank correlation,\nwith signs",
        "rank_correlation_absolute": "Rank correlation,\nabsolute values",
        "rank_correlation_shown": "Rank correlation,\nas shown",
        "similarity": "Structural similarity,\nas shown",
    }
    with style.apply():
        figure, axes = plt.subplots(1, 4, figsize=(12, 4.3), sharey=True)
        for ax, (measure, title) in zip(axes, panels.items(), strict=True):
            for method, part in table[table.measure == f"randomised_{measure}"].groupby("method", sort=False):
                about = {"color": METHOD_COLOURS[method], "label": METHODS[method]}
                interval = np.abs(part[["low", "high"]].to_numpy().T - part.value.to_numpy())
                about["marker"] = METHOD_MARKERS.get(method, "o")
                ax.errorbar(part["class"], part.value, np.nan_to_num(interval), capsize=3, **about)
                ax.plot(part["class"], part.chance, linestyle=":", color=METHOD_COLOURS[method])
            ax.set(title=title, ylim=(-1.05, 1.05))
            ax.tick_params(axis="x", rotation=35)
        figure.supxlabel("Randomised from the top down to")
        handles, labels = axes[0].get_legend_handles_labels()
        handles.append(plt.Line2D([], [], color="black", linestyle=":"))
        figure.legend(handles, [*labels, "Map of another image"], loc="outside upper center", ncols=3, frameon=False)
    return figure


def grad_cam_levels(values: np.ndarray) -> np.ndarray:
    """(S, S) levels 0..1 of a Grad-CAM map: divided by its maximum."""
    highest = values.max()
    return values / highest if highest > 0 else np.zeros_like(values, dtype=float)


def integrated_gradients_levels(values: np.ndarray) -> np.ndarray:
    """(S, S) levels 0..1 of an evidence map: percentile SHOWN becomes 0, SATURATED becomes 1."""
    low, high = np.percentile(values, [SHOWN, SATURATED])
    return np.clip((values - low) / (high - low), 0, 1) if high > low else np.zeros_like(values, dtype=float)


def coloured_over(image: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """(S, S, 3) float 0..1: the image with the levels' colours on it.

    Opacity grows with the level, so that nothing is tinted where nothing is marked.

    Args:
        image: (S, S) or (S, S, 1), values 0..255.
        levels: (S, S), values 0..1.
    """
    grey = np.repeat(np.asarray(image, float).reshape(*levels.shape, 1) / 255, 3, axis=-1)
    share = OPACITY * levels[..., None] ** 0.75
    return (1 - share) * grey + share * plt.get_cmap(OVERLAY)(levels)[..., :3]


def _overlays(axes: Sequence[Axes], one: Explained, titles: Sequence[str]) -> None:
    maps = (one.grad_cam, grad_cam_levels), (one.evidence, integrated_gradients_levels)
    image = np.asarray(one.image).reshape(one.grad_cam.shape)
    axes[0].imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
    for ax, (values, levels) in zip(axes[1:], maps, strict=True):
        ax.imshow(coloured_over(image, levels(values)), interpolation="bilinear")
        if not np.any(values):
            look = {"bbox": {"facecolor": "white", "alpha": 0.85, "linewidth": 0}, "ha": "center", "size": "small"}
            ax.text(0.5, 0.04, "no evidence for the class", transform=ax.transAxes, **look)
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontweight="normal")
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)


def _colour_bar(figure: Figure, axes: np.ndarray, shrink: float) -> None:
    """One bar for both overlays: their levels are relative to each map's own largest value."""
    look = {"label": "Evidence for the class", "fraction": 0.025, "pad": 0.02, "aspect": 18, "shrink": shrink}
    bar = figure.colorbar(ScalarMappable(cmap=OVERLAY), ax=axes, **look)
    bar.set_ticks([0, 1], labels=["low", "high"])
    bar.outline.set_visible(False)


def _display(name: str) -> str:
    return style.CLASS_NAMES.get(name, name)
