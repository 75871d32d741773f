"""Integrated Gradients (section 4.4.2; Sundararajan et al., 2017).

The straight path from the baseline x' to the image x is cut into m steps. By the trapezoid rule the mean gradient along
it is the mean over the steps k = 1 ... m of (g_(k-1) + g_k) / 2, where g_0 ... g_m are the gradients at the ends of the
steps; the attribution is (x - x') times that mean. So m steps need m + 1 gradients, and the attributions of all pixels
add up to score(x) - score(x') but for the error of the rule (completeness).

Halving every step keeps the old points: the mean gradient of 2m steps is half that of m steps plus half the mean of the
gradients at the m new midpoints. So finer and finer paths cost no more than the finest of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage

from lib.explainers.network import DEFAULT_BYTES, class_positions, images_within, score_layer
from lib.models import network_input

NOISE_BASELINES = 2
"""Number of random baselines that the authors' code averaged over."""

SMOOTHING = 1 / 64
"""Standard deviation of the Gaussian that smooths the attributions of an image, as a share of its side."""

BLOCK = 64
"""Images whose attributions, of three channels, are held at a time where only their pixels' sums are kept."""


@dataclass(frozen=True)
class Attributions:
    """Attributions of N images.

    Attributes:
        steps: m.
        values: (N, S, S, 3) float32, signed, in units of the score.
        score: (N,) float32, the explained class score of the image.
        baseline_score: (N,) float32, that of the baseline (the mean over several).
    """

    steps: int
    values: np.ndarray
    score: np.ndarray
    baseline_score: np.ndarray

    @property
    def pixels(self) -> np.ndarray:
        """(N, S, S) float32, signed: the sum over a pixel's channels, which are equal in a grey image."""
        return self.values.sum(axis=-1)

    @property
    def completeness_error(self) -> np.ndarray:
        """(N,) float64: |sum of attributions - change| / mean of |change|, change = score - baseline score.

        The mean is over these N images, so the errors' mean is sum |sum of attributions - change| / sum |change|. Each
        image's own change would let those whose score hardly changes decide.
        """
        total = self.values.sum(axis=(1, 2, 3), dtype=np.float64)
        change = self.score.astype(np.float64) - self.baseline_score
        return np.abs(total - change) / np.maximum(np.abs(change).mean(), np.finfo(np.float32).eps)


