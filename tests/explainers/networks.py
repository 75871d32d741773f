"""Tiny networks with weights written by hand, and arrays to try them on."""

import keras
import numpy as np


def linear(weights: np.ndarray, bias: np.ndarray) -> keras.Model:
    """A network whose class scores are a linear function of the pixels: (S, S, 3, K) weights, (K,) bias."""
    size, _, _, classes = weights.shape
    inputs = keras.Input((size, size, 3), name="image")
    pixels = keras.layers.Rescaling(1.0, name="rescaling")(inputs)
    flat = keras.layers.Flatten()(pixels)
    logits = keras.layers.Dense(classes, name="logits")
    model = keras.Model(inputs, keras.layers.Activation("softmax", name="probabilities")(logits(flat)))
    logits.set_weights([weights.reshape(-1, classes), bias])
    return model


def squares() -> keras.Model:
    """Two scores of a one-pixel image: the sum of the channels' squares, and its negative."""
    inputs = keras.Input((1, 1, 3), name="image")
    pixels = keras.layers.Rescaling(1.0, name="rescaling")(inputs)
    flat = keras.layers.Flatten()(keras.layers.Multiply()([pixels, pixels]))
    logits = keras.layers.Dense(2, name="logits", use_bias=False)
    model = keras.Model(inputs, keras.layers.Activation("softmax", name="probabilities")(logits(flat)))
    logits.set_weights([np.array([[1, -1]] * 3, np.float32)])
    return model


def convolutional(size: int = 16, classes: int = 3, seed: int = 1) -> keras.Model:
    """A small random network with two convolutions, the second named `maps`."""
    inputs = keras.Input((size, size, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    for name, filters in (("first", 6), ("maps", 8)):
        start = keras.initializers.HeNormal(seed=seed + filters)
        x = keras.layers.Conv2D(
            filters, 3, strides=2, padding="same", activation="relu", name=name, kernel_initializer=start
        )(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    start = keras.initializers.GlorotUniform(seed=seed)
    x = keras.layers.Dense(classes, name="logits", kernel_initializer=start)(x)
    return keras.Model(inputs, keras.layers.Activation("softmax", name="probabilities")(x))


def images(count: int, size: int, seed: int = 0) -> np.ndarray:
    """(count, size, size, 1) uint8 random images."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 1), dtype=np.uint8)
