"""How fast the explanations are, beside a loop of single gradient calls and beside xplique.

Both ways gave equal explanations if they agree within float32's rounding.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from lib import models
from lib.explainers.grad_cam import GradCam, channel_weights, weighted_map
from lib.explainers.integrated_gradients import IntegratedGradients
from lib.models import network_input
from workflow.bench.measure import compare_speed

TOLERANCE = 1e-2
"""Largest difference, relative to the largest attribution, that counts as equal.

Where rounding puts a point of the path on the other side of a ReLU's kink, that point's whole gradient differs.
"""


def explanation_rows(images: int = 16, size: int = 64, steps: int = 50, rounds: int = 5) -> list[dict]:
    """Times Grad-CAM and Integrated Gradients, with `steps` as m, on a randomly initialised ResNet50V2.

    The loop of single gradient calls takes long: it is timed twice at most. Rows beside xplique are there only where it
    is installed (it comes with the test dependencies).
    """
    model = models.build("resnet50v2", size, seed=1)
    layer = models.LAST_CONVOLUTION["resnet50v2"]
    generator = np.random.default_rng(1)
    pixels = network_input(generator.integers(0, 256, (images, size, size, 1)))
    classes = generator.integers(0, 3, images).astype(np.int32)
    gradients, cam = IntegratedGradients(model, steps), GradCam(model, layer)

    def measured(name, ours, plain, often, same=agree):
        return compare_speed(name, lambda: ours(pixels, classes), lambda: plain(pixels, classes), often, same)

    def attribute(*asked):
        return gradients(*asked).values

    cams, paths = f"Grad-CAM, {images} images", f"Integrated Gradients, {images} images, m = {steps}"
    each, every = "batched against one call an image", "batched against one call a step and image"
    rows = [
        measured(f"{cams}: {each}", cam.signed, single_grad_cams(model, layer), 3 * rounds),
        measured(f"{paths}: {every}", attribute, single_gradients(model, steps), min(2, rounds)),
    ]
    try:
        from tests.explainers.theirs import xplique_explainers

        theirs, their_cams = xplique_explainers(model, layer, steps)
    except ImportError:
        return rows
    # xplique enlarges the maps by bicubic interpolation and we by bilinear: they differ by definition
    return [
        *rows,
        measured(f"{paths}: against xplique", attribute, theirs, rounds),
        measured(f"{cams}: against xplique", cam, their_cams, 3 * rounds, None),
    ]


def agree(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return bool(np.abs(ours - theirs).max() <= TOLERANCE * np.abs(theirs).max())


def single_gradients(model: keras.Model, steps: int) -> Callable:
    """Integrated Gradients as a plain loop: one gradient call a step and image (compiled, unlike the authors')."""
    scores = keras.Model(model.inputs, model.get_layer("logits").output)

    @tf.function(input_signature=[tf.TensorSpec((1, *model.input_shape[1:])), tf.TensorSpec((), tf.int32)])
    def gradient(point, wanted):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(point)
            score = scores(point, training=False)[0, wanted]
        return tape.gradient(score, point)[0]

    def explain(images, classes):
        fractions = np.linspace(0, 1, steps + 1, dtype=np.float32)
        found = []
        for image, wanted in zip(images, classes, strict=True):
            path = np.stack([gradient(f * image[None], wanted).numpy() for f in fractions])
            found.append(image * ((path[:-1] + path[1:]) / 2).mean(axis=0))
        return np.stack(found)

    return explain


def single_grad_cams(model: keras.Model, layer: str) -> Callable:
    """Grad-CAM as a plain loop: one call an image, with the gradient taken through one model of both outputs."""
    both = keras.Model(model.inputs, [model.get_layer(layer).output, model.get_layer("logits").output])

    @tf.function(input_signature=[tf.TensorSpec((1, *model.input_shape[1:])), tf.TensorSpec((), tf.int32)])
    def coarse(image, wanted):
        with tf.GradientTape() as tape:
            maps, scores = both(image, training=False)
            score = scores[0, wanted]
        return weighted_map(maps, channel_weights(tape.gradient(score, maps)))[0]

    return lambda images, classes: np.stack(
        [coarse(image[None], wanted).numpy() for image, wanted in zip(images, classes, strict=True)]
    )
