"""The five augmentations of section 4.2.2, for a whole batch at once.

Rotation, shifts, zoom and flip are one affine map from output to input pixels, so each image is interpolated once
(the authors' code warped it three times). What falls outside the image is black, as in section 5.1 (fill mode
`constant`).
"""

import math

import tensorflow as tf

ROTATION = math.radians(10)
"""Rotation is uniform in [-10, +10] degrees."""
SHIFT = 0.10
"""Shifts are uniform in [-10 %, +10 %] of the side, horizontally and vertically."""
ZOOM = (0.85, 1.15)
"""Zoom is uniform in [85 %, 115 %], for each axis on its own, as in the Keras functions that the authors called."""
BRIGHTNESS = (0.90, 1.10)
"""Brightness factors are uniform in [90 %, 110 %]."""


def augment(images: tf.Tensor, seed: tf.Tensor, brightness: str = "as_described") -> tf.Tensor:
    """Randomly transformed images; the same seed gives the same images.

    Args:
        images: (N, S, S, C) float32, values 0..255.
        seed: (2,) int32.
        brightness: "as_described" scales pixel values; "as_published" first stretches every image to its own minimum
            and maximum, as the image conversion in the authors' code did.

    Returns:
        (N, S, S, C) float32, values 0..255.
    """
    seeds = tf.unstack(tf.random.split(seed, 2))
    side = tf.cast(tf.shape(images)[1], tf.float32)
    warped = warp(images, random_affine(tf.shape(images)[0], side, seeds[0]))
    factors = tf.random.stateless_uniform([tf.shape(images)[0], 1, 1, 1], seeds[1], *BRIGHTNESS)
    if brightness == "as_published":
        warped = stretch(warped)
    return tf.clip_by_value(warped * factors, 0.0, 255.0)


def random_affine(count: tf.Tensor, side: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """(count, 8) maps as `affine` gives them, drawn from the ranges above; half of them mirror left and right."""
    draws = tf.random.stateless_uniform([6, count], seed)
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
        (N, 8) float32 rows (a0, a1, a2, b0, b1, b2, 0, 0): the output pixel (x, y) takes the input's value at
        (a0 x + a1 y + a2, b0 x + b1 y + b2).
    """
    centre = (side - 1.0) / 2.0
    sign = tf.where(mirrored, -1.0, 1.0)
    cos, sin = tf.cos(angle), tf.sin(angle)
    a0, a1 = cos * zoom_x * sign, -sin * zoom_y
    b0, b1 = sin * zoom_x * sign, cos * zoom_y
    a2 = centre + shift_x - centre * (a0 + a1)
    b2 = centre + shift_y - centre * (b0 + b1)
    zero = tf.zeros_like(a0)
    return tf.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1)


def warp(images: tf.Tensor, maps: tf.Tensor) -> tf.Tensor:
    """Bilinear interpolation of (N, S, S, C) float32 images at (N, 8) maps; black outside."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=maps,
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def stretch(images: tf.Tensor) -> tf.Tensor:
    """Every image of (N, S, S, C) stretched to 0..255 by its own minimum and maximum; a flat image becomes 0."""
    low = tf.reduce_min(images, axis=[1, 2, 3], keepdims=True)
    high = tf.reduce_max(images, axis=[1, 2, 3], keepdims=True)
    return tf.math.divide_no_nan(images - low, high - low) * 255.0
