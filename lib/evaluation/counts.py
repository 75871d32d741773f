"""Free parameters of the paper's networks, counted from the Keras models (for the errata beside Table 1)."""

import keras
import numpy as np

from lib import models


def count(image_size: int = 224) -> dict[str, int]:
    """Every count that the errata name.

    Builds three networks, whose weights have shapes but no values.

    Args:
        image_size: pixels a side; only 224 gives Table 1's counts of COVID-Net.

    Returns:
        classifier_resnet, fine_tuned_resnet, scratch_resnet; resnet50_v1 (the first version, from scratch);
        classifier_covidnet, fully_connected (from `fc1` on), conv1, pepx_block (one of stage three, after its first),
        scratch_trained, scratch_frozen (PEPX stages untrainable); nearest (to Table 1's CN2, of all boundaries).
    """
    with keras.StatelessScope(initialize_variables=False):
        found = _resnet(image_size)
        first = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(image_size, image_size, 3))
        found["resnet50_v1"] = models.free_parameters(first) + found["classifier_resnet"]
        return found | _covidnet(image_size)


def _resnet(image_size: int) -> dict[str, int]:
    below = models.boundary_counts(models.build("resnet50v2", image_size))
    return {
        "classifier_resnet": below["logits"],
        "fine_tuned_resnet": below[models.FINE_TUNING_STARTS["resnet50v2"]],
        "scratch_resnet": max(below.values()),
    }


def _covidnet(image_size: int, wanted: int = 98_917_443) -> dict[str, int]:
    model = models.build("covidnet", image_size, pepx="as_described")
    below = models.boundary_counts(model)
    return {
        "classifier_covidnet": below["logits"],
        "fully_connected": below["fc1"],
        "conv1": _part(model, "conv1"),
        "pepx_block": _part(model, "stage3_pepx2_"),
        "scratch_trained": below["conv1"],
        "scratch_frozen": below["conv1"] - _part(model, "stage"),
        "nearest": min(below.values(), key=lambda count: abs(count - wanted)),
    }


def _part(model: keras.Model, start: str) -> int:
    """Parameters of the layers whose names start so."""
    layers = [layer for layer in model.layers if layer.name.startswith(start)]
    return int(sum(np.prod(weight.shape) for layer in layers for weight in layer.trainable_variables))
