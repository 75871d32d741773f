"""Integrated Gradients against arithmetic by hand and against its axioms."""

from itertools import islice

import numpy as np
import pytest

from lib.explainers import integrated_gradients
from lib.explainers.integrated_gradients import IntegratedGradients
from tests.explainers import networks


def test_path_goes_from_the_baseline_to_the_image():
    np.testing.assert_allclose(integrated_gradients.path_fractions(4), [0, 0.25, 0.5, 0.75, 1])
    image, baseline = np.full((3, 1, 1, 1), 10, np.float32), np.full((1, 1, 1), 2, np.float32)
    points = integrated_gradients.interpolate(image, baseline, np.array([0, 0.5, 1], np.float32))
    np.testing.assert_allclose(np.ravel(points), [2, 6, 10])


def test_trapezoid_weights():
    np.testing.assert_allclose(integrated_gradients.trapezoid_weights(4), [1 / 8, 1 / 4, 1 / 4, 1 / 4, 1 / 8])
    np.testing.assert_allclose(integrated_gradients.trapezoid_weights(1), [1 / 2, 1 / 2])


def test_a_linear_model_is_attributed_exactly_with_one_step():
    generator = np.random.default_rng(0)
    weights = generator.normal(size=(4, 4, 3, 2)).astype(np.float32)
    pixels = generator.uniform(0, 255, (3, 4, 4, 3)).astype(np.float32)
    found = IntegratedGradients(networks.linear(weights, np.array([5, 7], np.float32)), steps=1)(pixels, [0, 1, 1])
    expected = pixels * np.stack([weights[..., 0], weights[..., 1], weights[..., 1]])
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found.baseline_score, [5, 7, 7], rtol=1e-6)
    np.testing.assert_allclose(found.pixels, expected.sum(axis=-1), rtol=1e-4, atol=1e-3)


def test_a_quadratic_score_by_hand():
    # d/dx of x^2 is 2x, linear along the path, so the trapezoid rule is exact: the attribution is x * x
    pixels = np.array([3, 0, 5], np.float32).reshape(1, 1, 1, 3)
    model = networks.linear(np.array([[[[1, -1]] * 3]], np.float32), np.zeros(2), squared=True)
    for steps, wanted, expected in ((1, 0, [9, 0, 25]), (2, 0, [9, 0, 25]), (7, 0, [9, 0, 25]), (3, 1, [-9, 0, -25])):
        found = IntegratedGradients(model, steps)(pixels, wanted)
        np.testing.assert_allclose(found.values.ravel(), expected, rtol=1e-5)
        np.testing.assert_allclose(found.completeness_error, 0, atol=1e-6)


def test_attributions_add_up_to_the_change_of_the_score():
    # The scores are piecewise linear along the path; the rule errs only in the steps that hold a kink, so its error
    # falls with m. 1 % at m = 500 is an order above what such a network shows, and far below an error of definition.
    explain = IntegratedGradients(networks.convolutional(), 500)
    found = explain(networks.images(4, 16), [0, 1, 2, 0])
    assert (found.completeness_error < 0.01).all()


def test_a_pixel_that_equals_the_baseline_gets_nothing():
    pixels = networks.images(2, 16)
    pixels[:, 3:6] = 0
    assert (IntegratedGradients(networks.convolutional(), 5)(pixels, 1).values[:, 3:6] == 0).all()


def test_chunks_and_blocks_do_not_change_the_attributions_and_their_evidence(monkeypatch):
    model, pixels, classes = networks.convolutional(), networks.images(5, 16), [0, 1, 2, 0, 1]
    whole = IntegratedGradients(model, 6)(pixels, classes)
    one_at_a_time = IntegratedGradients(model, 6, memory=1)(pixels, classes)
    np.testing.assert_allclose(one_at_a_time.values, whole.values, atol=1e-6)
    np.testing.assert_allclose(one_at_a_time.score, whole.score, rtol=1e-5)
    per_image = np.concatenate([IntegratedGradients(model, 6)(pixels[k : k + 1], classes[k]).values for k in range(5)])
    np.testing.assert_allclose(per_image, whole.values, atol=1e-6)
    monkeypatch.setattr(integrated_gradients, "BLOCK", 2)
    np.testing.assert_allclose(IntegratedGradients(model, 6).signed(pixels, classes), whole.pixels, atol=1e-6)
    expected = integrated_gradients.evidence(whole.pixels)
    np.testing.assert_allclose(IntegratedGradients(model, 6).maps(pixels, classes), expected, atol=1e-6)


