"""Figures of explanations: Figure 5, the gallery, and the plots of notebooks 07 to 09."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, ScalarFormatter

from lib.explainers import overlays
from lib.explainers.perturbation import FRACTIONS
from lib.explainers.scorecard import MEASURES, METHODS
from lib.figures import style

COLUMNS = ("Original", "Grad-CAM", "Integrated Gradients")
WRONG = "#b3261e"
METHOD_COLOURS = {"grad_cam": "#b5541c", "integrated_gradients": "#5b3a8c", "both": "#2f6f73", "chance": "#8a8a8a"}


@dataclass(frozen=True)
class Explained:
    """One image with both explanations.

    Attributes:
        image: (S, S) or (S, S, 1), values 0..255.
        grad_cam: (S, S) map.
        evidence: (S, S) evidence of Integrated Gradients (`measures.evidence`).
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

    @property
    def title(self) -> str:
        """Prediction with its probability, and the truth where it is known."""
        words = f"Prediction: {_display(self.predicted)} ({self.probability:.2f})"
        return f"{words}      Ground truth: {_display(self.truth)}" if self.truth else words


def figure_5(one: Explained) -> Figure:
    """Figure 5a or 5b: original, Grad-CAM overlay, Integrated Gradients overlay, with prediction and ground truth."""
    with style.apply():
        figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.75))
        _row(axes, one)
        for ax, name in zip(axes, COLUMNS, strict=True):
            ax.set_title(name, fontweight="normal")
        _colour_bar(figure, axes)
        figure.suptitle(one.title, fontweight="bold")
    return figure


def gallery(explained: Sequence[Explained], cases: Sequence[str]) -> Figure:
    """One row an image, as Figure 5; the case, prediction and truth stand left of it, in red where it is wrong."""
    with style.apply():
        count = len(explained)
        figure, axes = plt.subplots(
            count, 4, figsize=(8.8, 2.05 * count + 0.5), squeeze=False, width_ratios=[0.85, 1, 1, 1]
        )
        for (words, *line), one, case in zip(axes, explained, cases, strict=True):
            _row(line, one)
            words.axis("off")
            says = f"predicted {_display(one.predicted)}\n({one.probability:.2f})\ntruth {_display(one.truth)}"
            colour = "black" if one.predicted == one.truth else WRONG
            place = {"transform": words.transAxes, "ha": "right", "color": colour}
            words.text(0.98, 0.66, case, va="bottom", fontweight="bold", **place)
            words.text(0.98, 0.6, says, va="top", linespacing=1.4, **place)
        for ax, name in zip(axes[0, 1:], COLUMNS, strict=True):
            ax.set_title(name, fontweight="normal")
        _colour_bar(figure, axes)
    return figure


def steps(table: pd.DataFrame, chosen: int) -> Figure:
    """Completeness error, rank correlation with the finest m, and agreement with Grad-CAM against m.

    Args:
        table: rows of steps.csv.
        chosen: the m that the run uses, drawn as a line.
    """
    panels = {
        "completeness_error": "Completeness error",
        "rank_correlation": f"Rank correlation with m = {table.steps.max()}",
        "agreement": "Rank correlation with Grad-CAM",
    }
    with style.apply():
        figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.5))
        colours = plt.get_cmap("viridis")(np.linspace(0.1, 0.8, table.experiment.nunique()))
        for ax, (column, label) in zip(axes, panels.items(), strict=True):
            for colour, (name, part) in zip(colours, table.groupby("experiment"), strict=False):
                spread = part.groupby("steps")[column].quantile([0.25, 0.5, 0.75]).unstack()
                ax.fill_between(spread.index, spread[0.25], spread[0.75], color=colour, alpha=0.15, linewidth=0)
                ax.plot(spread.index, spread[0.5], marker="o", markersize=4, color=colour, label=name)
            ax.axvline(chosen, color="black", linewidth=0.8, linestyle=":")
            ax.set(xscale="log", xlabel="Steps m", title=label)
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.xaxis.set_major_formatter(ScalarFormatter())
            ax.minorticks_off()
        axes[0].set_yscale("log")
        axes[2].axhline(0, color=METHOD_COLOURS["chance"], linewidth=0.8)
        axes[2].set_ylim(min(-0.1, axes[2].get_ylim()[0]), 1)
        axes[0].legend(title="Median, middle half")
    return figure


