"""Figure 3: the two networks, drawn from the layers of the Keras models themselves."""

import re
from dataclasses import replace

import keras
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.figures import style
from lib.figures.boxes import FAINT, INK, LINE, RADIUS, arrow, box, dot, rounded, sheet
from lib.figures.graph import Node, longest_path, read, source

PANEL = {"edgecolor": "#c4c4c4", "linewidth": 0.9, "zorder": 0}
STEP = 0.66
"""From one box of a branch to the next, in inches."""


def figure_3a(model: keras.Model, stage: str = "conv3") -> Figure:
    """ResNet50V2: the whole network with the number of blocks a stage, and one stage's three kinds of basic block.

    Args:
        model: a network that `lib.models.build("resnet50v2", ...)` made or that was loaded.
        stage: the stage whose blocks are drawn, conv2 to conv5.
    """
    nodes = read(model)
    blocks = _blocks(nodes, r"(conv\d)_block(\d+)_")
    numbers = [number for name, number in blocks if name == stage]
    with style.apply():
        figure, axes = sheet(11.0, 7.4)
        _network_strip(axes, nodes, blocks, y=6.62, highlighted=stage)
        shown = {
            f"First of {len(numbers)}": numbers[0],
            f"Block{'s' if len(numbers) > 3 else ''} between": numbers[1],
            f"Last of {len(numbers)}": numbers[-1],
        }
        for column, (title, number) in enumerate(shown.items()):
            left = 0.25 + 3.56 * column
            rounded(axes, left, 0.2, 3.38, 5.35, "#f4f8fc", **PANEL)
            axes.text(left + 0.15, 5.3, title, fontsize=9.5, fontweight="bold", color=INK)
            axes.text(left + 3.23, 5.3, f"{stage}_block{number}", fontsize=8, color=FAINT, ha="right")
            _draw_block(axes, nodes, blocks[stage, number], x=left + 1.15, top=5.02)
    return figure


def figure_3b(model: keras.Model, stage: str = "stage1") -> Figure:
    """COVID-Net: the whole network with the number of PEPX blocks a stage, one stage, and one PEPX block of it.

    Args:
        model: a network that `lib.models.build("covidnet", ...)` made or that was loaded.
        stage: the stage that is drawn with all its blocks and sums.
    """
    nodes = read(model)
    pepx = _blocks(nodes, r"(stage\d)_pepx(\d+)_")
    whole = {(match[1], 0): [] for name in nodes if (match := re.match(r"(stage\d)_", name))}
    for name in nodes:
        if match := re.match(r"(stage\d)_", name):
            whole[match[1], 0].append(name)
    counts = {name: sum(1 for other, _ in pepx if other == name) for name, _ in whole}
    with style.apply():
        figure, axes = sheet(13.0, 7.4)
        _network_strip(
            axes, nodes, whole, y=6.62, highlighted=stage, captions={k: f"{n} PEPX" for k, n in counts.items()}
        )
        _panel(axes, 0.25, 8.3, f"{stage}: the shortcut joins after every PEPX block", "")
        _draw_stage(axes, nodes, stage, pepx, y=3.75, left=0.25)
        example = pepx[stage, 2]
        _panel(axes, 8.75, 4.0, "One PEPX block", f"{stage}_pepx2")
        _draw_chain(axes, nodes, example, x=10.75, top=4.85)
    return figure


def _panel(axes: Axes, left: float, width: float, title: str, name: str) -> None:
    rounded(axes, left, 0.2, width, 5.35, "#f4f8fc", **PANEL)
    axes.text(left + 0.15, 5.3, title, fontsize=9.5, fontweight="bold", color=INK)
    axes.text(left + width - 0.15, 5.3, name, fontsize=8, color=FAINT, ha="right")


