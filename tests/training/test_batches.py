import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from lib import models
from lib.paths import ROOT
from lib.training.augment import Ranges
from lib.training.batches import Examples, FromPixels, class_weights
from lib.training.stage import Adam
from tests.training.conftest import augmented_by_tensorflow, small_network


@pytest.fixture
def examples():
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((10, 4, 4, 1), np.uint8)
    positions = np.array([1, 3, 4, 7, 9])
    return Examples([images], positions, np.array([0, 1, 2, 1, 0]), 3)


def collect(data):
    return [np.concatenate(part) for part in zip(*[[x.numpy() for x in batch] for batch in data], strict=True)]


def test_prediction_batches_keep_order_and_images_as_they_are_stored(examples):
    (inputs,) = collect(examples.ordered(2))
    assert inputs.dtype == np.uint8
    np.testing.assert_array_equal(inputs, examples.arrays[0][[1, 3, 4, 7, 9]])


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_hold_bytes_and_seven_draws_an_image(channels):
    examples = Examples([np.zeros((6, 8, 8, channels), np.uint8)], np.arange(6), np.arange(6) % 2, 2)
    (images, draws), labels, weights = examples.shuffled(4, seed=1, epoch=1, augmented=True).element_spec
    assert (images.dtype, tuple(images.shape)) == (np.uint8, (None, 8, 8, channels))
    assert [tuple(spec.shape) for spec in (draws, labels, weights)] == [(None, 7), (None, 2), (None,)]
    assert examples.shuffled(4, seed=1, epoch=1).element_spec[0] == examples.ordered(4).element_spec[0] == images


def test_an_epoch_holds_every_image_once_with_its_label_and_weight(examples):
    weights = np.array([2.0, 1.0, 0.5], np.float32)
    inputs, targets, factors = collect(examples.shuffled(2, seed=1, epoch=1, weights=weights))
    order = np.argsort(inputs[:, 0, 0, 0])
    np.testing.assert_array_equal(inputs[order, 0, 0, 0], [1, 3, 4, 7, 9])
    np.testing.assert_array_equal(targets[order].argmax(axis=1), [0, 1, 2, 1, 0])
    np.testing.assert_array_equal(factors[order], [2.0, 1.0, 0.5, 1.0, 2.0])