def scorecard(table: pd.DataFrame, measures: Sequence[str]) -> Figure:
    """Value, interval and chance level of each measure, one line a measure, method and class.

    Args:
        table: rows of the scorecard.
        measures: those drawn, in this order.
    """
    shown = table[table.measure.isin(measures)]
    shown = shown.iloc[np.argsort(shown.measure.map(list(measures).index).to_numpy(), kind="stable")]
    with style.apply():
        figure, ax = plt.subplots(figsize=(9.5, 0.8 + 0.3 * len(shown) + 0.25 * shown.measure.nunique()))
        position, labels, places = 0.0, [], []
        for measure, part in shown.groupby("measure", sort=False):
            position += 0.8
            ax.text(0.0, position - 0.62, MEASURES[measure], fontweight="bold", transform=ax.get_yaxis_transform())
            for _, one in part.iterrows():
                _interval(ax, one, position)
                who = "" if one.method == "both" else f"{METHODS[one.method]}, "
                labels.append(f"{who}{_display(one['class'])} (n = {one.images})")
                places.append(position)
                position += 1
        ax.set_yticks(places, labels)
        ax.set(ylim=(position - 0.3, -0.3), xlabel="Value with 95 % interval over patients;  | chance")
        ax.grid(axis="y", visible=False)
    return figure


def curves(found: dict[str, dict[str, np.ndarray]]) -> Figure:
    """Mean deletion and insertion curves.

    Args:
        found: method (or "chance") to {"deletion", "insertion"} to (N, points) probabilities.
    """
    with style.apply():
        figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.4), sharey=True)
        for ax, name in zip(axes, ("deletion", "insertion"), strict=True):
            for method, of in found.items():
                label = METHODS.get(method, "Random maps")
                line = "--" if method == "chance" else "-"
                ax.plot(100 * FRACTIONS, of[name].mean(axis=0), line, color=METHOD_COLOURS[method], label=label)
            what = {"deletion": "taken away (blurred)", "insertion": "put back"}[name]
            ax.set(xlabel=f"Pixels {what}, %", title=name.capitalize(), ylim=(0, 1.02))
        axes[0].set_ylabel("Mean probability of the class")
        axes[1].legend(loc="lower right")
    return figure


def randomisation(table: pd.DataFrame) -> Figure:
    """Similarity to the trained network's maps, level by level.

    Args:
        table: scorecard rows of the two randomisation measures; the column class holds the level, in order.
    """
    with style.apply():
        figure, axes = plt.subplots(1, 2, figsize=(10, 4.3), sharey=True)
        for ax, measure in zip(axes, ("randomised_rank_correlation", "randomised_similarity"), strict=True):
            for method, part in table[table.measure == measure].groupby("method", sort=False):
                spread = np.abs(part[["low", "high"]].to_numpy().T - part.value.to_numpy())
                colour = METHOD_COLOURS[method]
                ax.errorbar(
                    part["class"], part.value, spread, marker="o", capsize=3, color=colour, label=METHODS[method]
                )
                ax.plot(part["class"], part.chance, linestyle=":", color=colour)
            ax.set(title="Rank correlation" if "rank" in measure else "Structural similarity", ylim=(-1.05, 1.05))
            ax.tick_params(axis="x", rotation=35)
            ax.set_xlabel("Randomised from the top down to")
        handles, labels = axes[0].get_legend_handles_labels()
        dotted = plt.Line2D([], [], color="black", linestyle=":")
        figure.legend(
            [*handles, dotted], [*labels, "Map of another image"], loc="outside upper center", ncols=3, frameon=False
        )
    return figure


def _row(axes, one: Explained) -> None:
    image = np.asarray(one.image)
    cam = overlays.grad_cam_levels(one.grad_cam)
    paths = overlays.integrated_gradients_levels(one.evidence)
    axes[0].imshow(image.reshape(cam.shape), cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
    axes[1].imshow(overlays.over(image, cam), interpolation="bilinear")
    axes[2].imshow(overlays.over(image, paths), interpolation="bilinear")
    for ax, values in ((axes[1], one.grad_cam), (axes[2], one.evidence)):
        if not np.any(values):
            ax.text(
                0.5, 0.04, "no evidence for the class", transform=ax.transAxes, ha="center", size="small",
                bbox={"facecolor": "white", "alpha": 0.85, "linewidth": 0},
            )  # fmt: skip
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
        for side in ax.spines.values():
            side.set_visible(False)


def _colour_bar(figure: Figure, axes) -> None:
    """One bar for both overlays: their levels are relative to each map's own largest value."""
    levels = ScalarMappable(cmap=overlays.COLOURS)
    bar = figure.colorbar(levels, ax=axes, fraction=0.025, pad=0.02, aspect=18, shrink=0.9 if axes.ndim == 1 else 0.5)
    bar.set_label("Evidence for the class")
    bar.set_ticks([0, 1], labels=["low", "high"])
    bar.outline.set_visible(False)


def _interval(ax, one: pd.Series, position: float) -> None:
    colour = METHOD_COLOURS[one.method]
    ax.plot([one.low, one.high], [position, position], color=colour, linewidth=2)
    ax.plot(one.value, position, "o", color=colour)
    ax.plot(one.chance, position, "|", color=METHOD_COLOURS["chance"], markersize=12, markeredgewidth=2)


def _display(name: str) -> str:
    return style.CLASS_NAMES.get(name, {"all": "all classes"}.get(name, name))
