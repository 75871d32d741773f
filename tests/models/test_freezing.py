"""What changes when a network is trained, and what stays, bit by bit."""

import keras
import numpy as np
import pytest

from lib import models

BOTH = pytest.mark.parametrize("tiny", ["resnet50v2", "covidnet"], indirect=True)


def images(count=4, size=64):
    return np.random.default_rng(2).uniform(0, 255, (count, size, size, 3)).astype("float32")


def snapshot(model):
    return {variable.path: np.array(variable) for layer in model.layers for variable in layer.variables}


def changed(before, model):
    """Paths of the variables that are not bit-identical any more."""
    after = snapshot(model)
    return {path for path in before if not np.array_equal(before[path], after[path])}


def train_step(model, inputs, learning_rate=0.01):
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)  # one step: quicker than tracing a graph
    model.optimizer.learning_rate = learning_rate
    model.train_on_batch(inputs, np.array([0, 1, 2, 1]))


def layers_from(model, first):
    names = [layer.name for layer in model.layers]
    return set(names[names.index(first) :])


@BOTH
def test_freezing_leaves_exactly_the_layers_from_the_boundary_on(tiny):
    first = models.FINE_TUNING_STARTS[tiny.name]
    models.freeze_below(tiny, first)
    assert {layer.name for layer in tiny.layers if layer.trainable} == layers_from(tiny, first)


@BOTH
def test_the_two_parts_together_equal_the_whole_network(tiny):
    for first in ("logits", models.FINE_TUNING_STARTS[tiny.name]):
        frozen, trained = models.split_at(tiny, first)
        whole = tiny(images(), training=False).numpy()
        # The same kernels run in the same order; 1e-5 allows for another fusion of operations.
        np.testing.assert_allclose(trained(frozen(images(), training=False)), whole, rtol=1e-5, atol=1e-6)


def changed_by_a_step_on_the_second_part(tiny):
    first = models.FINE_TUNING_STARTS[tiny.name]
    models.freeze_below(tiny, first)
    frozen, trained = models.split_at(tiny, first)
    before = snapshot(tiny)
    train_step(trained, frozen(images(), training=False))
    return changed(before, tiny)


@BOTH
def test_a_step_on_the_second_part_changes_its_weights_and_nothing_else(tiny):
    found = changed_by_a_step_on_the_second_part(tiny)
    above = layers_from(tiny, models.FINE_TUNING_STARTS[tiny.name])
    assert {path.split("/")[0] for path in found} <= above
    weights = {v.path for layer in tiny.layers if layer.name in above for v in layer.trainable_variables}
    offsets_before_normalisation = {f"fc{n}/bias" for n in (1, 2)}  # a step may leave these: their gradient is small
    assert weights - found <= offsets_before_normalisation


@BOTH
def test_moving_statistics_stay_while_fine_tuning(tiny):
    assert not any("moving" in path for path in changed_by_a_step_on_the_second_part(tiny))


@BOTH
def test_moving_statistics_stay_in_inference_mode_although_scales_are_trained(tiny):
    before = snapshot(tiny)
    train_step(models.inference_mode(tiny), images())
    found = changed(before, tiny)
    assert not any("moving" in path for path in found)
    assert any("gamma" in path for path in found)


@BOTH
def test_every_moving_statistic_changes_when_training_from_scratch(tiny):
    before = snapshot(tiny)
    train_step(tiny, images())
    moving = {path for path in before if "moving" in path}
    assert moving
    assert moving <= changed(before, tiny)


def test_training_from_scratch_as_published_leaves_the_pepx_stages_as_they_were():
    model = models.build("covidnet", 64, pepx="as_published")
    before = snapshot(model)
    train_step(model, images(), learning_rate=1e-4)
    found = {path.split("/")[0] for path in changed(before, model)}
    assert not any(name.startswith("stage") for name in found)
    assert {"conv1", "fc1", "fc2", "logits"} <= found


def test_residual_connections_cross_the_boundary_as_tensors_of_their_own():
    model = models.build("resnet50v2", 64)
    frozen, trained = models.split_at(model, "conv4_block6_3_conv")
    assert [tensor.shape[1:] for tensor in frozen.outputs] == [tensor.shape[1:] for tensor in trained.inputs]
    assert sorted(tensor.shape[-1] for tensor in frozen.outputs) == [256, 1024]


def test_the_parts_share_the_models_weights():
    model = models.build("resnet50v2", 64)
    frozen, trained = models.split_at(model, "logits")
    features = frozen(images(2))
    model.get_layer("logits").kernel.assign(np.zeros((2048, 3)))
    np.testing.assert_allclose(trained(features), np.full((2, 3), 1 / 3), atol=1e-6)
    assert isinstance(trained.get_layer("logits"), keras.layers.Dense)