class IntegratedGradients:
    """Explains class scores by the pixels, many images and steps in one gradient call.

    Args:
        model: flat functional model, (N, S, S, 3) in 0..255 to class probabilities.
        steps: m.
        reading: "as_described": the score before softmax and a black baseline. "as_published", as the authors' code
            did: the probability after softmax, the mean over two baselines of uniform noise, and the image rescaled
            once more before the model, which rescales it itself.
        memory: bytes that the activations of one gradient call may take.

    Raises:
        ValueError: steps below 1 or unknown reading.
    """

    def __init__(self, model: keras.Model, steps: int = 50, reading: str = "as_described", memory: int = DEFAULT_BYTES):
        if steps < 1:
            raise ValueError(f"steps: found {steps}, expected a whole number from 1")
        self.steps = steps
        self._scores = keras.Model(model.input, model.get_layer(score_layer(model, reading)).output)
        self._rescale_first = model.get_layer("rescaling") if reading == "as_published" else None
        self._batch = images_within(self._scores, memory)
        shape = model.input_shape[1:]
        self._baselines = path_baselines(shape, reading)
        numbers, places = tf.TensorSpec((None,), tf.float32), tf.TensorSpec((None,), tf.int32)
        images, baseline = tf.TensorSpec((None, *shape), tf.float32), tf.TensorSpec(shape, tf.float32)
        signature = [images, baseline, places, places, numbers, numbers]
        self._compiled = tf.function(self._weighted_gradients, input_signature=signature)

    def __call__(self, images: np.ndarray, classes) -> Attributions:
        """Explains one class of each image.

        Args:
            images: (N, S, S, 1) or (N, S, S, 3), values 0..255.
            classes: (N,) positions of the explained classes, or one position for all.
        """
        return next(self.refined(images, classes))

    def signed(self, images: np.ndarray, classes) -> np.ndarray:
        """(N, S, S) float32 attributions of the pixels; arguments as a call's, in blocks of `BLOCK` images."""
        classes = class_positions(classes, len(images), self._scores.output_shape[-1])
        blocks = [slice(k, k + BLOCK) for k in range(0, len(images), BLOCK)]
        return np.concatenate([self(images[of], classes[of]).pixels for of in blocks])

    def shown(self, signed: np.ndarray) -> np.ndarray:
        """(N, S, S) maps as the pictures show them: `evidence`."""
        return evidence(signed)

    def maps(self, images: np.ndarray, classes) -> np.ndarray:
        """(N, S, S) float32 maps, not negative: what `shown` makes of `signed`."""
        return self.shown(self.signed(images, classes))

    def refined(self, images: np.ndarray, classes) -> Iterator[Attributions]:
        """Attributions with m, 2m, 4m, ... steps without end; each doubling computes the new midpoints' gradients only.

        Images and classes are as in a call.
        """
        images = network_input(images)
        classes = class_positions(classes, len(images), self._scores.output_shape[-1])
        steps, fractions, weights = self.steps, path_fractions(self.steps), trapezoid_weights(self.steps)
        means, scores = self._along(images, classes, fractions, weights)
        first, last = scores[..., 0].mean(axis=0), scores[..., -1].mean(axis=0)
        while True:
            values = sum((images - x) * of for x, of in zip(self._baselines, means, strict=True)) / len(means)
            yield Attributions(steps, values, last, first)
            midpoints = ((np.arange(steps) + 0.5) / steps).astype(np.float32)
            between, _ = self._along(images, classes, midpoints, np.full(steps, 1 / steps, np.float32))
            means, steps = (means + between) / 2, 2 * steps

    def _along(self, images, classes, fractions, weights):
        """Weighted sums of the gradients, (baselines, N, S, S, 3), and scores (baselines, N, P), at P points each."""
        sums = np.zeros((len(self._baselines), *images.shape), np.float32)
        scores = np.zeros((len(self._baselines), len(images), len(fractions)), np.float32)
        for k, baseline in enumerate(self._baselines):
            for start in range(0, scores[k].size, self._batch):
                pairs = np.arange(start, min(start + self._batch, scores[k].size))
                image, point = pairs // len(fractions), pairs % len(fractions)
                here = slice(image[0], image[-1] + 1)
                owner = (image - image[0]).astype(np.int32)
                added, found = self._compiled(
                    images[here], baseline, owner, classes[image], fractions[point], weights[point]
                )
                sums[k, here] += added.numpy()
                scores[k, image, point] = found.numpy()
        return sums, scores

    def _weighted_gradients(self, images, baseline, owner, classes, fractions, weights):
        """Sums of weighted gradients, (n, S, S, 3), and scores (B,), of B points on the paths of n images.

        One call gives the gradients of all points: each point's score depends on that point alone, so the gradient of
        the scores' sum holds them side by side.
        """
        points = interpolate(tf.gather(images, owner), baseline, fractions)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(points)
            pixels = points if self._rescale_first is None else self._rescale_first(points)
            scores = tf.gather(self._scores(pixels, training=False), classes, axis=1, batch_dims=1)
        gradients = tf.cast(tape.gradient(scores, points), tf.float32)
        belongs = tf.one_hot(owner, tf.shape(images)[0], axis=0)
        sums = tf.einsum("nb,b,bhwc->nhwc", belongs, weights, gradients, optimize="optimal")
        return sums, tf.cast(scores, tf.float32)


def evidence(pixels: np.ndarray, smoothing: float = SMOOTHING) -> np.ndarray:
    """(N, S, S) evidence for the explained class from (N, S, S) signed attributions of the pixels.

    The positive part speaks for the class, as the ReLU of Grad-CAM keeps what does. Smoothing joins the scattered
    pixels to regions that an eye, and the measures, can compare.
    """
    sigma = smoothing * pixels.shape[-1]
    return ndimage.gaussian_filter(np.maximum(pixels, 0), sigma=(0, sigma, sigma))


def path_baselines(shape: tuple[int, int, int], reading: str) -> list[np.ndarray]:
    """The starting images, each of `shape`, float32 in 0..255: one black, or the authors' code's two of noise."""
    if reading == "as_described":
        return [np.zeros(shape, np.float32)]
    generator = np.random.default_rng(1)
    return [generator.uniform(0, 255, shape).astype(np.float32) for _ in range(NOISE_BASELINES)]


def path_fractions(steps: int) -> np.ndarray:
    """(m + 1,) float32 equally spaced from 0, the baseline, to 1, the image."""
    return np.linspace(0, 1, steps + 1, dtype=np.float32)


def trapezoid_weights(steps: int) -> np.ndarray:
    """(m + 1,) float32 weights of the gradients at the points of the path, with sum 1: 1/m, at the two ends 1/(2m)."""
    weights = np.full(steps + 1, 1 / steps, np.float32)
    weights[[0, -1]] /= 2
    return weights


def interpolate(images, baseline, fractions):
    """(B, S, S, C) points at fraction (B,) of the way from the baseline (S, S, C) to each of (B, S, S, C) images."""
    return baseline + tf.reshape(fractions, (-1, 1, 1, 1)) * (images - baseline)
