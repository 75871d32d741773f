"""What is explained, and how it is opened: a network that a run has trained, and the score of a class."""

from dataclasses import dataclass

import keras
import numpy as np

from lib import files, models
from lib.paths import Paths

READINGS = ("as_described", "as_published")
"""`as_described`: as the report's text says; `as_published`: as the authors' code did where the two differ."""

DEFAULT_BYTES = 2**30
"""Memory bound of one gradient call: 1 GiB keeps 100 images of 64 pixels, or 8 of 224, in ResNet50V2."""


@dataclass(frozen=True)
class Network:
    """A trained network.

    Attributes:
        model: (N, S, S, 3) in 0..255 to (N, K) class probabilities.
        layer: name of the layer that Grad-CAM explains by.
    """

    model: keras.Model
    layer: str

    def probabilities(self, images: np.ndarray, batch_size: int = 32) -> np.ndarray:
        """(N, K) float32 of (N, S, S, 1 or 3) images in 0..255."""
        return self.model.predict(models.network_input(images), batch_size=batch_size, verbose=0)


def open_network(paths: Paths, experiment: str, cells: int) -> Network:
    """Loads the network that an experiment of this run left; Grad-CAM's layer has at least `cells` cells a side.

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
    model = keras.models.load_model(files.check(path), compile=False)
    names = {layer.name for layer in model.layers}
    for backbone, last in models.LAST_CONVOLUTION.items():
        if last in names:
            return Network(model, models.feature_map_layer(model, backbone, cells))
    raise ValueError(f"{path}: no layer is named {' or '.join(models.LAST_CONVOLUTION.values())}")


def trained_experiments(paths: Paths) -> list[str]:
    """Names of the experiments of this run that left a network, sorted."""
    return sorted(path.parent.name for path in (paths.results / "experiments").glob("*/model.keras"))


def other_backbone(paths: Paths, experiment: str) -> list[str]:
    """The trained experiment with the best macro F1 among those of the other architecture; empty if there is none."""
    known = {}
    for name in trained_experiments(paths):
        settings, scores = (files.read_json(paths.experiment(name) / f"{of}.json") for of in ("settings", "metrics"))
        known[name] = settings | scores
    others = [name for name, of in known.items() if of["backbone"] != known[experiment]["backbone"]]
    return sorted(others, key=lambda name: -known[name]["macro_f1"])[:1]


def in_double(model: keras.Model) -> keras.Model:
    """The same network computing in float64, to tell rounding from the error of the quadrature."""

    def doubled(layer):
        return type(layer).from_config(layer.get_config() | {"dtype": "float64"})

    copy = keras.models.clone_model(model, clone_function=doubled)
    copy.set_weights(model.get_weights())
    return copy


def score_layer(model: keras.Model, reading: str = "as_described") -> str:
    """Name of the layer whose output holds the class scores, of a model that ends in `logits` and `probabilities`.

    The reading "as_described" explains the score before softmax (section 4.4.1), "as_published" the probability.

    Raises:
        ValueError: unknown reading, or the model has no layer of that name.
    """
    if reading not in READINGS:
        raise ValueError(f"reading: found {reading!r}, expected {' or '.join(READINGS)}")
    name = "logits" if reading == "as_described" else "probabilities"
    layers = [layer.name for layer in model.layers]
    if name not in layers:
        last = ", ".join(layers[-3:])
        raise ValueError(f"{model.name}: no layer '{name}', its last are {last}; build models with lib.models.build")
    return name


def class_positions(classes, count: int, of: int) -> np.ndarray:
    """(N,) int32 class positions: one for every image, or one number for all of them.

    Raises:
        ValueError: wrong length, or a position that is no class of the model.
    """
    classes = np.asarray(classes, dtype=np.int32)
    if classes.ndim == 0:
        classes = np.full(count, classes, dtype=np.int32)
    if classes.shape != (count,) or (classes < 0).any() or (classes >= of).any():
        raise ValueError(f"classes: found {classes.tolist()}, expected {count} positions from 0 to {of - 1}")
    return classes


def images_within(model: keras.Model, memory: int) -> int:
    """How many images one forward and backward pass may hold so that its activations stay within `memory` bytes.

    Counts every layer's output twice, for the activation and its gradient, in float32. At least 1.
    """
    outputs = [tensor for layer in model.layers for tensor in keras.tree.flatten(layer.output)]
    return max(1, int(memory // (2 * 4 * sum(int(np.prod(tensor.shape[1:])) for tensor in outputs))))
