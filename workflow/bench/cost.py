"""What Table 1 costs: multiply-accumulate operations counted on the Keras layers, then epochs x images x operations."""

from dataclasses import dataclass
from functools import cache

import keras
import numpy as np
import pandas as pd

from lib import models, params

BACKWARD = 2.0
"""A trained layer's backward pass costs two forward passes, the gradients of its input and of its weights; a frozen
layer between trained ones costs one, that of its input."""


@dataclass(frozen=True)
class Sizes:
    """Numbers of images of a data set's parts; the test part, predicted once in any way, is stored alone."""

    train: int
    validation: int
    test: int = 0

    @property
    def images(self) -> int:
        return self.train + self.validation + self.test


@cache
def read_network(backbone: str, image_size: int, pepx: str = "as_published", shortcuts: str = "as_published"):
    """A `keras.Model` to be read and left as it is: it is built once, in seconds."""
    return models.build(backbone, image_size, pepx=pepx, shortcuts=shortcuts)


def layer_macs(layer: keras.Layer) -> int:
    """Multiply-accumulate operations of one layer for one image, from its kernel's and output's shape.

    Convolution: output pixels x kernel height x kernel width x input channels x filters; depthwise convolution: output
    pixels x kernel height x kernel width x channels; dense: inputs x units. Other layers count nothing.
    """
    if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
        return int(np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape))
    return int(np.prod(layer.kernel.shape)) if isinstance(layer, keras.layers.Dense) else 0


def macs(model: keras.Model, first: str | None = None) -> tuple[int, int]:
    """Operations for one image below and from layer `first` on; (0, all) where `first` is None."""
    counts = {layer.name: layer_macs(layer) for layer in model.layers}
    names = list(counts)
    cut = names.index(first) if first else 0
    return sum(counts[name] for name in names[:cut]), sum(counts[name] for name in names[cut:])


def cost_table(p: params.Params, chest: Sizes, skin: Sizes, *, teraflops: float, utilisation: float) -> pd.DataFrame:
    """Operations and hours of every row of a run, done plainly and as this companion does it.

    Plainly, every fine-tuned row repeats its linear stage, every row of HAM10000 repeats the pretraining, and frozen
    layers are computed in every epoch. Here stages and pretraining are shared, and frozen layers are computed once
    where no augmentation changes the images.

    Args:
        p: the run's parameters.
        chest: sizes of the chest data.
        skin: sizes of the skin data.
        teraflops: the device's peak, 10^12 floating-point operations a second.
        utilisation: the share of it that training reaches, 0..1.

    Returns:
        Columns id, plain_macs, our_macs, shared_macs (the part of ours that another seed, or another row with the same
        boundary, finds done), plain_hours, our_hours, shared_hours; the last line is the sum, the line before it the
        pretraining that rows share.
    """
    rows = {name: params.load(p.run, name) for name in p.experiments}
    pretraining = 0.0
    if any(row.pretraining == "ham10000" for row in rows.values()):
        pretraining = _from_scratch(read_network("covidnet", p.image_size), skin, p.pretraining_epochs)
    lines = [(name, *_row(row, rows, p, chest, pretraining)) for name, row in rows.items()]
    lines.append(("pretraining, shared", 0.0, pretraining, pretraining))
    lines.append(("all", *(sum(line[column] for line in lines) for column in (1, 2, 3))))
    result = pd.DataFrame(lines, columns=["id", "plain_macs", "our_macs", "shared_macs"])
    for name in ("plain", "our", "shared"):
        result[f"{name}_hours"] = 2 * result[f"{name}_macs"] / (teraflops * 1e12 * utilisation) / 3600
    return result


def stored_boundary(row: params.Params) -> tuple[str, str, str] | None:
    """Backbone, weights and first trained layer: rows with the same share stored activations; None stores nothing."""
    if row.pretraining == "none" or row.augmentation:
        return None
    return row.backbone, row.pretraining, row.fine_tuning_start or "logits"


def _row(
    row: params.Params, rows: dict[str, params.Params], p: params.Params, chest: Sizes, pretraining: float
) -> tuple[float, float, float]:
    """Operations of one row, done plainly and as here, and what of the latter is stored for others.

    The first of `rows` with a boundary computes its activations; the others find them in the store.
    """
    model = read_network(row.backbone, p.image_size, row.pepx, row.shortcuts)
    if row.pretraining == "none":
        whole = _from_scratch(model, chest, p.scratch_epochs)
        return whole, whole, 0.0
    stages = [(*macs(model, "logits"), p.epochs)]
    if row.continues:
        stages.append((*macs(model, row.fine_tuning_start), p.fine_tuning_epochs))
    elif row.fine_tuning:
        stages = [(*macs(model, row.fine_tuning_start), p.epochs + p.fine_tuning_epochs)]
    plain = sum(_epochs(below, above, chest, epochs) for below, above, epochs in stages)
    plain += pretraining if row.pretraining == "ham10000" else 0
    below, above, epochs = stages[-1]
    if (boundary := stored_boundary(row)) is None:
        return plain, _epochs(below, above, chest, epochs), 0.0
    first = next(other for other in rows.values() if stored_boundary(other) == boundary)
    stored = float(below) * (chest.train + chest.validation) * (row is first)
    return plain, stored + _epochs(0, above, chest, epochs), stored


def _from_scratch(model: keras.Model, sizes: Sizes, epochs: int) -> float:
    """Epochs of a network in which some layers may be untrainable."""
    forward = macs(model)[1]
    backward = sum(layer_macs(layer) * (BACKWARD if layer.trainable else BACKWARD / 2) for layer in model.layers)
    return float(epochs) * (sizes.train * (forward + backward) + sizes.validation * forward)


def _epochs(below: float, above: float, sizes: Sizes, epochs: int) -> float:
    """Training forward and backward, and validation forward, over some epochs; frozen layers only forward."""
    training = sizes.train * (below + above * (1 + BACKWARD))
    return float(epochs) * (training + sizes.validation * (below + above))
