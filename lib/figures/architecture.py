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

INK, FAINT, PALE, HIGHLIGHT = "#2b2b2b", "#5f5f5f", "#c4c4c4", "#1f4e79"
RESIDUAL = r"(conv\d)_block(\d+)_"
LINE = 1.1
RADIUS = 0.12
"""Of a sum's circle, in inches as every length here."""

Nodes = dict[str, Node]
Point = tuple[float, float]


def figure_3a(model: keras.Model) -> Figure:
    """ResNet50V2's basic block, built or loaded: one that neither changes the size nor the number of channels."""
    nodes = read_nodes(model)
    with style.apply():
        axes = _sheet(3.6, 5.6)
        _draw_block(axes, nodes, blocks_of(nodes, RESIDUAL)["conv3", 2], x=1.5, top=5.25)
    return axes.figure


def resnet50(model: keras.Model) -> Figure:
    """ResNet50V2, built or loaded: the whole network with the number of blocks a stage, and conv3's three kinds."""
    nodes, stage = read_nodes(model), "conv3"
    blocks = blocks_of(nodes, RESIDUAL)
    last = max(number for name, number in blocks if name == stage)
    titles = {f"First of {last}": 1, "Block between" if last == 3 else "Blocks between": 2, f"Last of {last}": last}
    with style.apply():
        axes = _sheet(9.2, 8.0)
        _draw_network(axes, nodes, blocks, "blocks", columns=6, highlighted=stage)
        for column, (title, number) in enumerate(titles.items()):
            left = 0.1 + 3.02 * column
            _panel(axes, left, 2.96, 5.6, title, f"{stage}_block{number}")
            _draw_block(axes, nodes, blocks[stage, number], x=left + 0.95, top=5.0)
    return axes.figure


def figure_3b(model: keras.Model) -> Figure:
    """COVID-Net, built or loaded: the whole network with the number of PEPX blocks a stage, a stage, one block of it.

    The stage is the first; where shortcuts are chained, the second, whose shortcut takes the first one's.
    """
    nodes = read_nodes(model)
    stage = "stage2" if "stage2_shortcut_pool" in nodes else "stage1"
    blocks = blocks_of(nodes, r"(stage\d)_(?:pepx(\d+)_)?")
    with style.apply():
        axes = _sheet(9.2, 8.8)
        _draw_network(axes, nodes, blocks, "PEPX", columns=8, highlighted=stage)
        _panel(axes, 0.1, 5.2, 6.3, f"{stage}: a shortcut to every sum", "")
        _draw_stage(axes, nodes, blocks, stage, x=1.35, top=5.7)
        _panel(axes, 5.4, 3.7, 6.3, "One PEPX block", f"{stage}_pepx2")
        example = blocks[stage, 2]
        heights = _draw_chain(axes, nodes, example, 7.0, 5.7, step=0.98, width=1.8, height=0.5)
        for name, y in zip(example, heights[1:], strict=True):
            role = name.rsplit("_", 1)[-1].rstrip("0123456789")
            axes.text(8.0, y + 0.25, role, va="center", fontsize=8.5, color=FAINT, style="italic")
    return axes.figure


def boundaries(counts: dict[str, dict[str, int]], published: dict[str, int], marked: dict[str, str]) -> Figure:
    """Free parameters against the first trained layer, one panel a network, Table 1's number as a line.

    Args:
        counts: network -> first trained layer -> free parameters, in the network's order.
        published: network -> Table 1's number for its fine-tuned rows.
        marked: network -> the first trained layer that this companion uses.
    """
    with style.apply():
        figure, axes = plt.subplots(1, len(counts), figsize=(4.8 * len(counts), 4.2), squeeze=False)
        for ax, (name, by_layer) in zip(axes[0], counts.items(), strict=True):
            values = np.array(list(by_layer.values())) / 1e6
            at = list(by_layer).index(marked[name])
            stages = [layer.split("_")[0] for layer in by_layer]
            wide = [stage for stage in dict.fromkeys(stages) if stages.count(stage) > len(stages) / 20]
            ax.step(range(len(values)), values, where="mid", color="#1f4e79")
            ax.plot(at, values[at], "o", color="#1f4e79", label=f"from {marked[name]} on")
            line = {"color": "#c1432e", "linestyle": "--", "linewidth": 1.2}
            ax.axhline(published[name] / 1e6, label=f"published {published[name]:,}", **line)
            ax.set(title=name, xlabel="first trained layer, in stage", ylabel="free parameters (millions)")
            ax.set_xticks([stages.index(stage) for stage in wide], wide, fontsize=9)  # the narrow ones would collide
            ax.set_ylim(0, values.max() * 1.3)
            ax.legend(fontsize=9, loc="upper right")
    return figure


