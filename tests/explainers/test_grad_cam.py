"""Grad-CAM against arithmetic by hand."""

import keras
import numpy as np
import pytest

from lib.explainers import grad_cam
from lib.explainers.grad_cam import GradCam
from tests.explainers import networks


def test_map_is_the_sum_weighted_by_the_mean_gradient_of_each_channel():
    gradients = np.zeros((1, 2, 2, 2), np.float32)
    gradients[0, :, :, 0] = [[1, 2], [3, 6]]
    gradients[0, :, :, 1] = [[-4, 0], [0, 0]]
    weights = grad_cam.channel_weights(gradients)
    np.testing.assert_allclose(weights, [[3, -1]])
    maps = np.zeros((1, 1, 3, 2), np.float32)
    maps[0, 0, :, 0] = [1, 2, 0]
    maps[0, 0, :, 1] = [1, 10, 4]
    # 3 * map 0 - 1 * map 1 = [2, -4, -4]
    np.testing.assert_allclose(grad_cam.weighted_map(maps, weights), [[[2, -4, -4]]])


def test_upsampling_is_bilinear_between_aligned_pixel_centres():
    # Centres of two cells enlarged to four lie at 1/4 and 3/4; in between the value moves linearly, outside it stays
    found = grad_cam.upsample(np.array([[[0, 4]]], np.float32), (1, 4))
    np.testing.assert_allclose(found, [[[0, 1, 3, 4]]])


def by_hand() -> keras.Model:
    """Feature maps are the first two channels; score 0 is 2 mean(map 0) - mean(map 1), score 1 its negative."""
    inputs = keras.Input((2, 2, 3), name="image")
    pixels = keras.layers.Rescaling(1.0, name="rescaling")(inputs)
    maps = keras.layers.Conv2D(2, 1, use_bias=False, name="maps")
    pooled = keras.layers.GlobalAveragePooling2D()(maps(pixels))
    logits = keras.layers.Dense(2, name="logits", use_bias=False)
    model = keras.Model(inputs, keras.layers.Activation("softmax", name="probabilities")(logits(pooled)))
    maps.set_weights([np.array([[1, 0], [0, 1], [0, 0]], np.float32).reshape(1, 1, 3, 2)])
    logits.set_weights([np.array([[2, -2], [-1, 1]], np.float32)])
    return model


IMAGE = np.array([[[[4, 0, 9], [0, 4, 9]], [[2, 2, 9], [1, 4, 9]]]], np.float32)


def test_each_class_of_a_network_by_hand():
    # d score 0 / d map: 2/4 and -1/4 at each of four positions, so the weights are (0.5, -0.25)
    explain = GradCam(by_hand(), "maps")
    np.testing.assert_allclose(explain(IMAGE, 0), [[[2, 0], [0.5, 0]]])
    np.testing.assert_allclose(explain(IMAGE, 1), [[[0, 1], [0, 0.5]]])
    np.testing.assert_allclose(explain(np.repeat(IMAGE, 2, axis=0), [1, 0])[1], [[2, 0], [0.5, 0]])


def test_signed_keeps_what_speaks_against_the_class_and_what_is_shown_does_not():
    explain = GradCam(by_hand(), "maps")
    signed = explain.signed(IMAGE, 0)
    np.testing.assert_allclose(signed, [[[2, -1], [0.5, -0.5]]])
    np.testing.assert_allclose(explain.shown(signed), explain(IMAGE, 0))


def test_as_published_differentiates_the_probability():
    # d p0 / d score = p0 (1 - p0) (1, -1), and score 1 = -score 0, so the map is 2 p0 (1 - p0) times that of score 0
    score = 2 * 7 / 4 - 10 / 4
    p = 1 / (1 + np.exp(-2 * score))
    found = GradCam(by_hand(), "maps", "as_published")(IMAGE, 0)
    np.testing.assert_allclose(found, 2 * p * (1 - p) * np.array([[[2, 0], [0.5, 0]]]), rtol=1e-5)


def test_batches_do_not_change_the_maps():
    model, pixels = networks.convolutional(), networks.images(7, 16)
    classes = [0, 1, 2, 0, 1, 2, 0]
    whole = GradCam(model, "maps")(pixels, classes)
    np.testing.assert_allclose(GradCam(model, "maps", memory=1)(pixels, classes), whole, atol=1e-6)


def test_an_unknown_layer_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match=r"found 'last', expected .* first, maps"):
        GradCam(networks.convolutional(), "last")


def test_a_layer_that_others_pass_beside_is_refused():
    inputs = keras.Input((4, 4, 3))
    first = keras.layers.Conv2D(3, 1, name="first")(inputs)
    both = keras.layers.Add(name="sum")([keras.layers.Conv2D(3, 1, name="side")(first), first])
    logits = keras.layers.Dense(2, name="logits")(keras.layers.GlobalAveragePooling2D()(both))
    model = keras.Model(inputs, keras.layers.Activation("softmax", name="probabilities")(logits))
    with pytest.raises(ValueError, match="'side' cannot be cut"):
        GradCam(model, "side")


def test_classes_that_the_model_does_not_have_are_refused():
    with pytest.raises(ValueError, match="positions from 0 to 2"):
        GradCam(networks.convolutional(), "maps")(networks.images(1, 16), 3)
