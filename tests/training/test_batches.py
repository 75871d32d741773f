import numpy as np
import pytest

from lib.training.batches import Examples, class_weights


@pytest.fixture
def examples():
    images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((10, 4, 4, 1), np.uint8)
    positions = np.array([1, 3, 4, 7, 9])
    return Examples([images], positions, np.array([0, 1, 2, 1, 0]), 3)


def collect(data):
    return [np.concatenate(part) for part in zip(*[[x.numpy() for x in batch] for batch in data], strict=True)]


def test_prediction_batches_keep_order_and_images_and_repeat_grey_levels(examples):
    (inputs,) = collect(examples.ordered(2))
    assert inputs.dtype == np.float32
    np.testing.assert_array_equal(inputs, np.repeat(examples.arrays[0][[1, 3, 4, 7, 9]], 3, axis=3))


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


def test_augmented_epochs_change_images_and_repeat_exactly():
    images = np.random.default_rng(0).integers(0, 255, (8, 16, 16, 1), dtype=np.uint8)
    examples = Examples([images], np.arange(8), np.zeros(8, int), 3)
    plain = collect(examples.shuffled(4, seed=1, epoch=1))[0]
    first, again, second = (
        collect(examples.shuffled(4, seed=1, epoch=e, augmentation="as_described"))[0] for e in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - plain).max() > 1
    assert np.abs(first - second).max() > 1


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
