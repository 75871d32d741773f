"""How fast the explanations are, beside a loop of single gradient calls and beside xplique.

Rows for `results/bench/bench.csv`: name, ratio (the other's seconds divided by ours, so above 1 we are faster), low and
high (its smallest and largest value in the rounds), equal (whether both gave the same explanations, within float32).
Both sides run in one process, take turns, and are called once before the clock starts.
"""

import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from lib import models
from lib.explainers.grad_cam import GradCam, channel_weights, weighted_map
from lib.explainers.integrated_gradients import IntegratedGradients
from lib.explainers.network import network_input

TOLERANCE = 1e-2
"""Largest difference, relative to the largest attribution, that counts as equal.

Where rounding puts a point of the path on the other side of a ReLU's kink, that point's whole gradient differs.
"""


def bench_rows(images: int = 16, size: int = 64, steps: int = 50, rounds: int = 5, seed: int = 1) -> list[dict]:
    """Times Grad-CAM and Integrated Gradients on a randomly initialised ResNet50V2.

    Args:
        images: number of explained images.
        size: pixels a side.
        steps: m.
        rounds: how often each pair is timed (the loop of single gradient calls, which takes long, twice at most).
        seed: of the network and the images.

    Returns:
        rows as dicts; those beside xplique only where it is installed (it comes with the test dependencies).
    """
    model = models.build("resnet50v2", size, seed=seed)
    layer = models.LAST_CONVOLUTION["resnet50v2"]
    generator = np.random.default_rng(seed)
    pixels = network_input(generator.integers(0, 256, (images, size, size, 1)))
    classes = generator.integers(0, 3, images).astype(np.int32)
    gradients, cam = IntegratedGradients(model, steps), GradCam(model, layer)

    def attribute(pixels, classes):
        return gradients(pixels, classes).values

    cams, paths = f"Grad-CAM, {images} images", f"Integrated Gradients, {images} images, m = {steps}"
    pairs = [
        (f"{cams}: batched against one call an image", cam.coarse, single_grad_cams(model, layer), 3 * rounds),
        (
            f"{paths}: batched against one call a step and image",
            attribute,
            single_gradients(model, steps),
            min(2, rounds),
        ),
    ]
    if (others := xplique_explainers(model, layer, steps)) is not None:
        theirs, their_cams = others
        pairs.append((f"{paths}: against xplique", attribute, theirs, rounds))
        pairs.append((f"{cams}: against xplique", cam, their_cams, 3 * rounds))
    rows = [compare(name, ours, other, pixels, classes, often) for name, ours, other, often in pairs]
    for row in rows:
        if row["name"] == f"{cams}: against xplique":
            # xplique enlarges the maps by bicubic interpolation and we by bilinear: they differ by definition
            row["equal"] = None
    return rows


def compare(name: str, ours: Callable, other: Callable, pixels: np.ndarray, classes: np.ndarray, rounds: int) -> dict:
    """One row: both called in turn `rounds` times on all images, after an untimed call, which may trace.

    Args:
        name: of the row.
        ours: (images, classes) to an array.
        other: the same.
        pixels: (N, S, S, 3) float32.
        classes: (N,) int32.
        rounds: at least 1.
    """
    ratios = []
    for call in (ours, other):
        call(pixels, classes)  # on all images: a graph may be traced for each number of them
    for number in range(rounds):
        seconds, results = {}, {}
        for who, call in ((0, ours), (1, other)) if number % 2 else ((1, other), (0, ours)):
            start = time.perf_counter()
            results[who] = call(pixels, classes)
            seconds[who] = time.perf_counter() - start
        ratios.append(seconds[1] / seconds[0])
    difference = np.abs(results[0] - results[1]).max()
    return {
        "name": name,
        "ratio": float(np.median(ratios)),
        "low": min(ratios),
        "high": max(ratios),
        "equal": bool(difference <= TOLERANCE * np.abs(results[1]).max()),
    }


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


def xplique_explainers(model: keras.Model, layer: str, steps: int) -> tuple[Callable, Callable] | None:
    """xplique's Integrated Gradients (N, S, S, 3) and Grad-CAM (N, S, S), or None where it is not installed."""
    try:
        from xplique.attributions import GradCAM
        from xplique.attributions import IntegratedGradients as Theirs
    except ImportError:
        return None
    # xplique 2.0 ignores its `output_layer` in these two explainers, so it gets a model that ends at the class scores
    scores = keras.Model(model.inputs, model.get_layer("logits").output)
    # xplique's `steps` counts the points of the path, ours the steps between them
    path = Theirs(scores, batch_size=64, steps=steps + 1, reducer=None)
    cam = GradCAM(scores, batch_size=64, conv_layer=layer)

    def wanted(classes):
        return np.eye(model.output_shape[-1], dtype=np.float32)[classes]

    return (
        lambda images, classes: path.explain(images, wanted(classes)).numpy(),
        lambda images, classes: cam.explain(images, wanted(classes)).numpy()[..., 0],
    )
