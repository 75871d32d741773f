"""How much faster training is than the plain way.

Epochs of one way cost the same, so the plain way measures a few and counts for all; one unmeasured epoch before the
clock starts takes the tracing of both.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import keras
import numpy as np
import tensorflow as tf

from lib import models
from lib.models import network_input
from lib.paths import ROOT
from lib.training.activations import stored_activations
from lib.training.augment import augment, draw
from lib.training.batches import Examples, FromPixels
from lib.training.stage import Adam, predict
from workflow.bench.measure import FED, compare_speed, ratio_row, seconds

BATCH = 32
TIMED_EPOCHS = 5
"""Epochs on stored activations that are timed; more are counted as such."""

CONSTANT = "one batch in memory"
MAKING = "training steps against reading"

PINNED = (
    "ONEDNN_MAX_CPU_ISA",
    "NPY_DISABLE_CPU_FEATURES",
    "OPENBLAS_CORETYPE",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
"""What `hardware.pin` sets, which a process would inherit from this one."""

TOLERANCE = 1e-3
"""Largest difference of probabilities that float32 rounding in differently composed batches may grow to in training."""


def training_rows(images: int = 256, size: int = 224, rounds: int = 3) -> Iterator[dict]:
    """All rows about training, each as soon as it is measured; at the paper's image size unless told otherwise."""
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (images, size, size, 1), dtype=np.uint8)
    labels = np.arange(images) % 3
    data = Examples([pixels], np.arange(images), labels, 3)
    yield augmentation("augmentation against Keras's image-by-image functions (scipy)", pixels[:64], rounds)
    yield frozen_part("linear stage, 30 epochs: stored activations against plain", data, "logits", 30, 1e-4, rounds)
    fine_tuned = "fine-tuning, 10 epochs: stored activations against plain"
    yield frozen_part(fine_tuned, data, "conv4_block6_3_conv", 10, 1e-6, rounds)
    fed = {
        False: "input pipeline against one constant batch",
        True: "input pipeline with augmentation against one constant batch",
    }
    yield from pipelines(fed, data, rounds)
    yield from feeding(data, rounds)
    yield from optimisers()


def frozen_part(name: str, data: Examples, first: str, epochs: int, rate: float, rounds: int) -> dict:
    """A stage on stored activations, computing and storing them included, against `model.fit` on the whole network."""

    def network():
        model = models.build("resnet50v2", data.arrays[0].shape[1], seed=1)
        models.freeze_below(model, first)
        return model

    def epoch(model, examples, number):
        model.fit(examples.shuffled(BATCH, seed=1, epoch=number), epochs=1, shuffle=False, verbose=0)

    whole = FromPixels(models.inference_mode(network()))
    frozen, trained = models.split_at(network(), first)
    for model in (whole, trained):
        model.compile(Adam(rate), "categorical_crossentropy", jit_compile=False)
    with tempfile.TemporaryDirectory() as folder:
        arrays = stored_activations(frozen, data, Path(folder) / "warm", BATCH)
        stored = Examples(arrays, data.positions, data.labels, data.classes)
        epoch(whole, data, 1)
        epoch(trained, stored, 1)
        equal = np.abs(predict(whole, data, BATCH) - predict(trained, stored, BATCH)).max() < TOLERANCE
        ratios = []
        for number in range(rounds):
            plain = seconds(lambda: epoch(whole, data, 2)) * epochs
            store = Path(folder) / str(number)
            ours = seconds(lambda: stored_activations(frozen, data, store, BATCH))  # noqa: B023
            timed = min(epochs, TIMED_EPOCHS)
            ours += seconds(lambda: [epoch(trained, stored, 2 + e) for e in range(timed)]) * epochs / timed  # noqa: B023
            ratios.append(plain / ours)
    return ratio_row(name, ratios, bool(equal))