def _draw_network(axes: Axes, nodes: Nodes, blocks: dict, word: str, columns: int, highlighted: str) -> None:
    """The whole network, `columns` items a line; a stage is a pile of sheets with the number of its blocks.

    A line above two stages is a shortcut that goes on from the first to the second.
    """
    stage_of = {name: stage for (stage, _), names in blocks.items() for name in names}
    items = {stage_of.get(name, name): name for name in nodes}  # a stage stands for all its nodes and shows its last
    (_, right), (_, top) = axes.get_xlim(), axes.get_ylim()
    height, pitch = 0.62, (right - 0.2) / columns
    width = pitch - 0.2
    for position, (item, name) in enumerate(items.items()):
        row, column = divmod(position, columns)
        x, y, node = 0.1 + pitch * (column + 0.5) - 0.04, top - 0.72 - 1.05 * row, nodes[name]
        if column:
            _arrow(axes, (x - pitch + width / 2, y), (x - width / 2, y))
        elif row:
            end, turn, pile = x + pitch * (columns - 1), y + 0.6, 0.08 * (item in stage_of.values())
            _arrow(axes, (end, y + 1.05 - height / 2), (end, turn), (x, turn), (x, y + height / 2 + pile))
        if item not in stage_of.values():
            _box(axes, node.kind, (x, y), width, height, *_in_lines(node.label), node.size)
            continue
        for offset in (0.08, 0.04):
            _rounded(axes, x - width / 2 + offset, y - height / 2 + offset, width, height, "#e9f1f9", zorder=2)
        if f"{item}_shortcut_pool" in nodes and column:
            over = y + height / 2 + 0.08
            _arrow(axes, (x - pitch + 0.1, over), (x - pitch + 0.1, over + 0.2), (x - 0.1, over + 0.2), (x - 0.1, over))
        count = sum(stage == item and number > 0 for stage, number in blocks)
        _box(axes, "convolution", (x, y), width, height, item, f"{count} {word}", node.size)
        if item == highlighted:  # the stage that is drawn below
            frame = {"edgecolor": HIGHLIGHT, "linewidth": 2.2, "zorder": 5}
            _rounded(axes, x - width / 2, y - height / 2, width, height, "none", **frame)


def _draw_block(axes: Axes, nodes: Nodes, block: list[str], x: float, top: float) -> None:
    """A residual block from top to bottom: the main branch in one column, the shortcut to the right of it."""
    side = [name for name in block if "_0_" in name or nodes[name].kind == "pooling"]
    main = [name for name in block if name not in side]
    heights = _draw_chain(axes, nodes, main, x, top, step=0.62, width=1.5, height=0.4)
    branch = nodes[side[0]].inputs[0] if side else ""
    leave = heights[main.index(branch) + 1 if branch in main else 0] - 0.06
    end, right = heights[-1] + RADIUS, x + 1.38
    axes.plot(x, leave, "o", markersize=4, color=INK)
    _arrow(axes, (x, leave), (right, leave), (right, end), (x + RADIUS, end))
    middle = (leave + end) / 2
    if side:
        _box(axes, nodes[side[0]].kind, (right, middle), 1.14, 0.42, nodes[side[0]].label, nodes[side[0]].size)
    else:
        axes.text(right + 0.08, middle, "identity", rotation=90, va="center", fontsize=8.5, color=FAINT)


