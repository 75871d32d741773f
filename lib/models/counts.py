"""Free parameters of the paper's networks, counted on the Keras layers at 224 x 224 (Table 1, column `Free params`)."""

from typing import Any

import keras
import numpy as np

from lib.models.freezing import boundary_counts, free_parameters
from lib.models.networks import build

PAPER_SIZE = 224


def paper_networks() -> dict[str, keras.Model]:
    """resnet50v2, covidnet and covidnet-6 (six PEPX blocks in stage three, as in Figure 3b).

    COVID-Net is as described: all of it trainable, its shortcuts chained, which changes no count. The weights have
    shapes but no values, so that they cost seconds and no memory.
    """
    described = dict.fromkeys(("pepx", "shortcuts", "classifier_l2"), "as_described")
    with keras.StatelessScope(initialize_variables=False):
        return {
            "resnet50v2": build("resnet50v2", PAPER_SIZE),
            "covidnet": build("covidnet", PAPER_SIZE, **described),
            "covidnet-6": build("covidnet", PAPER_SIZE, pepx_blocks=(3, 4, 6, 3), **described),
        }


def row_parameters(row: Any, networks: dict[str, keras.Model]) -> int:
    """Free parameters of one row of Table 1, in the stage that it trains last.

    Args:
        row: its parameters, as `lib.params.load("paper", ID)` gives them.
        networks: as `paper_networks` gives them.
    """
    network = networks[row.backbone]
    if row.pretraining != "none":
        return boundary_counts(network)[row.fine_tuning_start or "logits"]
    frozen = _part(network, "stage") if row.backbone == "covidnet" and row.pepx == "as_published" else 0
    return free_parameters(network) - frozen


def count_parameters(networks: dict[str, keras.Model] | None = None) -> dict[str, int]:
    """Every count that the errata name.

    Returns:
        classifier_resnet, fine_tuned_resnet, scratch_resnet; resnet50_v1 (the first version, from scratch);
        classifier_covidnet, fully_connected (from `fc1` on), conv1, pepx_block (one of stage three, after its first),
        scratch_trained, scratch_frozen (PEPX stages untrainable); nearest (to Table 1's CN2, of all boundaries).
    """
    networks = networks or paper_networks()
    resnet, covidnet = (boundary_counts(networks[name]) for name in ("resnet50v2", "covidnet"))
    with keras.StatelessScope(initialize_variables=False):
        first = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(PAPER_SIZE, PAPER_SIZE, 3))
    return {
        "classifier_resnet": resnet["logits"],
        "fine_tuned_resnet": resnet["conv4_block6_3_conv"],
        "scratch_resnet": max(resnet.values()),
        "resnet50_v1": free_parameters(first) + resnet["logits"],
        "classifier_covidnet": covidnet["logits"],
        "fully_connected": covidnet["fc1"],
        "conv1": _part(networks["covidnet"], "conv1"),
        "pepx_block": _part(networks["covidnet"], "stage3_pepx2_"),
        "scratch_trained": covidnet["conv1"],
        "scratch_frozen": covidnet["conv1"] - _part(networks["covidnet"], "stage"),
        "nearest": min(covidnet.values(), key=lambda count: abs(count - 98_917_443)),
    }


def _part(model: keras.Model, start: str) -> int:
    """Trainable parameters of the layers whose names start so."""
    layers = [layer for layer in model.layers if layer.name.startswith(start)]
    return int(sum(np.prod(weight.shape) for layer in layers for weight in layer.trainable_variables))