def pipelines(names: dict[bool, str], data: Examples, rounds: int) -> list[dict]:
    """Training from scratch fed by tf.data, as a share of the speed of the same steps on one batch in memory.

    A round trains on the images once with every way of feeding: on one half of them in one order of the ways, on the
    other half in the opposite order, so that a machine that slows down or speeds up favours none. Where steps take
    seconds, its noise is still larger than what feeding costs; so the pipeline is also timed alone, and the steps'
    seconds over its own bound that cost: at a ratio of 100, it can take no more than 1 % of the time. `names` are those
    of the rows by augmentation; the number of images is a multiple of 64.
    """
    model = FromPixels(models.build("resnet50v2", data.arrays[0].shape[1], seed=1))
    model.compile(Adam(1e-4), "categorical_crossentropy", jit_compile=False)
    batch = next(iter(data.shuffled(BATCH, seed=1, epoch=1)))
    constant = tf.data.Dataset.from_tensors(batch).with_options(data.ordered(BATCH).options())
    parts = zip(np.array_split(data.positions, 2), np.array_split(data.labels, 2), strict=True)
    halves = [replace(data, positions=positions, labels=labels) for positions, labels in parts]

    def fit(fed):
        return seconds(lambda: model.fit(fed, epochs=1, shuffle=False, verbose=0))

    for way in names:  # the step is traced here
        fit(data.shuffled(BATCH, seed=1, epoch=1, augmented=way).take(1))
    ratios, makings = {way: [] for way in names}, {way: [] for way in names}
    for number in range(rounds):
        alone, fed = 0.0, dict.fromkeys(names, 0.0)
        for half, ways in zip(halves, ([CONSTANT, *names], [*reversed(names), CONSTANT]), strict=True):
            for way in ways:
                if way == CONSTANT:
                    alone += fit(constant.repeat(len(half) // BATCH))
                else:
                    fed[way] += fit(half.shuffled(BATCH, seed=1, epoch=number + 1, augmented=way))
        for way, spent in fed.items():
            ratios[way].append(alone / spent)
            batches = data.shuffled(BATCH, seed=1, epoch=number + 1, augmented=way)
            makings[way].append(alone / seconds(lambda: list(batches)))  # noqa: B023
    rows = [ratio_row(names[way], of) for way, of in ratios.items()]
    return rows + [
        ratio_row(f"{MAKING} their images{' and drawing augmentations' * way}", of) for way, of in makings.items()
    ]


def feeding(data: Examples, rounds: int, images: int = 16_384) -> list[dict]:
    """Images a second of processor time that the host makes batches of, an epoch's start included, in units of FED.

    Args:
        data: the images, read again and again.
        rounds: epochs that are timed, after one that is not.
        images: of an epoch; the paper's has 11,201.
    """
    rows = np.arange(images) % len(data)
    epoch = replace(data, positions=data.positions[rows], labels=data.labels[rows])
    rates = {False: [], True: []}
    for number in range(rounds + 1):
        for way, of in rates.items():
            start = time.process_time()
            for _ in epoch.shuffled(BATCH, seed=1, epoch=number + 1, augmented=way):
                pass
            of.append(images / (time.process_time() - start) / FED)
    name = f"images a second that a core feeds, in units of {FED:,}"
    return [ratio_row(name + ", with augmentation" * way, of[1:]) for way, of in rates.items()]


def augmentation(name: str, pixels: np.ndarray, rounds: int) -> dict:
    """One affine map a batch against the functions that the authors called: three warps and a brightness, by image."""
    from keras.src.legacy.preprocessing import image as legacy

    images = network_input(pixels)
    placed = {"row_axis": 0, "col_axis": 1, "channel_axis": 2, "fill_mode": "constant", "cval": 0.0}

    def image_by_image():
        for image in images:
            turned = legacy.random_rotation(image, 10, **placed)
            moved = legacy.random_shift(turned, 0.1, 0.1, **placed)
            scaled = legacy.random_zoom(moved, (0.85, 1.15), **placed)
            legacy.random_brightness(scaled[:, ::-1], (0.9, 1.1))

    batchwise = tf.function(lambda batch, seed: network_input(augment(batch, draw(len(batch), seed))))

    def ours():
        for start in range(0, len(pixels), BATCH):
            batchwise(tf.constant(pixels[start : start + BATCH]), tf.constant([1, start])).numpy()

    return compare_speed(name, ours, image_by_image, rounds)


def optimisers(steps: int = 10, rounds: int = 2, size: int = 64, batch: int = 8) -> list[dict]:
    """Training ResNet50V2 with the fused Adam against Keras's: the first step, which is traced, and later ones."""
    ratios = {"tracing the first training step": [], "one training step": []}
    for number in range(rounds):
        spent = {}
        for kind in (Adam, keras.optimizers.Adam)[:: -1 if number % 2 else 1]:
            spent[kind] = step_seconds(kind(1e-4), steps, size, batch)
        for of, plain, ours in zip(ratios.values(), spent[keras.optimizers.Adam], spent[Adam], strict=True):
            of.append(plain / ours)
    return [ratio_row(f"{name}: fused Adam against Keras's", of) for name, of in ratios.items()]


def step_seconds(optimizer: keras.Optimizer, steps: int, size: int = 64, batch: int = 32) -> tuple[float, float]:
    """Seconds of ResNet50V2's first training step, which is traced, and the median of `steps` later ones."""
    generator = np.random.default_rng(1)
    images = network_input(generator.integers(0, 256, (batch, size, size, 1)))
    labels = np.eye(3, dtype=np.float32)[np.arange(batch) % 3]
    model = models.build("resnet50v2", size, seed=1)
    model.compile(optimizer, "categorical_crossentropy", jit_compile=False)
    first, *later = [seconds(lambda: model.train_on_batch(images, labels)) for _ in range(1 + steps)]
    return first, median(later)


STEP = """
from lib import hardware
hardware.configure(instruction_set={!r}, threads={})
from workflow.bench import training
print(training.step_seconds(training.Adam(1e-4), steps=5)[1])
"""


def step_in_a_process(instruction_set: str, threads: int) -> float:
    """Seconds of a training step in a process of its own, since TensorFlow reads these settings when it is loaded."""
    kept = {name: value for name, value in os.environ.items() if name not in PINNED}
    command = [sys.executable, "-c", STEP.format(instruction_set, threads)]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def pinning(rounds: int = 2, step: Callable[[str, int], float] = step_in_a_process) -> list[dict]:
    """What equal bytes on every machine cost: a training step with the pinned settings against faster ones."""
    others = {"instruction_set avx2 against native": ("native", 1), "one thread against all cores": ("avx2", 0)}
    ratios = {name: [] for name in others}
    for number in range(rounds):
        ways = [("avx2", 1), *others.values()][:: -1 if number % 2 else 1]
        spent = {way: step(*way) for way in ways}
        for name, way in others.items():
            ratios[name].append(spent[way] / spent["avx2", 1])
    return [ratio_row(f"one training step: {name}", of) for name, of in ratios.items()]
