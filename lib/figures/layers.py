"""A Keras network's layers as labelled nodes, which the drawings of Figure 3 are made from."""

import re
from typing import NamedTuple

import keras

LAYERS = {
    "InputLayer": ("input", "Image"),
    "Conv2D": ("convolution", "Conv {window}, {layer.filters}"),
    "DepthwiseConv2D": ("depthwise", "Depthwise {window}"),
    "MaxPooling2D": ("pooling", "Max pool {window}"),
    "GlobalAveragePooling2D": ("pooling", "Global average"),
    "BatchNormalization": ("normalisation", "Batch norm"),
    "relu": ("other", "ReLU"),
    "softmax": ("other", "Softmax"),
    "Add": ("sum", "+"),
    "Dense": ("dense", "FC {layer.units}"),
}
"""Kind and label by the layer's class or, of an activation, its function; others are called by their class."""


class Node(NamedTuple):
    """One layer, or a batch normalisation together with the activation that follows it.

    Attributes:
        kind: "input", "convolution", "depthwise", "dense", "pooling", "normalisation", "sum" or "other".
        label: what the layer does, read from its configuration.
        size: of its output, height x width x channels.
        inputs: names of the nodes that it reads.
    """

    kind: str
    label: str
    size: str
    inputs: tuple[str, ...]


def read_nodes(model: keras.Model) -> dict[str, Node]:
    """Nodes of a flat functional model, by the layer's name, in the model's order.

    Zero padding is left out (the convolution after it names its own stride), and an activation after a batch
    normalisation is one node with it.
    """
    nodes: dict[str, Node] = {}
    maker: dict[int, str] = {}  # of each tensor
    for layer in model.layers:
        sources = () if isinstance(layer, keras.layers.InputLayer) else keras.tree.flatten(layer.input)
        inputs = tuple(maker[id(tensor)] for tensor in sources)
        if isinstance(layer, keras.layers.ZeroPadding2D):
            maker[id(layer.output)] = inputs[0]
            continue
        kind, label = _kind_and_label(layer)
        if label == "ReLU" and nodes[inputs[0]].kind == "normalisation":
            kind, before, _, inputs = nodes.pop(inputs[0])
            label = f"{before}, ReLU"
        shape = layer.output.shape[1:]
        size = f"{shape[0]:,}" if len(shape) == 1 else "×".join(map(str, shape))
        nodes[layer.name] = Node(kind, label, size, inputs)
        maker[id(layer.output)] = layer.name
    return nodes


def blocks_of(nodes: dict[str, Node], pattern: str) -> dict[tuple[str, int], list[str]]:
    """Names of the nodes of each (stage, number of the block in it), both read from the layers' names.

    Args:
        nodes: as `read_nodes` gives them.
        pattern: matches a name's beginning; group 1 is the stage, group 2 the number, 0 where there is none.
    """
    blocks: dict[tuple[str, int], list[str]] = {}
    for name in nodes:
        if match := re.match(pattern, name):
            key = match[1], int(match[2] or 0)
        elif not name.startswith("max_pooling2d"):
            continue
        # else a shortcut's pooling, which Keras names after no block: it stands among the layers of its own
        blocks.setdefault(key, []).append(name)
    return blocks


def _kind_and_label(layer: keras.Layer) -> tuple[str, str]:
    name = layer.activation.__name__ if isinstance(layer, keras.layers.Activation) else type(layer).__name__
    kind, label = LAYERS.get(name, ("other", name))
    size = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", ())
    stride = f"/{layer.strides[0]}" if size and layer.strides[0] > 1 else ""
    if isinstance(layer, keras.layers.Rescaling):
        label = f"Rescale {layer.offset:.0f}…{255 * layer.scale + layer.offset:.0f}".replace("-", "−")
    return kind, label.format(layer=layer, window="×".join(map(str, size)) + stride)
