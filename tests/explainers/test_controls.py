"""Deletion, insertion and the model-randomisation test."""

from contextlib import suppress

import numpy as np
import pandas as pd

from lib.explainers import controls, scorecard
from lib.explainers.grad_cam import GradCam
from lib.explainers.integrated_gradients import IntegratedGradients
from tests.explainers import networks
from tests.explainers.test_scorecard import scored


def both_methods(model, steps):
    return {"grad_cam": GradCam(model, "maps"), "integrated_gradients": IntegratedGradients(model, steps).maps}


def brightness(images):
    """A 'network' of two classes whose first probability is the share of bright pixels in the middle stripe."""
    share = (np.asarray(images)[:, :, 7:9] > 200).mean(axis=(1, 2, 3))
    return np.stack([share, 1 - share], axis=1)


def test_curves_of_a_perfect_map_beat_those_of_its_opposite():
    image = np.zeros((1, 16, 16, 1), np.float32)
    image[:, :, 7:9] = 255
    perfect = image[..., 0] / 255
    good = controls.perturbation_curves(brightness, image, [0], perfect)
    bad = controls.perturbation_curves(brightness, image, [0], 1 - perfect)
    assert good["deletion"][0, 0] == good["insertion"][0, -1] == 1
    np.testing.assert_array_equal(good["deletion"][:, -1], good["insertion"][:, 0])
    assert good["deletion"].mean() < bad["deletion"].mean()
    assert good["insertion"].mean() > bad["insertion"].mean()


def test_removed_pixels_are_those_marked_most():
    values = np.arange(100.0).reshape(10, 10)
    steps = controls.replaced_pixels(values)
    assert steps.sum(axis=(1, 2)).tolist() == list(range(0, 101, 10))
    assert steps[1][9].all()


def test_each_image_keeps_its_own_class_and_curve_across_blocks():
    count = controls.CURVES_AT_ONCE + 3
    generator = np.random.default_rng(0)
    images = generator.uniform(0, 255, (count, 16, 16, 1)).astype(np.float32)
    maps, classes = generator.random((count, 16, 16)), np.arange(count) % 2
    together = controls.perturbation_curves(brightness, images, classes, maps)
    for k in range(count):
        alone = controls.perturbation_curves(brightness, images[k : k + 1], [0], maps[k : k + 1])
        for name, curve in together.items():
            expected = 1 - alone[name][0] if classes[k] else alone[name][0]
            np.testing.assert_allclose(curve[k], expected, atol=1e-12)


def test_levels_go_from_the_class_scores_to_the_whole_network():
    model = networks.convolutional()
    levels = controls.cascade(model)
    assert {name: [layer.name for layer in layers] for name, layers in levels.items()} == {
        "logits": ["logits"],
        "maps": ["logits", "maps"],
        "first": ["logits", "maps", "first"],
    }


def test_randomised_weights_are_shuffled_and_come_back_after_an_error_too():
    model = networks.convolutional()
    before = model.get_weights()
    layers = controls.cascade(model)["maps"]
    with suppress(KeyError), controls.shuffled_weights(layers):
        inside = model.get_weights()
        raise KeyError
    changed = [not np.array_equal(old, new) for old, new in zip(before, inside, strict=True)]
    assert changed == [False, False, True, False, True, False]  # kernels of maps and logits; the biases are all zero
    for old, new in zip(before, inside, strict=True):
        np.testing.assert_array_equal(np.sort(old, axis=None), np.sort(new, axis=None))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_explanations_follow_the_randomised_weights_without_a_new_explainer():
    model, pixels = networks.convolutional(), networks.images(2, 16)
    explainers = both_methods(model, 4)
    for explain in explainers.values():
        trained = explain(pixels, 0)
        with controls.shuffled_weights(controls.cascade(model)["first"]):
            broken = explain(pixels, 0)
        np.testing.assert_array_equal(trained, explain(pixels, 0))
        assert not np.allclose(trained, broken, rtol=0.05)


def test_scorecard_of_a_network_has_every_part():
    model, on = networks.convolutional(), scored()
    explainers = both_methods(model, 3)
    maps = {method: explain(on.images, on.explained) for method, explain in explainers.items()}
    lines = scorecard.score_agreement(on, maps) + controls.score_randomisation(on, explainers, model)
    more, curves = controls.score_perturbation(on, maps, lambda x: model.predict(np.repeat(x, 3, axis=-1), verbose=0))
    table = pd.DataFrame(lines + more)
    assert set(table.measure) <= set(scorecard.MEASURES)
    assert set(curves) == {"grad_cam", "integrated_gradients", "chance"}
    shown = table[table.low.notna()]
    assert shown.value.between(shown.low - 1e-9, shown.high + 1e-9).all()
    # nothing was deleted at the start and everything put back at the end: both are the image's own probability
    for of in curves.values():
        np.testing.assert_allclose(of["deletion"][:, 0], of["insertion"][:, -1], rtol=1e-5)
