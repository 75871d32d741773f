"""What Table 1 costs: multiply-accumulate operations counted on the Keras layers, then epochs x images x operations."""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from lib import models, params

BACKWARD = 2.0
"""A trained layer's backward pass costs two forward passes, the gradients of its input and of its weights; a frozen
layer between trained ones costs one, that of its input."""


@dataclass(frozen=True)
class Sizes:
    """Numbers of images of a data set's training and validation part."""

    train: int
    validation: int


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
        Columns id, plain_macs, our_macs, plain_hours, our_hours; the last line is the sum, the line before it the
        pretraining that rows share.
    """
    built = {name: models.build(name, p.image_size) for name in ("resnet50v2", "covidnet")}
    pretraining = _from_scratch(built["covidnet"], skin, p.pretraining_epochs)
    lines = [(name, *_row(name, p, built, chest, pretraining)) for name in p.experiments]
    lines.append(("pretraining, shared", 0.0, pretraining))
    lines.append(("all", sum(line[1] for line in lines), sum(line[2] for line in lines)))
    result = pd.DataFrame(lines, columns=["id", "plain_macs", "our_macs"])
    for name in ("plain", "our"):
        result[f"{name}_hours"] = 2 * result[f"{name}_macs"] / (teraflops * 1e12 * utilisation) / 3600
    return result


def _row(name: str, p: params.Params, built: dict, chest: Sizes, pretraining: float) -> tuple[float, float]:
    """Operations of one row, done plainly and as here."""
    row = params.load(p.run, name)
    model = built[row.backbone]
    if row.pretraining == "none":
        readings = {"pepx": row.pepx, "shortcuts": row.shortcuts}
        whole = _from_scratch(models.build(row.backbone, p.image_size, **readings), chest, p.scratch_epochs)
        return whole, whole
    stages = [(*macs(model, "logits"), p.epochs)]
    if row.continues:
        stages.append((*macs(model, row.fine_tuning_start), p.fine_tuning_epochs))
    elif row.fine_tuning:
        stages = [(*macs(model, row.fine_tuning_start), p.epochs + p.fine_tuning_epochs)]
    plain = sum(_epochs(below, above, chest, epochs) for below, above, epochs in stages)
    plain += pretraining if row.pretraining == "ham10000" else 0
    below, above, epochs = stages[-1]
    if row.augmentation:
        return plain, _epochs(below, above, chest, epochs)
    stored = below * (chest.train + chest.validation) if name == _first_with_boundary(p, row) else 0
    return plain, stored + _epochs(0, above, chest, epochs)


def _first_with_boundary(p: params.Params, row: params.Params) -> str:
    """The first row of the run that needs the same stored activations; the others find them in the store."""

    def boundary(of: params.Params) -> tuple:
        return of.backbone, of.pretraining, of.fine_tuning_start, of.augmentation

    return next((name for name in p.experiments if boundary(params.load(p.run, name)) == boundary(row)), row.experiment)


def _from_scratch(model: keras.Model, sizes: Sizes, epochs: int) -> float:
    """Epochs of a network in which some layers may be untrainable."""
    forward = macs(model)[1]
    backward = sum(layer_macs(layer) * (BACKWARD if layer.trainable else BACKWARD / 2) for layer in model.layers)
    return float(epochs) * (sizes.train * (forward + backward) + sizes.validation * forward)


def _epochs(below: float, above: float, sizes: Sizes, epochs: int) -> float:
    """Training forward and backward, and validation forward, over some epochs; frozen layers only forward."""
    training = sizes.train * (below + above * (1 + BACKWARD))
    return float(epochs) * (training + sizes.validation * (below + above))
