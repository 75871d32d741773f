"""Integrated Gradients (section 4.4.2; Sundararajan et al., 2017).

The straight path from the baseline x' to the image x is cut into m steps. By the trapezoid rule the mean gradient along
it is the mean over the steps k = 1 ... m of (g_(k-1) + g_k) / 2, where g_0 ... g_m are the gradients at the ends of the
steps; the attribution is (x - x') times that mean. So m steps need m + 1 gradients, and the attributions of all pixels
add up to score(x) - score(x') but for the error of the rule (completeness).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage

from lib.explainers.network import DEFAULT_BYTES, class_positions, images_within, network_input, score_layer

NOISE_BASELINES = 2
"""Number of random baselines that the authors' code averaged over."""

SMOOTHING = 1 / 64
"""Standard deviation of the Gaussian that smooths the attributions of an image, as a share of its side."""

BLOCK = 64
"""Images whose attributions, of three channels, are held at a time where only their evidence is kept."""


@dataclass(frozen=True)
class Attributions:
    """Attributions of N images.

    Attributes:
        values: (N, S, S, 3) float32, signed, in units of the score.
        score: (N,) float32, the explained class score of the image.
        baseline_score: (N,) float32, that of the baseline (the mean over several).
    """

    values: np.ndarray
    score: np.ndarray
    baseline_score: np.ndarray

    @property
    def completeness_error(self) -> np.ndarray:
        """(N,) float64: |sum of attributions - (score - baseline score)| / |score - baseline score|."""
        total = self.values.sum(axis=(1, 2, 3), dtype=np.float64)
        change = self.score.astype(np.float64) - self.baseline_score
        return np.abs(total - change) / np.maximum(np.abs(change), np.finfo(np.float32).eps)


