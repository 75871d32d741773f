"""What changes when a network is trained, and what stays, bit by bit."""

import numpy as np
import pytest

from lib import models
from tests.models.conftest import STARTS

BOTH = pytest.mark.parametrize("tiny", ["resnet50v2", "covidnet"], indirect=True)


def images():
    return np.random.default_rng(2).uniform(0, 255, (4, 64, 64, 3)).astype("float32")


def changed_by_a_step(model, trained, inputs, learning_rate=0.01):
    """Paths of `model`'s variables that are not bit-identical any more after a step of `trained`."""
    before = [np.array(weight) for weight in model.weights]
    trained.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)  # one step: quicker than a graph
    trained.optimizer.learning_rate = learning_rate
    trained.train_on_batch(inputs, np.array([0, 1, 2, 1]))
    pairs = zip(before, model.weights, strict=True)
    return {weight.path for old, weight in pairs if not np.array_equal(old, np.array(weight))}


@BOTH
def test_the_two_parts_together_equal_the_whole_network(tiny):
    for first in ("logits", STARTS[tiny.name]):
        frozen, trained = models.split_at(tiny, first)
        whole = tiny(images(), training=False).numpy()
        # The same kernels run in the same order; 1e-5 allows for another fusion of operations.
        np.testing.assert_allclose(trained(frozen(images(), training=False)), whole, rtol=1e-5, atol=1e-6)


@BOTH
def test_a_step_on_the_second_part_changes_its_weights_but_no_moving_statistic_and_nothing_else(tiny):
    first = STARTS[tiny.name]
    models.freeze_below(tiny, first)
    frozen, trained = models.split_at(tiny, first)
    found = changed_by_a_step(tiny, trained, frozen(images(), training=False))
    names = [layer.name for layer in tiny.layers]
    above = set(names[names.index(first) :])
    assert {layer.name for layer in tiny.layers if layer.trainable} == above
    assert {path.split("/")[0] for path in found} <= above
    assert not any("moving" in path for path in found)
    weights = {v.path for layer in tiny.layers if layer.name in above for v in layer.trainable_variables}
    offsets_before_normalisation = {f"fc{n}/bias" for n in (1, 2)}  # a step may leave these: their gradient is small
    assert weights - found <= offsets_before_normalisation


@BOTH
def test_moving_statistics_stay_in_inference_mode_although_scales_are_trained(tiny):
    found = changed_by_a_step(tiny, models.inference_mode(tiny), images())
    assert not any("moving" in path for path in found)
    assert any("gamma" in path for path in found)


@BOTH
def test_every_moving_statistic_changes_when_training_from_scratch(tiny):
    moving = {weight.path for weight in tiny.weights if "moving" in weight.path}
    assert moving
    assert moving <= changed_by_a_step(tiny, tiny, images())


def test_training_from_scratch_as_published_leaves_the_pepx_stages_as_they_were():
    model = models.build("covidnet", 64, pepx="as_published")
    found = {path.split("/")[0] for path in changed_by_a_step(model, model, images(), learning_rate=1e-4)}
    assert not any(name.startswith("stage") for name in found)
    assert {"conv1", "fc1", "fc2", "logits"} <= found


def test_the_parts_of_chained_shortcuts_together_equal_the_whole_network():
    model = models.build("covidnet", 64, pepx_blocks=(1, 1, 1, 1), shortcuts="as_described", seed=3)
    frozen, trained = models.split_at(model, "stage4_pepx1_project1")
    assert sorted(tensor.shape[1] for tensor in frozen.outputs) == [2, 4]  # stage 4's input, and stage 3's shortcut
    np.testing.assert_allclose(trained(frozen(images())), model(images()), rtol=1e-5, atol=1e-6)


def test_convolutions_are_counted_from_the_first_trained_layer_on():
    model = models.build("covidnet", 32, pepx_blocks=(1, 1, 1, 1))
    every = 1 + 4 * 6  # conv1; in each stage a shortcut and the five of a block
    assert models.convolutions(model, "conv1") == (every, every)
    assert models.convolutions(model, "stage4_pepx1_project1") == (6, every)
    assert models.convolutions(model, "fc1") == (0, every)


def test_residual_connections_cross_the_boundary_as_tensors_of_their_own():
    model = models.build("resnet50v2", 64)
    frozen, trained = models.split_at(model, "conv4_block6_3_conv")
    assert [tensor.shape[1:] for tensor in frozen.outputs] == [tensor.shape[1:] for tensor in trained.inputs]
    assert sorted(tensor.shape[-1] for tensor in frozen.outputs) == [256, 1024]
