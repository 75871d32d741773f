"""Figure 4 and the pictures of each row's performance."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.data.labels import CHEST_CLASSES
from lib.evaluation.curves import Roc
from lib.evaluation.metrics import ratio
from lib.figures import style, training

OURS, OTHER, *_ = style.ROW_COLOURS
ROW_LINES = ("-", "-.", ":", (0, (5, 1)))
CHANCE = {"color": "#888888", "linestyle": "--", "linewidth": 1}


def figure_4a(rocs: dict[str, Roc], published: dict[str, float]) -> Figure:
    """ROC curves for COVID-19 against the rest by row id, each with its 95 % band, and the chance line.

    The legend names the area beside `published`, that of the paper's own curve by row id.
    """
    with style.apply():
        figure, axes = plt.subplots(figsize=(5.6, 5.2))
        for (name, roc), colour, line in zip(rocs.items(), style.ROW_COLOURS, ROW_LINES, strict=False):
            label = f"{name}: area {roc.area:.2f} [{roc.area_low:.2f}, {roc.area_high:.2f}]"
            if name in published:
                label += f", published {published[name]:.2f}"
            axes.fill_between(roc.grid, roc.low, roc.high, color=colour, alpha=0.15, linewidth=0)
            axes.plot(roc.false, roc.true, color=colour, linestyle=line, linewidth=1.8, label=label)
        _roc_frame(axes, "chance: area 0.50", "ROC curve, COVID-19 against the rest")
    return figure


def figure_4b(matrix: np.ndarray, title: str, published: np.ndarray | None = None) -> Figure:
    """A confusion matrix in the paper's form: annotated with counts, coloured by row-normalised value.

    Matrices are (3, 3) counts, rows the truth, order as the chest classes; `published` is the paper's, drawn beside.
    """
    panels = {title: matrix}
    if published is not None:
        panels[f"published ({published.sum():,} images)"] = published
    with style.apply():
        figure, axes = plt.subplots(1, len(panels), figsize=(4.2 * len(panels) + 1, 4.5), squeeze=False)
        for ax, (above, counts) in zip(axes[0], panels.items(), strict=True):
            _confusion(ax, counts, above, size=13)
        bar = figure.colorbar(axes[0, 0].collections[0], ax=axes, shrink=0.8, label="share of the true class")
        bar.outline.set_visible(False)
    return figure


def row_figure(
    name: str,
    matrix: np.ndarray,
    curves: dict[str, dict],
    calibration: tuple[pd.DataFrame, float],
    prevalence: pd.DataFrame | None,
    history: pd.DataFrame | None,
) -> Figure:
    """Everything about one row on one sheet.

    Args:
        name: the row's id.
        matrix: (3, 3) counts, rows the truth.
        curves: as `evaluation.curves.class_curves`.
        calibration: as `evaluation.curves.calibration`.
        prevalence: as `evaluation.curves.prevalence_table`; None where there is no validation set to choose on.
        history: history.csv; None where it is missing.
    """
    with style.apply(), plt.rc_context({"figure.constrained_layout.use": False, "font.size": 9}):
        figure, axes = plt.subplots(2, 4, figsize=(15, 7.2))
        figure.subplots_adjust(left=0.055, right=0.985, bottom=0.08, top=0.89, wspace=0.32, hspace=0.36)
        confused, roc, recalled, calibrated = axes[0]
        _confusion(confused, matrix, "Confusion matrix", size=11)
        for of, curve in curves.items():
            said, line = style.CLASS_NAMES[of], {"color": style.CLASS_COLOURS[of]}
            kind = style.CLASS_LINES[of]
            roc.plot(curve["false"], curve["true"], kind, **line, label=f"{said}: {curve['area']:.2f}")
            average = f"{said}: {curve['average_precision']:.2f}"
            recalled.plot(curve["recall"], curve["precision"], kind, **line, label=average)
            recalled.axhline(curve["share"], **line, linestyle=":", linewidth=1)
        _roc_frame(roc, "chance: 0.50", "ROC, area", fontsize="small")
        recalled.set(xlabel="Recall", ylabel="Precision", xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
        recalled.set_title("Precision-recall, average precision")
        recalled.legend(loc="lower left", fontsize="small", title="dotted: chance", title_fontsize="small")
        _calibration(calibrated, *calibration)
        for ax, panel in zip(axes[1], ("Cross entropy", "Macro F1", "COVID-19 precision and recall"), strict=False):
            if history is None:
                _missing(ax, panel, "no history")
            else:
                training.draw_curves(ax, history, training.CURVES[panel], panel)
        _prevalence(axes[1, 3], prevalence)
        figure.suptitle(f"{name}: test set of {matrix.sum():,} images", fontweight="bold")
    return figure


def _confusion(axes: Axes, matrix: np.ndarray, title: str, size: int) -> None:
    names = [style.CLASS_NAMES[name] for name in CHEST_CLASSES]
    counts = np.vectorize("{:,}".format)(matrix)
    shares = np.nan_to_num(ratio(matrix, matrix.sum(axis=1, keepdims=True)))  # a class that does not occur stays pale
    sns.heatmap(
        shares, vmin=0, vmax=1, cmap="Blues", cbar=False, square=True, ax=axes,
        annot=counts, fmt="", annot_kws={"fontsize": size}, xticklabels=names, yticklabels=names,
    )  # fmt: skip
    axes.set(xlabel="Predicted", ylabel="True", title=title)


def _roc_frame(axes: Axes, chance: str, title: str, **legend) -> None:
    ticks = np.linspace(0, 1, 6)
    axes.plot([0, 1], [0, 1], **CHANCE, label=chance)
    axes.set(xlabel="False positive rate", ylabel="True positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set(xticks=ticks, yticks=ticks, aspect="equal", title=title)
    axes.legend(loc="lower right", **legend)


def _calibration(axes: Axes, table: pd.DataFrame, error: float) -> None:
    axes.plot([0, 1], [0, 1], **CHANCE)
    size = 20 + 180 * table["images"] / table["images"].sum()
    axes.plot(table["confidence"], table["correct"], color=OURS, linewidth=1)
    axes.scatter(table["confidence"], table["correct"], s=size, color=OURS, zorder=3)
    axes.set(xlabel="Probability of the predicted class", ylabel="Share correct", xlim=(0.3, 1.02), ylim=(-0.02, 1.02))
    axes.set_title(f"Calibration, expected error {100 * error:.1f} %")


def _prevalence(axes: Axes, table: pd.DataFrame | None) -> None:
    title = "Precision where COVID-19 is rarer"
    if table is None:
        _missing(axes, title, "no validation set to choose\na threshold on")
        return
    line, own = table.iloc[:-1], table.iloc[-1:]
    axes.fill_between(line["prevalence"], line["low"], line["high"], color=OURS, alpha=0.15, linewidth=0)
    axes.plot(line["prevalence"], line["precision"], color=OURS, marker="o", markersize=4)
    axes.scatter(own["prevalence"], own["precision"], marker="D", color=OTHER, zorder=3, label="this test set")
    axes.set(xscale="log", xlabel="Prevalence", ylabel="Precision", ylim=(-0.02, 1.02), title=title)
    axes.set_xticks([0.001, 0.01, 0.1, 0.5], ["0.1 %", "1 %", "10 %", "50 %"])
    axes.minorticks_off()
    axes.legend(loc="lower right", fontsize="small")


def _missing(axes: Axes, title: str, why: str) -> None:
    axes.set_title(title)
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes)