def test_epochs_differ_in_order_and_repeat_exactly(examples):
    first, again, second = (collect(examples.shuffled(2, seed=1, epoch=e))[0] for e in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def noisy(count=21, side=8):
    images = np.random.default_rng(0).integers(0, 256, (count, side, side, 1), dtype=np.uint8)
    return Examples([images], np.arange(count), np.arange(count) % 3, 3)


def test_augmented_epochs_repeat_exactly_and_every_batch_and_epoch_has_its_own_draws():
    first, again, second = (list(noisy().shuffled(7, seed=1, epoch=epoch, augmented=True)) for epoch in (1, 1, 2))
    for one, other in zip(first, again, strict=True):
        for mine, theirs in zip(one[0], other[0], strict=True):
            np.testing.assert_array_equal(mine, theirs)
    drawn = [inputs[1].numpy() for inputs, _, _ in (*first, *second)]
    assert len(np.unique(np.concatenate(drawn), axis=0)) == 2 * 21


@pytest.fixture
def as_on_a_cpu():
    """Graphs run as they are written, as `hardware.configure` has it on CPUs: constant folding reorders products."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})


@pytest.mark.usefixtures("as_on_a_cpu")
@pytest.mark.parametrize(
    ("policy", "brightness", "mode"),
    [
        ("float32", "as_described", lambda network: network),
        ("float32", "as_published", models.inference_mode),
        ("mixed_float16", "as_described", models.inference_mode),
    ],
)
def test_training_on_bytes_equals_training_on_images_that_the_host_augments(policy, brightness, mode):
    """Bit for bit, over two epochs whose last batch is smaller."""
    examples, weights, size = noisy(), np.array([2.0, 1.0, 0.5], np.float32), 8
    keras.config.set_dtype_policy(policy)
    try:
        ours, theirs = small_network(), small_network()
    finally:
        keras.config.set_dtype_policy("float32")
    ranges = Ranges(brightness=brightness)
    fed, plain = FromPixels(mode(ours), ranges), mode(theirs)
    for model in (fed, plain):
        model.compile(Adam(0.01), "categorical_crossentropy", jit_compile=False)
    for epoch in (1, 2):
        batches = examples.shuffled(size, seed=3, epoch=epoch, weights=weights, augmented=True)
        fed.fit(batches, shuffle=False, verbose=0)
        order = np.random.default_rng([3, epoch]).permutation(len(examples))
        for number, rows in enumerate(np.split(order, range(size, len(order), size))):
            seed, labels = [3, number + epoch * 1_000_003], examples.labels[rows]
            images = augmented_by_tensorflow(examples.arrays[0][rows], seed, ranges)
            plain.train_on_batch(images, np.eye(3, dtype=np.float32)[labels], weights[labels])
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    predicted = plain.predict(models.network_input(examples.arrays[0]), verbose=0)
    np.testing.assert_array_equal(fed.predict(examples.ordered(32), verbose=0), predicted)


def test_a_network_with_a_penalty_trains_in_xla_on_augmented_bytes():
    """The first epoch's loss is the cross entropy plus the penalty, which a step of 1e-6 hardly changes."""
    network = small_network()
    kernel = network.get_layer("logits").kernel
    kernel.regularizer = keras.regularizers.L2(100.0)
    before, penalty = kernel.numpy(), 100.0 * float((kernel.numpy() ** 2).sum())
    trained = FromPixels(models.inference_mode(network))
    trained.compile(Adam(1e-6), "categorical_crossentropy", metrics=["categorical_crossentropy"], jit_compile=True)
    fitted = trained.fit(noisy().shuffled(8, seed=1, epoch=1, augmented=True), shuffle=False, verbose=0).history
    assert fitted["loss"][0] == pytest.approx(fitted["categorical_crossentropy"][0] + penalty, rel=1e-3)
    assert (kernel.numpy() != before).any()


def test_the_network_that_is_saved_is_the_one_that_takes_three_float_channels(tmp_path):
    network = small_network()
    trained = FromPixels(network)
    trained.compile(Adam(0.01), "categorical_crossentropy")
    trained.fit(noisy().shuffled(8, seed=1, epoch=1), shuffle=False, verbose=0)
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert loaded.input_shape == (None, 8, 8, 3)
    images = models.network_input(noisy().arrays[0])
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), network.predict(images, verbose=0))


MIRRORED = """
import os, sys
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
import tensorflow as tf
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0],
                                           [tf.config.LogicalDeviceConfiguration()] * 2)
from lib import hardware
hardware.configure(seed=1)
import numpy as np
from lib import models
from lib.training.batches import FromPixels
from lib.training.stage import Adam
from tests.training.conftest import small_network
from tests.training.test_batches import noisy

def trained():
    network = small_network()
    model = FromPixels(models.inference_mode(network))
    model.compile(Adam(0.01), "categorical_crossentropy", jit_compile=False)
    for epoch in (1, 2):
        model.fit(noisy(24).shuffled(8, seed=1, epoch=epoch, augmented=True), shuffle=False, verbose=0)
    return network.get_weights()

alone = trained()
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    mirrored = trained()
print(max(np.abs(one - other).max() for one, other in zip(alone, mirrored, strict=True)))
"""


def test_two_devices_divide_a_batch_and_its_draws_and_end_where_one_does():
    """Rounding grows a little over 6 steps of Adam at rate 0.01; other draws would move weights by about 0.01."""
    done = subprocess.run([sys.executable, "-c", MIRRORED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout.split()[-1]) < 1e-4


def test_stored_activations_pass_unchanged_and_together():
    arrays = [np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32), np.ones((6, 2, 2), np.float32)]
    examples = Examples(arrays, np.array([5, 0]), np.array([1, 0]), 2)
    ((first, second),) = next(iter(examples.ordered(2)))
    np.testing.assert_array_equal(first, arrays[0][[5, 0]])
    assert second.shape == (2, 2, 2)


def test_class_weights_of_equation_1_by_hand():
    # n = (1, 2, 3), sum 6, K = 3: w_k = (1 / n_k) (6 / 3)
    np.testing.assert_allclose(class_weights(np.array([0, 1, 1, 2, 2, 2]), 3), [2.0, 1.0, 2 / 3], rtol=1e-7)


def test_a_class_without_images_is_named():
    with pytest.raises(ValueError, match="no training images of class 2"):
        class_weights(np.array([0, 1]), 3)