def _draw_stage(axes: Axes, nodes: dict[str, Node], stage: str, pepx: dict, y: float, left: float) -> None:
    """A stage from left to right: pooling, then PEPX blocks and sums; the shortcut runs below and joins every sum."""
    sums = [name for name in nodes if re.match(rf"{stage}_(add\d+|output)$", name)]
    pool, shortcut = f"{stage}_pool", f"{stage}_shortcut"
    pitch = 7.0 / len(sums)
    start, width, low = left + 0.65, 1.25, y - 1.6
    box(axes, nodes[pool], (start, y), 0.95, 0.62, (*_broken(nodes[pool].label), nodes[pool].size))
    axes.text(start, y + 0.42, nodes[nodes[pool].inputs[0]].size, ha="center", fontsize=7.5, color=FAINT)
    before = start + 0.475
    leave = before + 0.1
    dot(axes, leave, y)
    first = left + 1.45
    for number, name in enumerate(sums, start=1):
        x = first + pitch * (number - 1) + width / 2
        joint = x + width / 2 + 0.32
        last = nodes[pepx[stage, number][-1]]
        arrow(axes, (before, y), (x - width / 2, y))
        box(axes, replace(last, kind="convolution"), (x, y), width, 0.62, ("PEPX", f"block {number}", last.size))
        arrow(axes, (x + width / 2, y), (joint - RADIUS, y))
        box(axes, nodes[name], (joint, y), 0.3, 0.3)
        arrow(axes, (joint, low), (joint, y - RADIUS))
        before = joint + RADIUS
    arrow(axes, (leave, y), (leave, low + 0.25))
    axes.plot([leave + 0.6, joint], [low, low], color=INK, linewidth=LINE, zorder=2)
    box(axes, nodes[shortcut], (leave, low), 1.24, 0.5)
    arrow(axes, (before, y), (before + 0.28, y))
    axes.text(before + 0.05, y + 0.2, nodes[sums[-1]].size, fontsize=7.5, color=FAINT, ha="center")
    axes.text(
        left + 0.15, 0.55, "No activation and no batch normalisation within the stage.", fontsize=8.5, color=FAINT
    )


def _draw_chain(axes: Axes, nodes: dict[str, Node], chain: list[str], x: float, top: float) -> None:
    """Layers from top to bottom."""
    step, height = 0.86, 0.5
    axes.text(x, top + 0.02, nodes[nodes[chain[0]].inputs[0]].size, ha="center", va="bottom", fontsize=7.5, color=FAINT)
    edge = top
    for position, name in enumerate(chain):
        y = top - 0.55 - step * position
        arrow(axes, (x, edge), (x, y + height / 2))
        box(axes, nodes[name], (x, y), 2.0, height)
        role = name.rsplit("_", 1)[-1].rstrip("0123456789")
        axes.text(x + 1.1, y, role, va="center", fontsize=8, color=FAINT, style="italic")
        edge = y - height / 2
    arrow(axes, (x, edge), (x, edge - 0.28))


def _blocks(nodes: dict[str, Node], pattern: str) -> dict[tuple[str, int], list[str]]:
    """Names of the nodes of each (stage, number of the block in it), both read from the layers' names."""
    found = {name: (match[1], int(match[2])) for name in nodes if (match := re.match(pattern, name))}
    for name, node in nodes.items():
        # Keras gives a shortcut's pooling no name of its block: it belongs to the block that reads it.
        readers = {found.get(reader.name) for reader in nodes.values() if name in reader.inputs}
        if node.kind == "pooling" and node.inputs[0] in found and len(readers) == 1 and None not in readers:
            found[name] = readers.pop()
    blocks: dict[tuple[str, int], list[str]] = {key: [] for key in found.values()}
    for name in nodes:
        if name in found:
            blocks[found[name]].append(name)
    return blocks


