"""The number that is explained: one class score of a model, and the memory that its gradient takes."""

import keras
import numpy as np

READINGS = ("as_described", "as_published")
"""`as_described`: as the report's text says; `as_published`: as the authors' code did where the two differ."""

DEFAULT_BYTES = 2**30
"""Memory bound of one gradient call: 1 GiB keeps 100 images of 64 pixels, or 8 of 224, in ResNet50V2."""


def score_layer(model: keras.Model, reading: str) -> str:
    """Name of the layer whose output holds the class scores.

    Args:
        model: a model whose last layers are `logits` and `probabilities`.
        reading: "as_described" explains the score before softmax (section 4.4.1), "as_published" the probability.

    Raises:
        ValueError: unknown reading, or the model has no layer of that name.
    """
    if reading not in READINGS:
        raise ValueError(f"reading: found {reading!r}, expected {' or '.join(READINGS)}")
    name = "logits" if reading == "as_described" else "probabilities"
    if name not in [layer.name for layer in model.layers]:
        raise ValueError(
            f"{model.name} has no layer '{name}'; its last layers are "
            f"{', '.join(layer.name for layer in model.layers[-3:])}. Build models with lib.models.build"
        )
    return name


def network_input(images: np.ndarray) -> np.ndarray:
    """(N, S, S, 3) float32 in 0..255 from (N, S, S, 1) or (N, S, S, 3) images of any numeric type.

    Raises:
        ValueError: another number of dimensions or channels.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"images: found shape {images.shape}, expected (N, S, S, 1) or (N, S, S, 3)")
    return np.broadcast_to(images, (*images.shape[:-1], 3)).astype(np.float32)


def check_classes(classes, count: int, of: int) -> np.ndarray:
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
    numbers = sum(
        int(np.prod(tensor.shape[1:])) for layer in model.layers for tensor in keras.tree.flatten(layer.output)
    )
    return max(1, int(memory // (2 * 4 * numbers)))
