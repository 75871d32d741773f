"""The five augmentations of section 4.2.2, for a whole batch at once.

Rotation, shifts, zoom and flip are one affine map from output to input pixels, so each image is interpolated once
(the authors' code warped it three times). What falls outside the image is black, as in section 5.1 (fill mode
`constant`).

`draw` gives the few random numbers of a batch, where batches are made; `augment` uses them, where the network is.
"""

import math

import numpy as np
import tensorflow as tf

ROTATION = math.radians(10)
"""Rotation is uniform in [-10, +10] degrees."""
SHIFT = 0.10
"""Shifts are uniform in [-10 %, +10 %] of the side, horizontally and vertically."""
ZOOM = (0.85, 1.15)
"""Zoom is uniform in [85 %, 115 %], for each axis on its own, as in the Keras functions that the authors called."""
BRIGHTNESS = (0.90, 1.10)
"""Brightness factors are uniform in [90 %, 110 %]."""


def draw(count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """(count, 7) float32, uniform in [0, 1): a row an image; the same seed, (2,) int32, gives the same."""
    of_maps, of_brightness = tf.unstack(tf.random.split(seed, 2))
    six, one = tf.random.stateless_uniform([6, count], of_maps), tf.random.stateless_uniform([1, count], of_brightness)
    return tf.transpose(tf.concat([six, one], axis=0))


def augment(images: tf.Tensor, draws: tf.Tensor, brightness: str = "as_described") -> tf.Tensor:
    """Randomly transformed images.

    Args:
        images: (N, S, S, C) uint8 or float32, values 0..255.
        draws: (N, 7) float32, as `draw` gives them.
        brightness: "as_described" scales pixel values; "as_published" first stretches every image to its own minimum
            and maximum, as the image conversion in the authors' code did.

    Returns:
        (N, S, S, C) float32, values 0..255.
    """
    warped = warp(images, random_affine(draws, float(images.shape[1])))
    if brightness == "as_published":
        warped = stretch(warped)
    low, high = np.float32(BRIGHTNESS)
    factors = low + draws[:, 6, None, None, None] * (high - low)
    return tf.clip_by_value(warped * factors, 0.0, 255.0)


def random_affine(draws: tf.Tensor, side: float) -> tf.Tensor:
    """(N, 6) maps as `affine` gives them, of the first six draws an image; half of them mirror left and right."""
    draws = tf.unstack(draws, axis=1)
    between = lambda row, low, high: low + draws[row] * (high - low)  # noqa: E731
    return affine(
        angle=between(0, -ROTATION, ROTATION),
        shift_x=between(1, -SHIFT, SHIFT) * side,
        shift_y=between(2, -SHIFT, SHIFT) * side,
        zoom_x=between(3, *ZOOM),
        zoom_y=between(4, *ZOOM),
        mirrored=draws[5] < 0.5,
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


def warp(images: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
    """Bilinear interpolation, float32, of (N, S, S, C) uint8 or float32 images at (N, 6) maps; black outside.

    The arithmetic of TensorFlow's ImageProjectiveTransformV3, bit for bit on a CPU, in operations that XLA has as well.
    """
    side, channels = images.shape[2:]
    at = tf.range(side, dtype=tf.float32)
    a0, a1, a2, b0, b1, b2 = (column[:, None, None] for column in tf.unstack(maps, axis=1))
    x = a0 * at + a1 * at[:, None] + a2
    y = b0 * at + b1 * at[:, None] + b2
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


def stretch(images: tf.Tensor) -> tf.Tensor:
    """Every image of (N, S, S, C) stretched to 0..255 by its own minimum and maximum; a flat image becomes 0."""
    low = tf.reduce_min(images, axis=[1, 2, 3], keepdims=True)
    high = tf.reduce_max(images, axis=[1, 2, 3], keepdims=True)
    return tf.math.divide_no_nan(images - low, high - low) * 255.0
