"""A planted shortcut: would the scorecard catch a network that cheats?

A small network is trained twice on the same images with the same start: once as they are, once with a bright patch on
those of one class, as a hospital's tag would be. Both then explain the same patched test images. If explanations show
what a network uses, only the network that learnt the patch may put its attribution there.
"""

import keras
import numpy as np
import tensorflow as tf

from lib.models import network_input
from lib.training.batches import Examples, class_weights

SIDE = 64
"""Pixels a side of the images in this control, whatever the run's."""

LAYER = "convolution_4"
"""The layer of the small network that Grad-CAM explains by."""

PATCH = (slice(3, 12), slice(4, 11))
"""Rows and columns of the patch, in a corner that holds no lung; BAR are those of the dark bar on it."""

BAR = (slice(5, 10), 7)


def shrink(images: np.ndarray) -> np.ndarray:
    """(N, SIDE, SIDE, 1) float32 from (N, S, S, C) images of any size, antialiased; colours become their mean."""
    grey = np.asarray(images, np.float32).mean(axis=-1, keepdims=True)
    return tf.image.resize(grey, (SIDE, SIDE), antialias=True).numpy()


def with_patch(images: np.ndarray) -> np.ndarray:
    """The same (N, SIDE, SIDE, 1) images with a white patch that has a dark bar, such as a letter makes."""
    marked = np.array(images, dtype=np.float32)
    marked[:, *PATCH] = 235
    marked[:, *BAR] = 30
    return marked


def patch_mask() -> np.ndarray:
    """(SIDE, SIDE) bool, true where the patch is."""
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[PATCH] = True
    return mask


def small_network(classes: int) -> keras.Model:
    """A network of four strided convolutions and global average pooling, with the layer names of the large ones."""
    inputs = keras.Input((SIDE, SIDE, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    for number, (filters, strides) in enumerate(((12, 2), (24, 2), (32, 2), (48, 1)), start=1):
        about = {"kernel_initializer": keras.initializers.HeNormal(seed=1 + number), "name": f"convolution_{number}"}
        x = keras.layers.Conv2D(filters, 3, strides=strides, padding="same", activation="relu", **about)(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooling")(x)
    start = keras.initializers.GlorotUniform(seed=1)
    x = keras.layers.Dense(classes, kernel_initializer=start, name="logits", dtype="float32")(x)
    outputs = keras.layers.Activation("softmax", name="probabilities", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="small_network")


def train_small_network(images: np.ndarray, labels: np.ndarray, classes: int, epochs: int) -> keras.Model:
    """Trains the small network on (N, SIDE, SIDE, 1) images in 0..255 and (N,) integer labels.

    Every call has the same start and goes through the images in the same order.
    """
    model = small_network(classes)
    model.compile(keras.optimizers.Adam(3e-3), loss="categorical_crossentropy")
    weights = class_weights(labels, classes)  # so that a rare class is learnt
    examples = Examples([network_input(images)], np.arange(len(labels)), labels, classes)
    for epoch in range(1, epochs + 1):
        model.fit(examples.shuffled(32, seed=1, epoch=epoch, weights=weights), shuffle=False, verbose=0)
    return model
