"""Figure 3, the two networks drawn from the layers of the Keras models themselves, and how many parameters are free."""

import textwrap

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from lib.figures import style
from lib.figures.layers import Node, blocks_of, read_nodes

FILL = {
    "input": "#f2f2f0",
    "convolution": "#cfe0f1",
    "depthwise": "#fbe0bd",
    "dense": "#ddd3ec",
    "pooling": "#d3e7d4",
    "normalisation": "#ececec",
    "other": "#f7f7f7",
}
"""Of a box, by its node's kind."""

INK, FAINT, PALE = "#2b2b2b", "#6a6a6a", "#c4c4c4"
LINE = 1.1
RADIUS = 0.12
"""Of a sum's circle, in inches as every length here."""

TOP = 5.02
"""Height of the panels' contents."""

Nodes = dict[str, Node]
Point = tuple[float, float]


def figure_3a(model: keras.Model) -> Figure:
    """ResNet50V2, built or loaded: the whole network with the number of blocks a stage, and conv3's three kinds."""
    nodes, stage = read_nodes(model), "conv3"
    blocks = blocks_of(nodes, r"(conv\d)_block(\d+)_")
    last = max(number for name, number in blocks if name == stage)
    titles = {f"First of {last}": 1, "Block between" if last == 3 else "Blocks between": 2, f"Last of {last}": last}
    with style.apply():
        axes = _sheet(11.0)
        _draw_network(axes, nodes, blocks, "blocks", highlighted=stage)
        for column, (title, number) in enumerate(titles.items()):
            left = 0.25 + 3.56 * column
            _panel(axes, left, 3.38, title, f"{stage}_block{number}")
            _draw_block(axes, nodes, blocks[stage, number], x=left + 1.15)
    return axes.figure


def figure_3b(model: keras.Model) -> Figure:
    """COVID-Net, built or loaded: the whole network with the number of PEPX blocks a stage, a stage, one block of it.

    The stage is the first; where shortcuts are chained, the second, whose shortcut takes the first one's.
    """
    nodes = read_nodes(model)
    stage = "stage2" if "stage2_shortcut_pool" in nodes else "stage1"
    blocks = blocks_of(nodes, r"(stage\d)_(?:pepx(\d+)_)?")
    with style.apply():
        axes = _sheet(13.0)
        _draw_network(axes, nodes, blocks, "PEPX", highlighted=stage)
        _panel(axes, 0.25, 8.3, f"{stage}: the shortcut joins after every PEPX block", "")
        _draw_stage(axes, nodes, blocks, stage)
        _panel(axes, 8.75, 4.0, "One PEPX block", f"{stage}_pepx2")
        example = blocks[stage, 2]
        heights = _draw_chain(axes, nodes, example, 10.75, step=0.8, width=2.0, height=0.5)
        for name, y in zip(example, heights[1:], strict=True):
            role = name.rsplit("_", 1)[-1].rstrip("0123456789")
            axes.text(11.85, y + 0.25, role, va="center", fontsize=8, color=FAINT, style="italic")
    return axes.figure


def boundaries(counts: dict[str, dict[str, int]], published: dict[str, int], marked: dict[str, str]) -> Figure:
    """Free parameters against the first trained layer, one panel a network, Table 1's number as a line.

    Args:
        counts: network -> first trained layer -> free parameters, in the network's order.
        published: network -> Table 1's number for its fine-tuned rows.
        marked: network -> the first trained layer that this companion uses.
    """
    with style.apply():
        figure, axes = plt.subplots(1, len(counts), figsize=(5.6 * len(counts), 3.6), squeeze=False)
        for ax, (name, by_layer) in zip(axes[0], counts.items(), strict=True):
            values = np.array(list(by_layer.values())) / 1e6
            at = list(by_layer).index(marked[name])
            ax.step(range(len(values)), values, where="mid", color="#1f4e79")
            ax.plot(at, values[at], "o", color="#1f4e79", label=f"from {marked[name]} on")
            line = {"color": "#c1432e", "linestyle": "--", "linewidth": 1.2}
            ax.axhline(published[name] / 1e6, label=f"published {published[name]:,}", **line)
            ax.set(title=name, xlabel="first trained layer with parameters", ylabel="free parameters (millions)")
            ax.set_ylim(0, values.max() * 1.3)
            ax.legend(fontsize=9, loc="upper right")
    return figure


