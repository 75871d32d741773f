"""Boxes and arrows on a sheet whose unit is the inch."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from lib.figures.graph import Node

COLOURS = {
    "input": "#f2f2f0",
    "convolution": "#cfe0f1",
    "depthwise": "#fbe0bd",
    "dense": "#ddd3ec",
    "pooling": "#d3e7d4",
    "normalisation": "#ececec",
    "sum": "#ffffff",
    "other": "#f7f7f7",
}
"""Fill of a box by its node's kind."""

INK = "#2b2b2b"
FAINT = "#6a6a6a"
LINE = 1.1
RADIUS = 0.12
"""Of a sum's circle, in inches."""


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure with one axes whose data coordinates are inches from the lower left corner."""
    figure = plt.figure(figsize=(width, height), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def box(
    axes: Axes, node: Node, centre: tuple[float, float], width: float, height: float, lines: Sequence[str] = ()
) -> None:
    """One node: a circle for a sum, else a rounded box with its label and the size of its output.

    Args:
        lines: texts instead of the node's own label and size; the last one is printed small.
    """
    x, y = centre
    if node.kind == "sum":
        axes.add_patch(Circle(centre, RADIUS, facecolor=COLOURS["sum"], edgecolor=INK, linewidth=LINE, zorder=3))
        for dx, dy in ((0.6 * RADIUS, 0), (0, 0.6 * RADIUS)):
            axes.plot([x - dx, x + dx], [y - dy, y + dy], color=INK, linewidth=LINE, zorder=4)
        return
    rounded(axes, x - width / 2, y - height / 2, width, height, COLOURS[node.kind])
    *label, size = lines or (node.label, node.size)
    shift = 0.075 * len(label)
    axes.text(x, y + 0.075, "\n".join(label), ha="center", va="center", fontsize=8, color=INK, zorder=4)
    axes.text(x, y - shift - 0.01, size, ha="center", va="center", fontsize=7, color=FAINT, zorder=4)


def rounded(axes: Axes, x: float, y: float, width: float, height: float, colour: str, **style) -> None:
    """A rounded rectangle with its lower left corner at (x, y)."""
    settings = {"edgecolor": INK, "linewidth": 0.9, "zorder": 3} | style
    rounding = "round,pad=0,rounding_size=0.06"
    shape = FancyBboxPatch((x, y), width, height, boxstyle=rounding, facecolor=colour, **settings)
    axes.add_patch(shape)


def arrow(axes: Axes, *points: tuple[float, float], colour: str = INK) -> None:
    """A line through the points with an arrow head at the last; the corners are right angles if the points are."""
    codes = [Path.MOVETO] + [Path.LINETO] * (len(points) - 1)
    style = "-|>,head_length=3.2,head_width=1.7"
    shape = FancyArrowPatch(
        path=Path(points, codes), arrowstyle=style, color=colour, linewidth=LINE, joinstyle="miter", zorder=2
    )
    axes.add_patch(shape)


def dot(axes: Axes, x: float, y: float, colour: str = INK) -> None:
    """Where a branch leaves an arrow."""
    axes.add_patch(Circle((x, y), 0.028, color=colour, zorder=3))
