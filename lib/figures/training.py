"""Learning curves, and a look at augmented images."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures import style
from lib.figures.data import image_grid

CURVE_COLOURS = ("#1f4e79", "#d1782c")
CURVES = {
    "Cross entropy": ["cross_entropy"],
    "Macro F1": ["macro_f1"],
    "Macro AUC": ["macro_auc"],
    "COVID-19 precision and recall": ["covid_precision", "covid_recall"],
}
"""The panels of a learning-curve figure: title and columns of history.csv (section 4.3.1).

Cross entropy is the plain one on both sides: what is minimised holds class weights and, in COVID-Net, the L2 penalty.
"""


def learning_curves(history: pd.DataFrame, title: str) -> Figure:
    """Cross entropy and scores over the epochs, training and validation; `history` is history.csv, stages in a row."""
    panels = {name: columns for name, columns in CURVES.items() if set(columns) <= set(history)}
    with style.apply():
        figure, axes = plt.subplots(1, len(panels), figsize=(3.4 * len(panels), 3.2))
        for ax, (name, columns) in zip(axes, panels.items(), strict=True):
            draw_curves(ax, history, columns, name)
        figure.suptitle(title, fontweight="bold")
    return figure


def draw_curves(axes: Axes, history: pd.DataFrame, columns: list[str], title: str) -> None:
    """One panel: training thin and dashed, validation thick, a dot at the epoch that was kept, a line between stages.

    Where a score is undefined (empty in history.csv) its line has a gap.
    """
    epochs = np.arange(1, len(history) + 1)
    kept = history["best"].astype(bool).to_numpy()
    for column, colour in zip(columns, CURVE_COLOURS, strict=False):
        word = "" if len(columns) == 1 else column.removeprefix("covid_") + ", "
        train, validation = (history[name].astype(float) for name in (column, f"val_{column}"))
        axes.plot(epochs, train, color=colour, linewidth=1, linestyle="--", label=f"{word}training")
        axes.plot(epochs, validation, color=colour, linewidth=2, label=f"{word}validation")
        axes.scatter(epochs[kept], validation[kept], color=colour, edgecolor="white", zorder=3)
    stages = history["stage"].to_numpy()
    for change in np.flatnonzero(stages[1:] != stages[:-1]) + 1:
        axes.axvline(change + 0.5, color="#888888", linestyle="--", linewidth=1)
    if columns != ["cross_entropy"]:
        axes.set_ylim(-0.02, 1.02)
    axes.set(xlabel="Epoch (dot: the epoch kept)", title=title)
    axes.xaxis.set_major_locator(plt.MaxNLocator(integer=True))
    axes.legend(fontsize="x-small")


def augmented_examples(originals: np.ndarray, augmented: np.ndarray) -> Figure:
    """Originals above, one random transformation of each below; both (N, S, S, 1 or 3) with values 0..255."""
    rows = [[(image.astype(np.uint8), "") for image in np.asarray(images)] for images in (originals, augmented)]
    return image_grid(rows, cell=(1.6, 1.7), labels=("original", "augmented"))