def _draw_network(axes: Axes, nodes: Nodes, blocks: dict, word: str, highlighted: str) -> None:
    """The whole network in a row; a stage is a pile of sheets with the number of its blocks.

    A line above two stages is a shortcut that goes on from the first to the second.
    """
    stage_of = {name: stage for (stage, _), names in blocks.items() for name in names}
    items = {stage_of.get(name, name): name for name in nodes}  # a stage stands for all its nodes and shows its last
    right = axes.get_xlim()[1] - 0.25
    y, height, pitch = 6.62, 0.62, (right - 0.25) / len(items)
    width = pitch - 0.17
    for position, (item, name) in enumerate(items.items()):
        x = 0.21 + pitch * (position + 0.5)
        node = nodes[name]
        if position:
            _arrow(axes, (x - pitch + width / 2, y), (x - width / 2, y))
        if item not in stage_of.values():
            _box(axes, node.kind, (x, y), width, height, *_in_lines(node.label), node.size)
            continue
        for offset in (0.08, 0.04):
            _rounded(axes, x - width / 2 + offset, y - height / 2 + offset, width, height, "#e9f1f9", zorder=2)
        if f"{item}_shortcut_pool" in nodes:
            top = y + height / 2 + 0.08
            _arrow(axes, (x - pitch + 0.1, top), (x - pitch + 0.1, top + 0.2), (x - 0.1, top + 0.2), (x - 0.1, top))
        count = sum(stage == item and number > 0 for stage, number in blocks)
        _box(axes, "convolution", (x, y), width, height, item, f"{count} {word}", node.size)
        if item == highlighted:
            for start, end in ((x - width / 2, 0.25), (x + width / 2, right)):
                axes.plot([start, end], [y - height / 2, 5.55], color=PALE, linewidth=0.9, zorder=0)


def _draw_block(axes: Axes, nodes: Nodes, block: list[str], x: float) -> None:
    """A residual block from top to bottom: the main branch in one column, the shortcut to the right of it."""
    side = [name for name in block if "_0_" in name or nodes[name].kind == "pooling"]
    main = [name for name in block if name not in side]
    heights = _draw_chain(axes, nodes, main, x, step=0.62, width=1.5, height=0.4)
    axes.text(x + 0.1, heights[-1] - 0.17, nodes[main[-1]].size, va="center", fontsize=7.5, color=FAINT)
    branch = nodes[side[0]].inputs[0] if side else ""
    leave = heights[main.index(branch) + 1 if branch in main else 0] - 0.06
    end, right = heights[-1] + RADIUS, x + 1.45
    axes.plot(x, leave, "o", markersize=4, color=INK)
    _arrow(axes, (x, leave), (right, leave), (right, end), (x + RADIUS, end))
    middle = (leave + end) / 2
    if side:
        _box(axes, nodes[side[0]].kind, (right, middle), 1.24, 0.42, nodes[side[0]].label, nodes[side[0]].size)
    else:
        axes.text(right + 0.08, middle, "identity", rotation=90, va="center", fontsize=8, color=FAINT)


def _draw_stage(axes: Axes, nodes: Nodes, blocks: dict, stage: str) -> None:
    """A stage from left to right: pooling, then PEPX blocks and sums; the shortcut runs below and joins every sum.

    The shortcut takes the pooled input or, where shortcuts are chained, the stage before's shortcut, pooled.
    """
    pool, shortcut = nodes[f"{stage}_pool"], nodes[f"{stage}_shortcut"]
    count = max(number for name, number in blocks if name == stage)
    y, low, leave, pitch = 3.75, 2.15, 1.475, 6.8 / count
    width = min(1.25, pitch - 0.72)
    _box(axes, pool.kind, (0.9, y), 0.95, 0.62, *_in_lines(pool.label), pool.size)
    axes.text(0.9, y + 0.42, nodes[pool.inputs[0]].size, ha="center", fontsize=7.5, color=FAINT)
    before = leave - 0.1
    for number in range(1, count + 1):
        x = 1.7 + pitch * (number - 1)
        joint, size = x + width + 0.28, nodes[blocks[stage, number][-1]].size
        _arrow(axes, (before, y), (x, y))
        _box(axes, "convolution", (x + width / 2, y), width, 0.62, "PEPX", f"block {number}", size)
        _arrow(axes, (x + width, y), (joint - RADIUS, y))
        _sum(axes, joint, y)
        _arrow(axes, (joint, low), (joint, y - RADIUS))
        before = joint + RADIUS
    _arrow(axes, (before, y), (before + 0.28, y))
    axes.text(before + 0.05, y + 0.2, size, fontsize=7.5, color=FAINT, ha="center")
    axes.plot([leave, joint], [low, low], color=INK, linewidth=LINE, zorder=2)
    if chained := nodes.get(f"{stage}_shortcut_pool"):
        _box(axes, chained.kind, (0.9, low), 0.95, 0.62, *_in_lines(chained.label), chained.size)
        axes.text(0.43, low + 0.42, f"{chained.inputs[0]}, {nodes[chained.inputs[0]].size}", fontsize=7.5, color=FAINT)
        _arrow(axes, (1.375, low), (1.6, low))
        _box(axes, shortcut.kind, (2.22, low), 1.24, 0.5, shortcut.label, shortcut.size)
        _arrow(axes, (joint, low), (joint + 0.3, low))
        axes.text(joint + 0.3, low - 0.22, "to the next stage", fontsize=7.5, color=FAINT, ha="right")
    else:
        axes.plot(leave, y, "o", markersize=4, color=INK)
        _arrow(axes, (leave, y), (leave, low + 0.25))
        _box(axes, shortcut.kind, (leave, low), 1.24, 0.5, shortcut.label, shortcut.size)
    axes.text(0.4, 0.55, "No activation and no batch normalisation within the stage.", fontsize=8.5, color=FAINT)