class IntegratedGradients:
    """Explains class scores by the pixels, many images and steps in one gradient call.

    Args:
        model: flat functional model, (N, S, S, 3) in 0..255 to class probabilities.
        steps: m.
        reading: "as_described": black baseline. "as_published": the mean over two baselines of uniform noise, and the
            image is rescaled once more before the model, which rescales it itself, as the authors' code did. Both
            explain the score before softmax.
        memory: bytes that the activations of one gradient call may take.

    Raises:
        ValueError: steps below 1 or unknown reading.
    """

    def __init__(self, model: keras.Model, steps: int = 50, reading: str = "as_described", memory: int = DEFAULT_BYTES):
        score_layer(model, reading)
        check_steps([steps])
        self.steps = steps
        self._scores = keras.Model(model.input, model.get_layer(score_layer(model)).output)
        self._rescale_first = model.get_layer("rescaling") if reading == "as_published" else None
        self._batch = images_within(self._scores, memory)
        shape = model.input_shape[1:]
        self._baselines = path_baselines(shape, reading)
        numbers, places = tf.TensorSpec((None,), tf.float32), tf.TensorSpec((None,), tf.int32)
        images, baseline, weights = (tf.TensorSpec(of, tf.float32) for of in ((None, *shape), shape, (None, None)))
        signature = [images, baseline, places, places, numbers, weights]
        self._compiled = tf.function(self._weighted_gradients, input_signature=signature)

    def __call__(self, images: np.ndarray, classes) -> Attributions:
        """Explains one class of each image.

        Args:
            images: (N, S, S, 1) or (N, S, S, 3), values 0..255.
            classes: (N,) positions of the explained classes, or one position for all.
        """
        return self.at_steps(images, classes, [self.steps])[self.steps]

    def maps(self, images: np.ndarray, classes) -> np.ndarray:
        """(N, S, S) `evidence` for one class of each image; arguments as `__call__`."""
        classes = np.broadcast_to(np.asarray(classes, dtype=np.int32), len(images))
        blocks = [slice(k, k + BLOCK) for k in range(0, len(images), BLOCK)]
        return np.concatenate([evidence(self(images[of], classes[of]).values) for of in blocks])

    def at_steps(self, images: np.ndarray, classes, steps: Sequence[int]) -> dict[int, Attributions]:
        """The same as a call for several m: coarse paths are subsets of the finest, whose gradients serve all.

        Images and classes are as in a call. Raises ValueError where an m does not divide the largest one.
        """
        check_steps(steps)
        images = network_input(images)
        classes = class_positions(classes, len(images), self._scores.output_shape[-1])
        runs = [self._along(images, baseline, classes, steps) for baseline in self._baselines]
        values, first, last = (np.mean(part, axis=0) for part in zip(*runs, strict=True))
        return {m: Attributions(values[:, k], last, first) for k, m in enumerate(steps)}

    def _along(self, images, baseline, classes, steps):
        """One baseline: (N, M, S, S, 3) attributions, (N,) scores of the baseline and of the images."""
        fractions, points = path_fractions(max(steps)), max(steps) + 1
        weights = np.stack([trapezoid_weights(m, max(steps)) for m in steps])
        sums = np.zeros((len(images), len(steps), *images.shape[1:]), np.float32)
        scores = np.zeros((len(images), points), np.float32)
        for start in range(0, len(images) * points, self._batch):
            pairs = np.arange(start, min(start + self._batch, len(images) * points))
            image, point = pairs // points, pairs % points
            here = slice(image[0], image[-1] + 1)
            owner = (image - image[0]).astype(np.int32)
            added, found = self._compiled(
                images[here], baseline, owner, classes[image], fractions[point], weights[:, point]
            )
            sums[here] += added.numpy()
            scores[image, point] = found.numpy()
        return (images - baseline)[:, None] * sums, scores[:, 0], scores[:, -1]

    def _weighted_gradients(self, images, baseline, owner, classes, fractions, weights):
        """Sums of weighted gradients, (n, M, S, S, 3), and scores (B,), of B points on the paths of n images.

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
        sums = tf.einsum("nb,mb,bhwc->nmhwc", belongs, weights, gradients, optimize="optimal")
        return sums, tf.cast(scores, tf.float32)


def evidence(attributions: np.ndarray, smoothing: float = SMOOTHING) -> np.ndarray:
    """(N, S, S) evidence for the explained class from (N, S, S, 3) signed attributions.

    The channels of a grey image are equal, so a pixel's attribution is their sum; its positive part speaks for the
    class, as the ReLU of Grad-CAM keeps what does. Smoothing joins the scattered pixels to regions that an eye, and
    the measures, can compare.
    """
    positive = np.maximum(np.asarray(attributions).sum(axis=-1), 0)
    sigma = smoothing * positive.shape[-1]
    return ndimage.gaussian_filter(positive, sigma=(0, sigma, sigma))


def path_baselines(shape: tuple[int, int, int], reading: str) -> list[np.ndarray]:
    """The starting images, each of `shape`, float32 in 0..255: one black, or the authors' code's two of noise."""
    if reading == "as_described":
        return [np.zeros(shape, np.float32)]
    generator = np.random.default_rng(1)
    return [generator.uniform(0, 255, shape).astype(np.float32) for _ in range(NOISE_BASELINES)]


def path_fractions(steps: int) -> np.ndarray:
    """(m + 1,) float32 equally spaced from 0, the baseline, to 1, the image."""
    return np.linspace(0, 1, steps + 1, dtype=np.float32)


def trapezoid_weights(steps: int, finest: int | None = None) -> np.ndarray:
    """(finest + 1,) float32 weights of the gradients at the points of the path with m = `finest`, with sum 1.

    They are 1/m inside, 1/(2m) at the two ends, and 0 at points that the path with m = `steps` leaves out.
    """
    finest = finest or steps
    weights = np.zeros(finest + 1, np.float32)
    weights[:: finest // steps] = 1 / steps
    weights[[0, -1]] /= 2
    return weights


def interpolate(images, baseline, fractions):
    """(B, S, S, C) points at fraction (B,) of the way from the baseline (S, S, C) to each of (B, S, S, C) images."""
    return baseline + tf.reshape(fractions, (-1, 1, 1, 1)) * (images - baseline)


def check_steps(steps: Sequence[int]) -> None:
    """Raises ValueError unless every m is a whole number from 1 that divides the largest."""
    wrong = [m for m in steps if m < 1 or max(steps) % m]
    if wrong or not len(steps):
        raise ValueError(f"steps: found {list(steps)}, expected whole numbers from 1 that divide the largest of them")
