"""Figures of the data: examples (Figure 1), class distribution (Figure 2), and what the exploration looks at."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.data import audit
from lib.data.load import Dataset
from lib.data.split import SPLITS
from lib.figures import style

SPLIT_NAMES = {"train": "Training", "validation": "Validation", "test": "Test"}


def figure_1(image: np.ndarray) -> Figure:
    """Figure 1: one image of a dataset.

    Args:
        image: uint8 (S, S, 1) or (S, S, 3).
    """
    with style.apply():
        figure, axis = plt.subplots(figsize=(3.2, 3.2))
        show(axis, image)
    return figure


def figure_2(index: pd.DataFrame, classes: tuple[str, ...]) -> Figure:
    """Figure 2: images of each class in the training, validation and test set, on a log axis.

    Args:
        index: columns label and split.
        classes: class names in the order of the bars.
    """
    counts = pd.crosstab(index["label"], index["split"]).reindex(
        index=list(classes), columns=list(SPLITS), fill_value=0
    )
    with style.apply():
        figure, axis = plt.subplots(figsize=(max(5.0, 1.05 * len(classes) + 1.2), 3.6))
        for i, split in enumerate(SPLITS):
            at = np.arange(len(classes)) + 0.27 * (i - 1)
            bars = axis.bar(at, counts[split], 0.25, color=style.SPLIT_COLOURS[split], label=SPLIT_NAMES[split])
            axis.bar_label(bars, fontsize=7, padding=1)
        axis.set_yscale("log")
        axis.set_ylim(0.8, counts.to_numpy().max() * 2.2)
        axis.set_xticks(range(len(classes)), [style.CLASS_NAMES.get(name, name) for name in classes])
        axis.grid(False, axis="x")
        axis.set_ylabel("images")
        figure.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    return figure


def gallery(dataset: Dataset, columns: int = 6, split: str = "train") -> Figure:
    """Images of each class, one class a row, spread evenly over the split so that several sources show.

    Args:
        dataset: a prepared dataset.
        columns: images a class at most.
        split: where they are taken from.
    """
    part = dataset.part(split)
    rows = len(dataset.classes)
    with style.apply():
        figure, axes = plt.subplots(rows, columns, figsize=(1.35 * columns, 1.5 * rows), squeeze=False)
        for row, name in enumerate(dataset.classes):
            chosen = spread(part.positions[part.labels == row], columns)
            for column, axis in enumerate(axes[row]):
                axis.set_axis_off()
                if column < len(chosen):
                    show(axis, dataset.images[chosen[column]])
                    axis.set_title(dataset.index["source"].iloc[chosen[column]], fontsize=7, fontweight="normal")
            _label_row(axes[row, 0], style.CLASS_NAMES.get(name, name))
    return figure


def class_by_source(index: pd.DataFrame) -> Figure:
    """Heat map of the images of each class from each source, coloured by the share of the source."""
    counts = audit.source_table(index)
    shares = counts / counts.sum()
    with style.apply(), plt.rc_context({"axes.grid": False}):
        figure, axis = plt.subplots(figsize=(1.0 * len(counts.columns) + 2.2, 0.55 * len(counts) + 1.3))
        picture = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for (i, j), share in np.ndenumerate(shares.to_numpy()):
            axis.text(
                j, i, f"{counts.iat[i, j]:,}", ha="center", va="center", color="white" if share > 0.55 else "black"
            )
        axis.set_xticks(range(len(counts.columns)), counts.columns)
        axis.set_yticks(range(len(counts)), [style.CLASS_NAMES.get(name, name) for name in counts.index])
        axis.set_xlabel("source")
        figure.colorbar(picture, ax=axis, label="share of the source")
    return figure


def sizes(index: pd.DataFrame) -> Figure:
    """Width and height of the images before resizing, a colour a source.

    Args:
        index: columns source, width, height.
    """
    with style.apply():
        figure, axis = plt.subplots(figsize=(5.4, 3.8))
        for i, (source, part) in enumerate(index.groupby("source", sort=True)):
            # Equal sizes lie on each other: the area says how many there are
            many = part.groupby(["width", "height"]).size().reset_index(name="images")
            area = 14 + 3 * np.sqrt(many["images"])
            axis.scatter(many["width"], many["height"], s=area, color=f"C{i}", alpha=0.6, label=source, lw=0)
        start = 0.85 * min(index["width"].min(), index["height"].min())
        end = 1.06 * max(index["width"].max(), index["height"].max())
        axis.plot([start, end], [start, end], color="0.6", lw=1, ls="--", zorder=0)
        axis.set(xlabel="width, pixels", ylabel="height, pixels", xlim=(start, end), ylim=(start, end), aspect="equal")
        figure.legend(*axis.get_legend_handles_labels(), loc="outside right center", frameon=False, title="source")
    return figure


def intensity(table: pd.DataFrame) -> Figure:
    """Distributions of brightness and contrast by source.

    Args:
        table: columns source, mean, contrast; a row an image.
    """
    names = sorted(table["source"].unique())
    titles = {"mean": "mean grey level", "contrast": "standard deviation"}
    with style.apply():
        figure, axes = plt.subplots(1, 2, figsize=(8.2, 0.42 * len(names) + 1.3), sharey=True)
        for axis, (column, title) in zip(axes, titles.items(), strict=True):
            values = [table.loc[table["source"] == name, column] for name in names]
            boxes = axis.boxplot(values, orientation="horizontal", tick_labels=names, patch_artist=True, widths=0.6)
            for patch in boxes["boxes"]:
                patch.set(facecolor="#6fa8dc", edgecolor="0.3")
            for line in boxes["medians"]:
                line.set(color="0.1")
            for points in boxes["fliers"]:
                points.set(marker=".", markersize=3, markeredgecolor="0.5")
            axis.set_xlabel(f"{title} of an image (0 to 255)")
            axis.grid(False, axis="y")
    return figure


def mean_images(dataset: Dataset, by: str, split: str = "train") -> Figure:
    """The mean training image of each class or source, in the same grey levels.

    Args:
        dataset: a prepared dataset.
        by: "label" or "source".
        split: whose images are averaged.
    """
    index = dataset.index[dataset.index["split"] == split]
    names = list(dataset.classes) if by == "label" else sorted(index["source"].unique())
    groups = {name: index.index[index[by] == name].to_numpy() for name in names}
    groups = {name: positions for name, positions in groups.items() if len(positions)}
    with style.apply():
        figure, axes = plt.subplots(1, len(groups), figsize=(1.75 * len(groups), 2.1), squeeze=False)
        for axis, (name, positions) in zip(axes[0], groups.items(), strict=True):
            show(axis, audit.mean_image(dataset.images, positions).astype(np.uint8))
            title = style.CLASS_NAMES.get(name, name)
            axis.set_title(f"{title}\n{len(positions):,} images", fontsize=8, fontweight="normal")
    return figure


def duplicate_pairs(dataset: Dataset, pairs: pd.DataFrame, most: int = 6) -> Figure:
    """The first pairs of a table of duplicates, the two images of a pair above each other.

    Args:
        dataset: where the images are.
        pairs: rows of lib.data.duplicates.find, at least one.
        most: number of pairs shown.
    """
    row_of = pd.Series(dataset.index.index, index=dataset.index["image_id"])
    shown = pairs.head(most)
    with style.apply():
        figure, axes = plt.subplots(2, len(shown), figsize=(1.75 * max(len(shown), 2), 4.6), squeeze=False)
        for column, pair in zip(axes.T, shown.itertuples(), strict=True):
            for axis, side in zip(column, "ab", strict=True):
                image_id = getattr(pair, f"image_id_{side}")
                show(axis, dataset.images[row_of[image_id]])
                label, split = getattr(pair, f"label_{side}"), getattr(pair, f"split_{side}")
                axis.set_title(f"{_short(image_id)}\n{label}, {split}", fontsize=6.5, fontweight="normal")
            same = "one patient" if pair.same_group else "two patients"
            text = f"{pair.kind}, {pair.bits} bits\n{same}"
            column[1].text(0.5, -0.04, text, transform=column[1].transAxes, ha="center", va="top", fontsize=6.5)
    return figure


def spread(positions: np.ndarray, n: int) -> np.ndarray:
    """At most `n` of the positions, evenly spread, first and last among them."""
    if not len(positions):
        return positions
    return positions[np.unique(np.linspace(0, len(positions) - 1, n).round().astype(int))]


def show(axis: Axes, image: np.ndarray) -> None:
    """Draws one uint8 image (S, S, 1 or 3) without axes; grey levels are 0 to 255 in every picture."""
    axis.imshow(image[:, :, 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=255, interpolation="none")
    axis.set_axis_off()


def _short(text: str, most: int = 22) -> str:
    return text if len(text) <= most else f"{text[: most - 9]}…{text[-8:]}"


def _label_row(axis: Axes, text: str) -> None:
    axis.text(-0.08, 0.5, text, transform=axis.transAxes, rotation=90, ha="right", va="center")
