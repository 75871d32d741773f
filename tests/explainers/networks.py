"""Tiny networks with weights written by hand, and arrays to try them on."""

import keras
import numpy as np


def linear(weights: np.ndarray, bias: np.ndarray, squared: bool = False) -> keras.Model:
    """Class scores that are a linear function of the pixels, or of their squares: (S, S, 3, K) weights, (K,) bias."""
    size, _, _, classes = weights.shape
    inputs = keras.Input((size, size, 3), name="image")
    pixels = keras.layers.Rescaling(1.0, name="rescaling")(inputs)
    flat = keras.layers.Flatten()(keras.layers.Multiply()([pixels, pixels]) if squared else pixels)
    logits = keras.layers.Dense(classes, name="logits")
    model = keras.Model(inputs, keras.layers.Activation("softmax", name="probabilities")(logits(flat)))
    logits.set_weights([weights.reshape(-1, classes), bias])
    return model


def convolutional(size: int = 16) -> keras.Model:
    """A small random network with two convolutions, the second named `maps`."""
    inputs = keras.Input((size, size, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    for name, filters in (("first", 6), ("maps", 8)):
        about = {"name": name, "kernel_initializer": keras.initializers.HeNormal(seed=1 + filters)}
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu", **about)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(3, name="logits", kernel_initializer=keras.initializers.GlorotUniform(seed=1))(x)
    return keras.Model(inputs, keras.layers.Activation("softmax", name="probabilities")(x))


def images(count: int, size: int, seed: int = 0) -> np.ndarray:
    """(count, size, size, 1) uint8 random images."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 1), dtype=np.uint8)
