"""Figures of the data: examples (Figure 1), class distribution (Figure 2), and what the exploration looks at."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from lib.data.load import Dataset


def gallery(dataset: Dataset, columns: int = 6, split: str = "train") -> Figure:
    """Images of each class, one class a row; spread evenly over the split so that all sources have a chance.

    Args:
        dataset: a prepared dataset.
        columns: images a class at most.
        split: where they are taken from.
    """
    part = dataset.part(split)
    rows = len(dataset.classes)
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.35 * columns, 1.45 * rows), squeeze=False, layout="constrained"
    )
    for row, name in enumerate(dataset.classes):
        positions = part.positions[part.labels == row]
        chosen = (
            positions[np.unique(np.linspace(0, len(positions) - 1, columns).round().astype(int))]
            if len(positions)
            else []
        )
        for column, axis in enumerate(axes[row]):
            axis.set_axis_off()
            if column < len(chosen):
                show(axis, dataset.images[chosen[column]])
                axis.set_title(dataset.index["source"].iloc[chosen[column]], fontsize=7)
        axes[row, 0].text(-0.08, 0.5, name, transform=axes[row, 0].transAxes, rotation=90, ha="right", va="center")
    return figure


def show(axis, image: np.ndarray) -> None:
    """Draws one uint8 image (S, S, 1 or 3) without axes; grey levels are 0 to 255 in every picture."""
    axis.imshow(image[:, :, 0] if image.shape[2] == 1 else image, cmap="gray", vmin=0, vmax=255, interpolation="none")
    axis.set_axis_off()