@pytest.mark.parametrize("reading", ["as_described", "as_published"])
def test_each_doubling_equals_its_own_path_and_computes_the_new_midpoints_only(reading, monkeypatch):
    model, pixels = networks.convolutional(), networks.images(2, 16)
    asked = []
    along = IntegratedGradients._along
    monkeypatch.setattr(IntegratedGradients, "_along", lambda self, *of: asked.append(len(of[2])) or along(self, *of))
    found = list(islice(IntegratedGradients(model, 3, reading).refined(pixels, 0), 4))
    assert asked == [4, 3, 6, 12]
    assert [one.steps for one in found] == [3, 6, 12, 24]
    for one in found:
        alone = IntegratedGradients(model, one.steps, reading)(pixels, 0)
        # Sums of at most 25 terms in 32 bits, in another order: rounding of about 1e-6 of the largest value
        np.testing.assert_allclose(one.values, alone.values, rtol=0, atol=1e-5 * np.abs(alone.values).max())


def test_completeness_error_is_of_the_mean_change_so_that_a_score_that_hardly_changes_decides_nothing():
    values = np.zeros((2, 1, 1, 3), np.float32)
    values[:, 0, 0, 0] = 4, 0.5
    found = integrated_gradients.Attributions(1, values, np.float32([6, 1]), np.float32([1, 1]))
    # Changes of 5 and 0 are missed by 1 and 0.5; the mean change is 2.5
    np.testing.assert_allclose(found.completeness_error, [1 / 2.5, 0.5 / 2.5])
    assert found.completeness_error.mean() == pytest.approx(1.5 / 5)


def test_as_published_explains_the_probability_between_two_noise_baselines_and_the_twice_rescaled_image():
    # Completeness holds for the published variant's own score: the probability after softmax of the image rescaled
    # twice, minus the mean one of the two noise baselines rescaled twice
    model, pixels = networks.convolutional(), networks.images(2, 16)
    found = IntegratedGradients(model, 500, "as_published")(pixels, 1)
    noise = integrated_gradients.path_baselines((16, 16, 3), "as_published")
    assert len(noise) == 2
    assert not np.array_equal(*noise)
    of_images = model.predict(np.repeat(pixels, 3, axis=-1) / 127.5 - 1, verbose=0)[:, 1]
    of_noise = model.predict(np.stack(noise) / 127.5 - 1, verbose=0)[:, 1].mean()
    np.testing.assert_allclose(found.score, of_images, rtol=1e-4)
    np.testing.assert_allclose(found.baseline_score, of_noise, rtol=1e-4)
    total = found.values.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(total, found.score - found.baseline_score, rtol=0.05, atol=1e-5)


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="from 1"):
        IntegratedGradients(networks.convolutional(), 0)


def test_an_unknown_reading_is_refused():
    with pytest.raises(ValueError, match="as_described or as_published"):
        IntegratedGradients(networks.convolutional(), reading="described")


def test_evidence_is_the_positive_part_smoothed_near_its_place():
    attributions = np.zeros((1, 4, 4))
    attributions[0, 0, 0], attributions[0, 1, 1] = 2.5, -1
    found = integrated_gradients.evidence(attributions, smoothing=0)
    assert found[0, 0, 0] == found.sum() == 2.5
    attributions = np.zeros((1, 128, 128))
    attributions[0, 64, 64] = 1
    found = integrated_gradients.evidence(attributions)[0]
    assert found.sum() == pytest.approx(1)
    # sigma is 2 pixels: a disc of 3 sigma holds 1 - exp(-4.5) = 98.9 % of a Gaussian
    y, x = np.mgrid[:128, :128] - 64
    assert found[x**2 + y**2 <= 36].sum() > 0.98
