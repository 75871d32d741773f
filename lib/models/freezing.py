"""What of a network is trained at which stage, and the network cut in two at that boundary."""

import keras
import numpy as np


def freeze_below(model: keras.Model, first: str) -> None:
    """Freezes every layer before `first` (in the model's order) and leaves the others trainable.

    Args:
        model: a flat model.
        first: name of the first layer that is trained; "logits" trains the classifier alone.

    Raises:
        ValueError: the model has no such layer.
    """
    boundary = position_of(model, first)
    for position, layer in enumerate(model.layers):
        layer.trainable = position >= boundary


def free_parameters(model: keras.Model) -> int:
    """Number of trainable parameters, Table 1's column `Free params`."""
    return int(sum(np.prod(variable.shape) for variable in model.trainable_variables))


def split_at(model: keras.Model, first: str) -> tuple[keras.Model, keras.Model]:
    """Cuts a flat model before layer `first`; both parts share the model's weights.

    In both parts batch normalisation runs in inference mode, also while training: transfer learning must leave its
    statistics as they are (section 4.2.1), though fine-tuning trains its scale and offset (Table 1's counts say so).

    Args:
        model: a flat model, as `lib.models.build` gives it or as loaded.
        first: name of the second part's first layer.

    Returns:
        (frozen, trained): the first maps images to the tensors that cross the boundary, a list of (batch, ...) tensors;
        the second maps these to probabilities. Several cross where residual connections jump over the boundary.
    """
    boundary = position_of(model, first)
    below = {id(layer.output) for layer in model.layers[:boundary]}
    crossing = {}
    for layer in model.layers[boundary:]:
        for tensor in keras.tree.flatten(layer.input):
            if id(tensor) in below:
                crossing[id(tensor)] = tensor
    tensors = list(crossing.values())
    frozen = keras.Model(model.input, tensors, name=f"{model.name}_frozen")
    trained = _InferenceMode(tensors, model.output, name=f"{model.name}_trained")
    return frozen, trained


def inference_mode(model: keras.Model) -> keras.Model:
    """The same layers and weights; batch normalisation uses its stored statistics even while the model is trained.

    The networks have no dropout, so batch normalisation is all that this changes.
    """
    return _InferenceMode(model.input, model.output, name=model.name)


class _InferenceMode(keras.Model):
    """A functional model that calls its layers with `training=False` always."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=False, mask=mask)


def position_of(model: keras.Model, first: str) -> int:
    """Position in `model.layers` of the first layer that is trained.

    Raises:
        ValueError: the model has no such layer; names the parameter and the layers that it may name.
    """
    names = [layer.name for layer in model.layers]
    if first not in names:
        found = ", ".join(layer.name for layer in model.layers if layer.weights)
        raise ValueError(
            f"fine_tuning_start: found '{first}', expected a layer of {model.name}; those with weights are {found}"
        )
    return names.index(first)


def convolutions(model: keras.Model, first: str) -> tuple[int, int]:
    """(trained, all): convolution layers, depthwise ones included, from `first` on and in the whole model."""
    kinds = [isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D) for layer in model.layers]
    return sum(kinds[position_of(model, first) :]), sum(kinds)


def boundary_counts(model: keras.Model) -> dict[str, int]:
    """Free parameters for every possible first trained layer, in the model's order (layers without any are left out).

    Args:
        model: a flat model with nothing frozen; what its layers never train (moving statistics) is not counted.
    """
    kinds = [[variable for variable in layer.variables if variable.trainable] for layer in model.layers]
    sizes = [int(sum(np.prod(variable.shape) for variable in kind)) for kind in kinds]
    totals = np.cumsum(sizes[::-1])[::-1]
    return {layer.name: int(total) for layer, size, total in zip(model.layers, sizes, totals, strict=True) if size}