def _draw_chain(
    axes: Axes, nodes: Nodes, names: list[str], x: float, step: float, width: float, height: float
) -> list[float]:
    """Nodes from top to bottom; returns the heights at which the input and then each node's output begin."""
    axes.text(x, TOP, nodes[nodes[names[0]].inputs[0]].size, ha="center", va="bottom", fontsize=7.5, color=FAINT)
    heights = [TOP - 0.08]
    for number, name in enumerate(names, start=1):
        node, y = nodes[name], TOP - step * number
        half = RADIUS if node.kind == "sum" else height / 2
        _arrow(axes, (x, heights[-1]), (x, y + half))
        if node.kind == "sum":
            _sum(axes, x, y)
        else:
            _box(axes, node.kind, (x, y), width, height, node.label, node.size)
        heights.append(y - half)
    _arrow(axes, (x, heights[-1]), (x, heights[-1] - 0.25))
    return heights


def _sheet(width: float) -> Axes:
    """One axes over a whole new figure, whose data coordinates are inches from the lower left corner."""
    axes = plt.figure(figsize=(width, 7.4), layout="none").add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, 7.4))
    axes.set_axis_off()
    return axes


def _panel(axes: Axes, left: float, width: float, title: str, name: str) -> None:
    _rounded(axes, left, 0.2, width, 5.35, "#f4f8fc", edgecolor=PALE, zorder=0)
    axes.text(left + 0.15, 5.3, title, fontsize=9.5, fontweight="bold", color=INK)
    axes.text(left + width - 0.15, 5.3, name, fontsize=8, color=FAINT, ha="right")


def _box(axes: Axes, kind: str, centre: Point, width: float, height: float, *lines: str) -> None:
    """A rounded box with its label in one or two lines and, small, the size of its output."""
    (x, y), (*label, size) = centre, lines
    _rounded(axes, x - width / 2, y - height / 2, width, height, FILL[kind])
    middle = {"ha": "center", "va": "center", "zorder": 4}
    axes.text(x, y + 0.075, "\n".join(label), fontsize=8, color=INK, **middle)
    axes.text(x, y - 0.075 * len(label) - 0.01, size, fontsize=7, color=FAINT, **middle)


def _rounded(axes: Axes, x: float, y: float, width: float, height: float, colour: str, **look) -> None:
    look = {"edgecolor": INK, "linewidth": 0.9, "zorder": 3} | look
    shape = "round,pad=0,rounding_size=0.06"
    axes.add_patch(FancyBboxPatch((x, y), width, height, boxstyle=shape, facecolor=colour, **look))


def _sum(axes: Axes, x: float, y: float) -> None:
    ink = {"markeredgecolor": INK, "markeredgewidth": LINE}
    axes.plot(x, y, "o", markersize=144 * RADIUS, markerfacecolor="white", zorder=3, **ink)  # points, 72 an inch
    axes.plot(x, y, "+", markersize=86 * RADIUS, zorder=4, **ink)


def _arrow(axes: Axes, *points: Point) -> None:
    """A line through the points with an arrow head at the last."""
    head, path = "-|>,head_length=3.2,head_width=1.7", Path(points)
    look = {"color": INK, "linewidth": LINE, "joinstyle": "miter", "zorder": 2}
    axes.add_patch(FancyArrowPatch(path=path, arrowstyle=head, **look))


def _in_lines(label: str) -> list[str]:
    """A label in lines that fit into a box of the whole network's row."""
    return textwrap.wrap(label.replace(", ReLU", " and ReLU"), 10)
