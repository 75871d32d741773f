"""Deletion, insertion and the model-randomisation test."""

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lib.explainers import controls, integrated_gradients, scorecard
from lib.explainers.grad_cam import GradCam
from lib.explainers.integrated_gradients import IntegratedGradients
from tests.explainers import networks
from tests.explainers.test_scorecard import scored


def both_methods(model, steps):
    return {"grad_cam": GradCam(model, "maps"), "integrated_gradients": IntegratedGradients(model, steps)}


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
        trained = explain.signed(pixels, 0)
        with controls.shuffled_weights(controls.cascade(model)["first"]):
            broken = explain.signed(pixels, 0)
        np.testing.assert_array_equal(trained, explain.signed(pixels, 0))
        assert not np.allclose(trained, broken, rtol=0.05)


def randomised(model, on):
    """Lines of the randomisation test, by measure, method and level, and the maps of the network that lost it all."""
    explainers = both_methods(model, 3)
    trained = {method: one.signed(on.images, on.explained) for method, one in explainers.items()}
    lines, maps = controls.score_randomisation(on, explainers, model, trained)
    return pd.DataFrame(lines).set_index(["measure", "method", "class"]), maps, trained


def test_randomisation_looks_at_signs_at_sizes_and_at_what_is_shown():
    on, model = scored(6), networks.convolutional()
    table, maps, trained = randomised(model, on)
    views = ("rank_correlation_signed", "rank_correlation_absolute", "rank_correlation_shown", "similarity")
    assert set(table.index.levels[0]) == {f"randomised_{view}" for view in views} <= set(scorecard.MEASURES)
    with controls.shuffled_weights(controls.cascade(model)["first"]):
        lost = IntegratedGradients(model, 3)(on.images, on.explained).values.sum(axis=-1)
    learnt = trained["integrated_gradients"]
    for view, of in (("signed", lambda x: x), ("absolute", abs), ("shown", integrated_gradients.evidence)):
        pairs = zip(of(learnt), of(lost), strict=True)
        expected = np.mean([stats.spearmanr(*map(np.ravel, pair)).statistic for pair in pairs])
        line = table.loc[f"randomised_rank_correlation_{view}", "integrated_gradients", "first"]
        assert line.value == pytest.approx(expected, abs=1e-4)
    np.testing.assert_allclose(maps["integrated_gradients"], integrated_gradients.evidence(lost), atol=1e-6)


def test_chance_of_the_randomisation_is_over_all_pairs_of_images_whatever_their_order():
    on, model = scored(6), networks.convolutional()
    table, _, trained = randomised(model, on)
    pairs = [(a, b) for a in range(6) for b in range(6) if a != b]
    signed = trained["integrated_gradients"].reshape(6, -1)
    expected = np.mean([stats.spearmanr(signed[a], signed[b]).statistic for a, b in pairs])
    line = table.loc["randomised_rank_correlation_signed", "integrated_gradients", "logits"]
    assert line.chance == pytest.approx(expected, abs=1e-6)
    order = [3, 0, 5, 1, 4, 2]
    moved = scorecard.Scored(on.images[order], on.explained[order], on.groups[order], on.labels[order], on.samples)
    # The same sums in another order, and 32-bit gradients that may swap near equal ranks
    np.testing.assert_allclose(randomised(model, moved)[0].chance, table.chance, atol=1e-3)


def test_random_maps_give_a_chance_level_with_its_spread():
    on = scored(6)
    maps = dict.fromkeys(("grad_cam", "integrated_gradients"), controls.random_maps(6, 16, seed=0))
    lines, curves = controls.score_perturbation(on, maps, brightness)
    assert curves["chance"]["deletion"].shape == (controls.RANDOM_MAPS, 6, len(controls.FRACTIONS))
    line = next(line for line in lines if (line["measure"], line["class"]) == ("deletion", "all"))
    areas = [np.trapezoid(of, controls.FRACTIONS).mean() for of in curves["chance"]["deletion"]]
    assert line["chance"] == pytest.approx(np.mean(areas))
    assert line["chance_spread"] == pytest.approx(np.std(areas, ddof=1))
    assert line["chance_spread"] > 0


def test_scorecard_of_a_network_has_every_part():
    model, on = networks.convolutional(), scored()
    maps = {
        method: explain.shown(explain.signed(on.images, on.explained))
        for method, explain in both_methods(model, 3).items()
    }
    lines = scorecard.score_agreement(on, maps)
    more, curves = controls.score_perturbation(on, maps, lambda x: model.predict(np.repeat(x, 3, axis=-1), verbose=0))
    table = pd.DataFrame(lines + more)
    assert set(table.measure) == {"rank_correlation", "top_overlap", "deletion", "insertion"}
    shown = table[table["class"] == "all"]
    assert shown.value.between(shown.low - 1e-9, shown.high + 1e-9).all()
    # nothing was deleted at the start and everything put back at the end: both are the image's own probability
    for of in curves.values():
        np.testing.assert_allclose(of["deletion"][..., 0], of["insertion"][..., -1], rtol=1e-5)