def _network_strip(
    axes: Axes, nodes: dict[str, Node], blocks: dict, y: float, highlighted: str, captions: dict[str, str] | None = None
) -> None:
    """The whole network in a row; a stage is a pile of sheets with the number of its blocks."""
    stage_of = {name: stage for (stage, _), names in blocks.items() for name in names}
    last = {stage: names[-1] for (stage, _), names in blocks.items()}
    count = {stage: sum(1 for name, _ in blocks if name == stage) for stage in last}
    items = list(dict.fromkeys(stage_of.get(name, name) for name in nodes))
    pitch = (axes.get_xlim()[1] - 0.5) / len(items)
    width, height = pitch - 0.17, 0.62
    for position, item in enumerate(items):
        x = 0.25 + pitch * (position + 0.5) - 0.04
        if item in last:
            for offset in (0.08, 0.04):
                rounded(axes, x - width / 2 + offset, y - height / 2 + offset, width, height, "#e9f1f9", zorder=2)
            output = nodes[last[item]]
            caption = captions[item] if captions else f"{count[item]} blocks"
            box(axes, replace(output, kind="convolution"), (x, y), width, height, (item, caption, output.size))
        else:
            node = nodes[item]
            box(axes, node, (x, y), width, height, (*_broken(node.label), node.size))
        if position:
            arrow(axes, (x - pitch + width / 2, y), (x - width / 2, y))
        if item == highlighted:
            for side, edge in ((-1, 0.25), (1, axes.get_xlim()[1] - 0.25)):
                axes.plot(
                    [x + side * width / 2, edge], [y - height / 2, 5.55], color="#c4c4c4", linewidth=0.9, zorder=0
                )


def _draw_block(axes: Axes, nodes: dict[str, Node], block: list[str], x: float, top: float) -> None:
    """A residual block from top to bottom: the main branch in one column, the shortcut to the right of it."""
    width, height, side = 1.5, 0.42, x + 1.45
    begin, main = source(nodes, block), longest_path(nodes, block)
    places = {begin: (x, top - 0.08)} | {name: (x, top - STEP * (k + 1)) for k, name in enumerate(main)}
    axes.text(x, top, nodes[begin].size, ha="center", va="bottom", fontsize=7.5, color=FAINT)
    reach = {name: RADIUS if nodes[name].kind == "sum" else height / 2 for name in main} | {begin: 0.0}
    for before, name in zip([begin, *main], main, strict=False):
        arrow(axes, (x, places[before][1] - reach[before]), (x, places[name][1] + reach[name]))
    for name in main:
        box(axes, nodes[name], places[name], width, height)
    end = places[main[-1]][1]
    arrow(axes, (x, end - RADIUS), (x, end - RADIUS - 0.22))
    axes.text(x + 0.1, end - RADIUS - 0.17, nodes[main[-1]].size, va="center", fontsize=7.5, color=FAINT)
    others = [name for name in block if name not in main]
    joined = next(name for name in nodes[main[-1]].inputs if name != main[-2])
    branch = nodes[others[0]].inputs[0] if others else joined
    leave = places[branch][1] - reach[branch] - 0.1
    dot(axes, x, leave)
    arrow(axes, (x, leave), (side, leave), (side, end), (x + RADIUS, end))
    for k, name in enumerate(others):
        y = (leave + end) / 2 + STEP * ((len(others) - 1) / 2 - k)
        box(axes, nodes[name], (side, y), 1.24, height)
    if not others:
        axes.text(side + 0.08, (leave + end) / 2, "identity", rotation=90, va="center", fontsize=8, color=FAINT)


def _broken(label: str) -> list[str]:
    """A label in two lines of about equal length, if it has two parts; nothing of it is left out."""
    if label.endswith(", ReLU"):
        return [label.removesuffix(", ReLU"), "and ReLU"]
    spaces = [position for position, letter in enumerate(label) if letter == " "]
    if len(label) < 9 or not spaces:
        return [label]
    middle = min(spaces, key=lambda position: abs(2 * position + 1 - len(label)))
    return [label[:middle], label[middle + 1 :]]
