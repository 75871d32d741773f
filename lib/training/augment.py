"""The five augmentations of section 4.2.2, for a whole batch at once.

Rotation, shifts, zoom and flip are one affine map from output to input pixels, so each image is interpolated once
(the authors' code warped it three times).

`draw` gives the few random numbers of a batch, where batches are made; `augment` uses them, where the network is.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf


class Ranges(NamedTuple):
    """What is drawn, uniformly, for each image; names as in Keras's ImageDataGenerator, defaults those of the paper.

    Attributes:
        rotation_range: degrees, to either side.
        shift_range: share of the side, horizontally and vertically, to either side.
        zoom_range: about 1 by so much, for each axis on its own, as in the Keras functions that the authors called.
        horizontal_flip: half of the images are mirrored left and right.
        brightness_range: factors about 1 by so much.
        fill_mode: what lies outside an image: "constant", black (section 5.1); "nearest", the pixel at its edge;
            "reflect", the image mirrored at its edge.
        brightness: "as_described" scales pixel values; "as_published" first stretches every image to its own minimum
            and maximum, as the image conversion in the authors' code did.
    """

    rotation_range: float = 10.0
    shift_range: float = 0.10
    zoom_range: float = 0.15
    horizontal_flip: bool = True
    brightness_range: float = 0.10
    fill_mode: Literal["constant", "nearest", "reflect"] = "constant"
    brightness: Literal["as_described", "as_published"] = "as_described"

    @classmethod
    def of(cls, parameters: object) -> "Ranges":
        """Those that a notebook's parameters, or an experiment's, hold as attributes."""
        return cls(*(getattr(parameters, name) for name in cls._fields))


PAPERS = Ranges()
"""Those of section 4.2.2."""


def draw(count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """(count, 7) float32, uniform in [0, 1): a row an image; the same seed, (2,) int32, gives the same."""
    of_maps, of_brightness = tf.unstack(tf.random.split(seed, 2))
    six, one = tf.random.stateless_uniform([6, count], of_maps), tf.random.stateless_uniform([1, count], of_brightness)
    return tf.transpose(tf.concat([six, one], axis=0))


def augment(images: tf.Tensor, draws: tf.Tensor, ranges: Ranges = PAPERS) -> tf.Tensor:
    """Randomly transformed images.

    Args:
        images: (N, S, S, C) uint8 or float32, values 0..255.
        draws: (N, 7) float32, as `draw` gives them.
        ranges: of what is drawn.

    Returns:
        (N, S, S, C) float32, values 0..255.
    """
    warped = warp(images, random_affine(draws, float(images.shape[1]), ranges), ranges.fill_mode)
    if ranges.brightness == "as_published":
        warped = stretch(warped)
    low, high = np.float32((1 - ranges.brightness_range, 1 + ranges.brightness_range))
    factors = low + draws[:, 6, None, None, None] * (high - low)
    return tf.clip_by_value(warped * factors, 0.0, 255.0)


def random_affine(draws: tf.Tensor, side: float, ranges: Ranges) -> tf.Tensor:
    """(N, 6) maps as `affine` gives them, of the first six draws an image."""
    draws = tf.unstack(draws, axis=1)
    about = lambda row, middle, by: middle - by + draws[row] * (middle + by - (middle - by))  # noqa: E731
    return affine(
        angle=about(0, 0, math.radians(ranges.rotation_range)),
        shift_x=about(1, 0, ranges.shift_range) * side,
        shift_y=about(2, 0, ranges.shift_range) * side,
        zoom_x=about(3, 1, ranges.zoom_range),
        zoom_y=about(4, 1, ranges.zoom_range),
        mirrored=draws[5] < (0.5 if ranges.horizontal_flip else 0.0),
        side=side,
    )


def affine(angle, shift_x, shift_y, zoom_x, zoom_y, mirrored, side) -> tf.Tensor:
    """Maps from output to input pixel positions, about the image's centre.

    Args:
        angle: (N,) radians.
        shift_x: (N,) pixels by which the sampling position moves to the right.
        shift_y: (N,) pixels by which it moves down.
        zoom_x: (N,) factors of the sampling distance; above 1 shrinks the content.
        zoom_y: likewise, vertically.
        mirrored: (N,) booleans: left and right are exchanged.
        side: S, pixels a side.

    Returns:
        (N, 6) float32 rows (a0, a1, a2, b0, b1, b2): the output pixel (x, y) takes the input's value at
        (a0 x + a1 y + a2, b0 x + b1 y + b2).
    """
    centre = (side - 1.0) / 2.0
    sign = tf.where(mirrored, -1.0, 1.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    a0, a1 = cos * zoom_x * sign, -sin * zoom_y
    b0, b1 = sin * zoom_x * sign, cos * zoom_y
    a2 = centre + shift_x - centre * (a0 + a1)
    b2 = centre + shift_y - centre * (b0 + b1)
    return tf.stack([a0, a1, a2, b0, b1, b2], axis=1)


def warp(images: tf.Tensor, maps: tf.Tensor, fill_mode: str = "constant") -> tf.Tensor:
    """Bilinear interpolation, float32, of (N, S, S, C) uint8 or float32 images at (N, 6) maps.

    Outside it is as `Ranges.fill_mode` says. The arithmetic of TensorFlow's ImageProjectiveTransformV3, bit for bit on
    a CPU where that is black, in operations that XLA has as well.
    """
    side, channels = images.shape[2:]
    at = tf.range(side, dtype=tf.float32)
    a0, a1, a2, b0, b1, b2 = (column[:, None, None] for column in tf.unstack(maps, axis=1))
    x = a0 * at + a1 * at[:, None] + a2
    y = b0 * at + b1 * at[:, None] + b2
    if fill_mode != "constant":
        x, y = (inside(of, float(side), fill_mode) for of in (x, y))
    left, top = tf.floor(x), tf.floor(y)
    black = tf.pad(images, [[0, 0], [2, 2], [2, 2], [0, 0]])  # two: all four around a clipped place are black
    four = tf.concat([black[:, :-1, :-1], black[:, :-1, 1:], black[:, 1:, :-1], black[:, 1:, 1:]], axis=-1)
    row, column = (tf.cast(tf.clip_by_value(corner, -2.0, float(side)), tf.int32) + 2 for corner in (top, left))
    first = tf.range(tf.shape(images)[0])[:, None, None] * (side + 3)
    around = tf.gather(tf.reshape(four, [-1, 4 * channels]), (first + row) * (side + 3) + column)
    upper_left, upper_right, lower_left, lower_right = tf.split(tf.cast(around, tf.float32), 4, axis=-1)
    right, below = (x - left)[..., None], (y - top)[..., None]
    still_left, still_above = (left + 1.0 - x)[..., None], (top + 1.0 - y)[..., None]  # 1 - right rounds otherwise
    upper = still_left * upper_left + right * upper_right
    lower = still_left * lower_left + right * lower_right
    return still_above * upper + below * lower


def inside(position: tf.Tensor, side: float, fill_mode: str) -> tf.Tensor:
    """Pixel positions moved to where the image has what stands there: 0 to side - 1.

    Args:
        position: float32.
        side: S, pixels a side.
        fill_mode: "nearest" or "reflect", (d c b a | a b c d | d c b a) as in Keras.
    """
    if fill_mode == "reflect":
        period = tf.math.floormod(position + 0.5, 2 * side)
        position = tf.minimum(period, 2 * side - period) - 0.5
    return tf.clip_by_value(position, 0.0, side - 1)


def stretch(images: tf.Tensor) -> tf.Tensor:
    """Every image of (N, S, S, C) stretched to 0..255 by its own minimum and maximum; a flat image becomes 0."""
    low = tf.reduce_min(images, axis=[1, 2, 3], keepdims=True)
    high = tf.reduce_max(images, axis=[1, 2, 3], keepdims=True)
    return tf.math.divide_no_nan(images - low, high - low) * 255.0
