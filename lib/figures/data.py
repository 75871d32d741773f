"""Figures of the data: examples (Figure 1), class distribution (Figure 2), and what the exploration looks at."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from lib.data import audit
from lib.data.load import Dataset
from lib.data.split import SPLITS
from lib.figures import style

SPLIT_NAMES = {"train": "Training", "validation": "Validation", "test": "Test"}


def figure_1(image: np.ndarray) -> Figure:
    """Figure 1: one image of a dataset, uint8 (S, S, 1) or (S, S, 3)."""
    return image_grid([[(image, "")]], cell=(3.2, 3.2))


def figure_2(index: pd.DataFrame, classes: tuple[str, ...], name: str) -> Figure:
    """Figure 2: images of each class in the training, validation and test set, on a log axis.

    Args:
        index: columns label and split.
        classes: class names in the order of the bars.
        name: of the data set.
    """
    counts = pd.crosstab(index["label"], index["split"]).reindex(index=classes, columns=SPLITS, fill_value=0)
    counts = counts.rename(index=style.CLASS_NAMES, columns=SPLIT_NAMES)
    colours = [style.SPLIT_COLOURS[split] for split in SPLITS]
    with style.apply():
        figure, axis = plt.subplots(figsize=(max(5.0, 1.05 * len(classes) + 1.2), 3.6))
        counts.plot.bar(ax=axis, color=colours, edgecolor="0.3", linewidth=0.5, width=0.81, rot=0, legend=False)
        for bars in axis.containers:
            axis.bar_label(bars, fontsize=7, padding=2, bbox={"color": "white", "pad": 0.4})
        axis.grid(False, axis="x")
        axis.set(title=name, xlabel="", ylabel="images", yscale="log", ylim=(0.8, counts.to_numpy().max() * 2.2))
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


def class_gallery(dataset: Dataset, columns: int = 6) -> Figure:
    """At most `columns` training images of each class, a class a row, spread evenly so that several sources show."""
    part, rows = dataset.part("train"), []
    for label in range(len(dataset.classes)):
        positions = part.positions[part.labels == label]
        spread = np.linspace(0, len(positions) - 1, min(columns, len(positions))).round().astype(int)
        rows.append([(dataset.images[at], dataset.index["source"].iloc[at]) for at in positions[spread]])
    return image_grid(rows, cell=(1.35, 1.5), labels=[style.CLASS_NAMES.get(name, name) for name in dataset.classes])


def class_by_source(index: pd.DataFrame) -> Figure:
    """Heat map of the images of each class from each source, coloured by the share of the source."""
    counts = audit.source_table(index).rename(index=style.CLASS_NAMES)
    with style.apply():
        figure, axis = plt.subplots(figsize=(len(counts.columns) + 2.2, 0.55 * len(counts) + 1.3))
        bar = {"label": "share of the source"}
        sns.heatmap(counts / counts.sum(), annot=counts, fmt=",d", cmap="Blues", vmin=0, vmax=1, cbar_kws=bar, ax=axis)
        axis.set(xlabel="source", ylabel="")
        axis.tick_params(axis="y", rotation=0)
    return figure


def sizes(index: pd.DataFrame) -> Figure:
    """Width and height of the images before resizing, a colour a source (columns source, width, height)."""
    # Equal sizes lie on each other: the area says how many there are
    many = index.groupby(["source", "width", "height"]).size().reset_index(name="images")
    sides = many[["width", "height"]].to_numpy()
    ends = 0.85 * sides.min(), 1.06 * sides.max()
    with style.apply():
        figure, axis = plt.subplots(figsize=(5.4, 3.8))
        for source, part in many.groupby("source"):
            area = 14 + 3 * np.sqrt(part["images"])
            axis.scatter(part["width"], part["height"], s=area, alpha=0.6, linewidth=0, label=source)
        axis.axline((0, 0), slope=1, color="0.6", linewidth=1, linestyle="--", zorder=0)
        axis.set(xlabel="width, pixels", ylabel="height, pixels", xlim=ends, ylim=ends, aspect="equal")
        figure.legend(*axis.get_legend_handles_labels(), loc="outside right center", frameon=False, title="source")
    return figure


def intensity(table: pd.DataFrame) -> Figure:
    """Distributions of brightness and contrast by source (columns source, mean, contrast; a row an image)."""
    order = sorted(table["source"].unique(), reverse=True)
    look = {"color": "#6fa8dc", "saturation": 1, "width": 0.6, "linewidth": 1, "fliersize": 2}
    with style.apply():
        figure, axes = plt.subplots(1, 2, figsize=(8.2, 0.42 * len(order) + 1.3), sharey=True)
        titles = {"mean": "mean grey level", "contrast": "standard deviation"}
        for axis, (column, title) in zip(axes, titles.items(), strict=True):
            sns.boxplot(table, x=column, y="source", order=order, ax=axis, **look)
            axis.set(xlabel=f"{title} of an image (0 to 255)", ylabel="")
    return figure


def mean_images(dataset: Dataset, by: str) -> Figure:
    """The mean training image of each class (`by` "label") or source ("source"), in the same grey levels."""
    index = dataset.index[dataset.index["split"] == "train"]
    row = []
    for name, positions in index.groupby(by).groups.items():
        mean = audit.mean_image(dataset.images, positions.to_numpy()).astype(np.uint8)
        row.append((mean, f"{style.CLASS_NAMES.get(name, name)}\n{len(positions):,} images"))
    return image_grid([row], cell=(1.75, 2.1), fontsize=8)


def duplicate_pairs(dataset: Dataset, pairs: pd.DataFrame) -> Figure:
    """The first six of at least one pair of lib.data.duplicates.find, the two images of a pair above each other."""
    image_of = dict(zip(dataset.index["image_id"], dataset.images, strict=True))
    shown = pairs.head(6).to_dict("records")

    def told(pair: dict, side: str) -> tuple[np.ndarray, str]:
        name, label, split = (pair[f"{column}_{side}"] for column in ("image_id", "label", "split"))
        short = name if len(name) <= 22 else f"{name[:13]}…{name[-8:]}"
        return image_of[name], f"{short}\n{label}, {split}"

    rows = [[told(pair, side) for pair in shown] for side in "ab"]
    figure = image_grid(rows, cell=(1.75 if len(shown) > 1 else 3.5, 2.3), fontsize=6.5)
    with style.apply():
        for pair, axis in zip(shown, figure.axes[len(shown) :], strict=True):
            same = "one patient" if pair["same_group"] else "two patients"
            text = f"{pair['kind']}, {pair['bits']} bits\n{same}"
            axis.text(0.5, -0.04, text, transform=axis.transAxes, ha="center", va="top", fontsize=6.5)
    return figure


def image_grid(
    rows: Sequence[Sequence[tuple[np.ndarray, str]]],
    cell: tuple[float, float],
    labels: Sequence[str] = (),
    fontsize: float = 7,
) -> Figure:
    """Images in rows without axes; grey levels are 0 to 255 in every picture.

    Args:
        rows: images, uint8 (S, S, 1 or 3), each with its title; rows may differ in length.
        cell: width and height of a place, inches.
        labels: of the rows, written at their left.
        fontsize: of the titles.
    """
    columns = max(map(len, rows))
    with style.apply():
        figure, axes = plt.subplots(len(rows), columns, figsize=(cell[0] * columns, cell[1] * len(rows)), squeeze=False)
        for axis in axes.flat:
            axis.set_axis_off()
        for places, row in zip(axes, rows, strict=True):
            for axis, (image, title) in zip(places, row, strict=False):
                axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=255, interpolation="none")
                axis.set_title(title, fontsize=fontsize, fontweight="normal")
        for axis, label in zip(axes[:, 0], labels, strict=False):
            axis.text(-0.08, 0.5, label, transform=axis.transAxes, rotation=90, ha="right", va="center")
    return figure