def _draw_stage(axes: Axes, nodes: Nodes, blocks: dict, stage: str, x: float, top: float) -> None:
    """A stage from top to bottom: pooling, then PEPX blocks and sums; the shortcut to the right joins every sum.

    The shortcut takes the pooled input or, where shortcuts are chained, the stage before's shortcut, pooled.
    """
    pool, *joined = (name for name in blocks[stage, 0] if "shortcut" not in name)
    column = {pool: nodes[pool]}
    for number, name in enumerate(joined, start=1):
        last = nodes[blocks[stage, number][-1]]
        column |= {f"block {number}": last._replace(kind="convolution", label=f"PEPX block {number}")}
        column |= {name: nodes[name]}
    step = 5.1 / len(column)
    heights = _draw_chain(axes, nodes | column, list(column), x, top, step, width=1.6, height=0.42)
    right, shortcut, chained = x + 2.7, nodes[f"{stage}_shortcut"], nodes.get(f"{stage}_shortcut_pool")
    if chained:
        before = chained.inputs[0]
        axes.text(right, top, f"{before}, {nodes[before].size}", ha="center", va="bottom", fontsize=8, color=FAINT)
        _arrow(axes, (right, top - 0.08), (right, top - step + 0.21))
        _box(axes, chained.kind, (right, top - step), 1.4, 0.42, chained.label, chained.size)
        _arrow(axes, (right, top - step - 0.21), (right, top - 2 * step + 0.21))
    else:
        axes.plot(x, heights[1] - 0.06, "o", markersize=4, color=INK)
        _arrow(axes, (x, heights[1] - 0.06), (right, heights[1] - 0.06), (right, top - 2 * step + 0.21))
    _box(axes, shortcut.kind, (right, top - 2 * step), 1.4, 0.42, shortcut.label, shortcut.size)
    sums = [height + RADIUS for name, height in zip(column, heights[1:], strict=True) if name in joined]
    axes.plot([right, right], [top - 2 * step - 0.21, sums[-1]], color=INK, linewidth=LINE, zorder=2)
    for height in sums:
        _arrow(axes, (right, height), (x + RADIUS, height))
    if chained:
        _arrow(axes, (right, sums[-1]), (right, sums[-1] - 0.3))
        axes.text(right, sums[-1] - 0.34, "to the next stage", fontsize=8, color=FAINT, ha="center", va="top")


def _draw_chain(
    axes: Axes, nodes: Nodes, names: list[str], x: float, top: float, step: float, width: float, height: float
) -> list[float]:
    """Nodes from top to bottom; returns the heights at which the input and then each node's output begin."""
    axes.text(x, top, nodes[nodes[names[0]].inputs[0]].size, ha="center", va="bottom", fontsize=8, color=FAINT)
    heights = [top - 0.08]
    for number, name in enumerate(names, start=1):
        node, y = nodes[name], top - step * number
        half = RADIUS if node.kind == "sum" else height / 2
        _arrow(axes, (x, heights[-1]), (x, y + half))
        if node.kind == "sum":
            _sum(axes, x, y)
        else:
            _box(axes, node.kind, (x, y), width, height, node.label, node.size)
        heights.append(y - half)
    _arrow(axes, (x, heights[-1]), (x, heights[-1] - 0.25))
    axes.text(x + 0.1, heights[-1] - 0.17, node.size, va="center", fontsize=8, color=FAINT)
    return heights


def _sheet(width: float, height: float) -> Axes:
    """One axes over a whole new figure, whose data coordinates are inches from the lower left corner."""
    axes = plt.figure(figsize=(width, height), layout="none").add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return axes


def _panel(axes: Axes, left: float, width: float, height: float, title: str, name: str) -> None:
    _rounded(axes, left, 0.1, width, height, "#f4f8fc", edgecolor=PALE, zorder=0)
    axes.text(left + 0.15, height - 0.2, title, fontsize=10, fontweight="bold", color=INK)
    axes.text(left + width - 0.15, height - 0.2, name, fontsize=8, color=FAINT, ha="right")


def _box(axes: Axes, kind: str, centre: Point, width: float, height: float, *lines: str) -> None:
    """A rounded box with its label in one or two lines and, small, the size of its output."""
    (x, y), (*label, size) = centre, lines
    _rounded(axes, x - width / 2, y - height / 2, width, height, FILL[kind])
    middle = {"ha": "center", "va": "center", "zorder": 4}
    axes.text(x, y + 0.075, "\n".join(label), fontsize=8.5, color=INK, **middle)
    axes.text(x, y - 0.075 * len(label) - 0.01, size, fontsize=7.5, color=FAINT, **middle)


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
