"""Table 1's column `Free params`, counted on the networks at 224 x 224."""

import keras
import numpy as np
import pandas as pd

from lib import params, paths
from lib.models.build import build
from lib.models.freezing import FINE_TUNING_STARTS, boundary_counts, free_parameters, freeze_below

PAPER_SIZE = 224

EXPLANATIONS = {
    "RN1": "the classifier alone has 2,048 x 3 weights and 3 offsets; the table is off by one, as RN7's total confirms",
    "RN2": "unfrozen from conv4_block6_3_conv on",
    "RN7": "ResNet50V2 with a three-way classifier; the first ResNet50 does not fit",
    "CN1": "the last dense layer alone",
    "CN2": "no boundary of this network gives the published count; the fully connected part is nearest",
    "CN3": "the PEPX stages are not in the count: a slip left them untrainable in the authors' code",
}
"""Why a count is what it is; rows not named share the one of the row that they resemble."""


def networks(image_size: int = PAPER_SIZE) -> dict[tuple[str, str], keras.Model]:
    """The networks of Table 1 by (backbone, reading of the PEPX stages); their weights have shapes but no values."""
    with keras.StatelessScope(initialize_variables=False):
        made = {("resnet50v2", "as_published"): build("resnet50v2", image_size)}
        for reading in ("as_published", "as_described"):
            made["covidnet", reading] = build("covidnet", image_size, pepx=reading)
    return made


def table(models: dict[tuple[str, str], keras.Model], experiments: list[str]) -> pd.DataFrame:
    """Counted beside published free parameters.

    Args:
        models: as `networks` gives them, nothing frozen yet; which of their layers are frozen changes.
        experiments: names of files in params/experiments.

    Returns:
        Columns id, counted, published (missing for variants), difference, explanation.
    """
    from_scratch = {kind: free_parameters(model) for kind, model in models.items()}
    published = pd.read_csv(paths.PUBLISHED / "table1.csv", index_col="id")["free_params"]
    lines = []
    for name in experiments:
        p = params.load("paper", name)
        reading = p.pepx if p.backbone == "covidnet" else "as_published"
        kind = (p.backbone, reading)
        counted = from_scratch[kind] if p.pretraining == "none" else _count(models[kind], p)
        known = int(published[name]) if name in published.index else None
        lines.append({"id": name, "counted": counted, "published": known, "explanation": _explanation(name, p)})
    result = pd.DataFrame(lines).astype({"published": "Int64"})
    result.insert(3, "difference", result["counted"] - result["published"])
    return result


def _count(model: keras.Model, p: params.Params) -> int:
    freeze_below(model, FINE_TUNING_STARTS[p.backbone] if p.fine_tuning else "logits")
    return free_parameters(model)


def _explanation(name: str, p: params.Params) -> str:
    if name.endswith("described") and p.pretraining == "none":
        return "all layers trained, as the report's text says"
    if p.backbone == "resnet50v2":
        return EXPLANATIONS["RN7" if p.pretraining == "none" else "RN2" if p.fine_tuning else "RN1"]
    return EXPLANATIONS["CN3" if p.pretraining == "none" else "CN2" if p.fine_tuning else "CN1"]


def count_parameters(image_size: int = 224) -> dict[str, int]:
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
        found["resnet50_v1"] = free_parameters(first) + found["classifier_resnet"]
        return found | _covidnet(image_size)


def _resnet(image_size: int) -> dict[str, int]:
    below = boundary_counts(build("resnet50v2", image_size))
    return {
        "classifier_resnet": below["logits"],
        "fine_tuned_resnet": below[FINE_TUNING_STARTS["resnet50v2"]],
        "scratch_resnet": max(below.values()),
    }


def _covidnet(image_size: int, wanted: int = 98_917_443) -> dict[str, int]:
    model = build("covidnet", image_size, pepx="as_described")
    below = boundary_counts(model)
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
