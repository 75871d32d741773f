"""What is explained: a trained experiment of a run, the images it was tested on, and what is known about them."""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from lib import files, models
from lib.data import load
from lib.explainers.measures import boxes_mask
from lib.explainers.scores import network_input
from lib.paths import Paths

REGIONS = {"lungs": 1, "opacity": 2, "marker": 4}
"""Bit of each region in the masks of phantoms."""


@dataclass(frozen=True)
class Subject:
    """A trained network.

    Attributes:
        experiment: its row of Table 1.
        model: the network.
        backbone: its architecture, a key of `lib.models.FEATURE_MAPS`.
        layer: the layer that Grad-CAM explains by.
    """

    experiment: str
    model: keras.Model
    backbone: str
    layer: str

    def probabilities(self, images: np.ndarray, batch_size: int = 32) -> np.ndarray:
        """(N, K) float32 of (N, S, S, 1 or 3) images in 0..255."""
        return self.model.predict(network_input(images), batch_size=batch_size, verbose=0)


def open_subject(paths: Paths, experiment: str, cells: int) -> Subject:
    """Loads the network that an experiment of this run left.

    Args:
        paths: the run's.
        experiment: its row of Table 1.
        cells: cells a side that Grad-CAM's layer has at least, see `lib.models.feature_map_layer`.

    Raises:
        FileNotFoundError: the experiment was not run.
        ValueError: the network is none of the companion's.
    """
    path = paths.experiment(experiment) / "model.keras"
    if not path.is_file():
        trained = ", ".join(trained_experiments(paths)) or "none"
        raise FileNotFoundError(
            f"{path}: no such file; run notebook 04_experiment for {experiment} first. Trained in this run: {trained}"
        )
    model = keras.models.load_model(path, compile=False)
    names = {layer.name for layer in model.layers}
    found = [backbone for backbone, layer in models.LAST_CONVOLUTION.items() if layer in names]
    if not found:
        raise ValueError(f"{path}: no layer is named {' or '.join(models.LAST_CONVOLUTION.values())}")
    return Subject(experiment, model, found[0], models.feature_map_layer(model, found[0], cells))


def trained_experiments(paths: Paths) -> list[str]:
    """Names of the experiments of this run that left a network, sorted."""
    return sorted(path.parent.name for path in (paths.results / "experiments").glob("*/model.keras"))


def other_backbone(paths: Paths, experiment: str) -> list[str]:
    """The trained experiment with the best macro F1 among those of the other architecture; empty if there is none."""
    settings = {
        name: files.read_json(paths.experiment(name) / "settings.json")
        | files.read_json(paths.experiment(name) / "metrics.json")
        for name in trained_experiments(paths)
    }
    here = settings[experiment]["backbone"]
    others = [name for name, of in settings.items() if of["backbone"] != here]
    return sorted(others, key=lambda name: -settings[name]["macro_f1"])[:1]


def spread(part: load.Part, count: int, seed: int = 1) -> np.ndarray:
    """Which of a split's images to explain where all are too many.

    Classes take turns, so that rare ones are not lost, and patients of a class come in a seeded order.

    Returns:
        (at most `count`,) positions in `part`, ascending.
    """
    chance = np.random.default_rng(seed).random(len(part.labels))
    turns = pd.DataFrame({"label": part.labels, "chance": chance}).sort_values("chance")
    turns["turn"] = turns.groupby("label").cumcount()
    return np.sort(turns.sort_values(["turn", "label"]).index[:count].to_numpy())


def regions(data: load.Dataset, positions: np.ndarray) -> dict[str, np.ndarray]:
    """Known regions of the images, each (N, S, S) bool: lungs, opacity and marker of phantoms, boxes of RSNA.

    A region that no image has is left out. Boxes (`box`) are those of stage_2_train_labels.csv, carried through the
    resize; images without one have an empty mask.
    """
    found = {}
    if (masks := data.masks) is not None:
        flags = np.asarray(masks[positions])
        found = {name: (flags & bit) > 0 for name, bit in REGIONS.items()}
    if (boxes := data.boxes) is not None:
        by_image = dict(list(boxes.groupby(boxes.image_id.astype(str))[["x", "y", "width", "height"]]))
        none = np.empty((0, 4))
        ids = data.index.image_id.iloc[positions].astype(str)
        size = data.images.shape[1]
        found["box"] = np.stack([boxes_mask(np.asarray(by_image.get(one, none)), size) for one in ids])
    return {name: mask for name, mask in found.items() if mask.any()}
