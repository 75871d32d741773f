"""A Keras network's layers as labelled nodes: what the drawings of Figure 3 are made from."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import keras


@dataclass(frozen=True)
class Node:
    """One layer, or a batch normalisation together with the activation that follows it.

    Attributes:
        name: the layer's name.
        kind: "input", "convolution", "depthwise", "dense", "pooling", "normalisation", "sum" or "other".
        label: what the layer does, read from its configuration.
        output: shape of its output without the batch.
        inputs: names of the nodes that it reads.
    """

    name: str
    kind: str
    label: str
    output: tuple[int, ...]
    inputs: tuple[str, ...]

    @property
    def size(self) -> str:
        """The output's shape as text, height x width x channels."""
        if len(self.output) == 1:
            return f"{self.output[0]:,}"
        return "×".join(str(length) for length in self.output)


def read(model: keras.Model) -> dict[str, Node]:
    """Nodes of a flat functional model, by name, in the model's order.

    Zero padding is left out (the convolution after it names its own stride), and an activation that alone follows a
    batch normalisation is one node with it.
    """
    maker = {id(layer.output): layer.name for layer in model.layers}
    nodes = {}
    for layer in model.layers:
        sources = () if isinstance(layer, keras.layers.InputLayer) else keras.tree.flatten(layer.input)
        inputs = tuple(maker[id(tensor)] for tensor in sources)
        kind, label = _describe(layer)
        nodes[layer.name] = Node(layer.name, kind, label, tuple(layer.output.shape[1:]), inputs)
    nodes = _without(nodes, [layer.name for layer in model.layers if isinstance(layer, keras.layers.ZeroPadding2D)])
    return _normalisation_with_activation(nodes)


def source(nodes: dict[str, Node], part: Iterable[str]) -> str:
    """The one node outside `part` that its layers read.

    Raises:
        ValueError: they read several, or none.
    """
    part = set(part)
    outside = {name for inner in part for name in nodes[inner].inputs if name not in part}
    if len(outside) != 1:
        raise ValueError(f"a block must read one tensor; found {sorted(outside)} read by {sorted(part)}")
    return outside.pop()


def longest_path(nodes: dict[str, Node], part: Iterable[str]) -> list[str]:
    """The longest chain of nodes within `part`, the block's main branch, first to last.

    Args:
        part: names in the model's order; the chain ends at the last of them.
    """
    part = list(part)
    chains: dict[str, list[str]] = {}
    for name in nodes:
        if name in part:
            before = [chains[given] for given in nodes[name].inputs if given in chains]
            chains[name] = [*max(before, key=len, default=[]), name]
    return chains[part[-1]]


def _without(nodes: dict[str, Node], hidden: list[str]) -> dict[str, Node]:
    passed = {name: nodes[name].inputs[0] for name in hidden}

    def follow(name: str) -> str:
        while name in passed:
            name = passed[name]
        return name

    return {
        name: replace(node, inputs=tuple(follow(given) for given in node.inputs))
        for name, node in nodes.items()
        if name not in passed
    }


def _normalisation_with_activation(nodes: dict[str, Node]) -> dict[str, Node]:
    readers = {name: [n.name for n in nodes.values() if name in n.inputs] for name in nodes}
    merged = {}
    for name, node in nodes.items():
        before = nodes[node.inputs[0]] if node.inputs else None
        if node.label == "ReLU" and before.kind == "normalisation" and readers[before.name] == [name]:
            merged.pop(before.name)
            node = replace(node, kind="normalisation", label=f"{before.label}, ReLU", inputs=before.inputs)
        merged[name] = node
    return merged


def _describe(layer: keras.Layer) -> tuple[str, str]:
    """Kind and label of one layer."""
    match layer:
        case keras.layers.InputLayer():
            return "input", "Image"
        case keras.layers.DepthwiseConv2D():
            return "depthwise", f"Depthwise {_window(layer.kernel_size, layer.strides)}"
        case keras.layers.Conv2D():
            return "convolution", f"Conv {_window(layer.kernel_size, layer.strides)}, {layer.filters}"
        case keras.layers.MaxPooling2D():
            return "pooling", f"Max pool {_window(layer.pool_size, layer.strides)}"
        case keras.layers.GlobalAveragePooling2D():
            return "pooling", "Global average"
        case keras.layers.BatchNormalization():
            return "normalisation", "Batch norm"
        case keras.layers.ReLU():
            return "other", "ReLU"
        case keras.layers.Activation():
            return "other", {"relu": "ReLU", "softmax": "Softmax"}[layer.activation.__name__]
        case keras.layers.Add():
            return "sum", "+"
        case keras.layers.Dense():
            return "dense", f"FC {layer.units}"
        case keras.layers.Rescaling():
            low, high = layer.offset, 255 * layer.scale + layer.offset
            return "other", f"Rescale {low:.0f}…{high:.0f}".replace("-", "−")
        case _:
            return "other", type(layer).__name__


def _window(size: tuple[int, int], strides: tuple[int, int]) -> str:
    stride = f"/{strides[0]}" if strides[0] > 1 else ""
    return f"{size[0]}×{size[1]}{stride}"
