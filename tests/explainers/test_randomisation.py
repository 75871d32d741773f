"""The model-randomisation test and the scorecard's parts."""

import numpy as np
import pytest

from lib.evaluation import bootstrap
from lib.explainers import explain, randomisation, scorecard, scoring
from lib.explainers.explain import Explainer, in_double
from tests.explainers import networks


def test_levels_go_from_the_class_scores_to_the_whole_network():
    model = networks.convolutional()
    levels = randomisation.levels(model)
    assert {name: [layer.name for layer in layers] for name, layers in levels.items()} == {
        "logits": ["logits"],
        "maps": ["logits", "maps"],
        "first": ["logits", "maps", "first"],
    }


def test_randomised_weights_are_shuffled_and_come_back():
    model = networks.convolutional()
    before = model.get_weights()
    layers = randomisation.levels(model)["maps"]
    with randomisation.randomised(layers, seed=2):
        inside = model.get_weights()
    changed = [not np.array_equal(old, new) for old, new in zip(before, inside, strict=True)]
    assert changed == [False, False, True, False, True, False]  # kernels of maps and logits; the biases are all zero
    for old, new in zip(before, inside, strict=True):
        np.testing.assert_array_equal(np.sort(old, axis=None), np.sort(new, axis=None))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_come_back_after_an_error():
    model = networks.convolutional()
    before = model.get_weights()
    with pytest.raises(KeyError), randomisation.randomised(model.layers):
        raise KeyError
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_explanations_follow_the_randomised_weights_without_a_new_explainer():
    model, pixels = networks.convolutional(), networks.images(2, 16)
    explainer = Explainer(model, "maps", steps=4)
    trained = explainer.maps(pixels, 0)
    with randomisation.randomised(randomisation.levels(model)["first"]):
        broken = explainer.maps(pixels, 0)
    again = explainer.maps(pixels, 0)
    for method in trained:
        np.testing.assert_array_equal(trained[method], again[method])
        assert not np.allclose(trained[method], broken[method], rtol=0.05)


def test_maps_do_not_depend_on_the_blocks(monkeypatch):
    explainer, pixels = Explainer(networks.convolutional(), "maps", steps=3), networks.images(5, 16)
    whole = explainer.maps(pixels, [0, 1, 2, 0, 1])
    monkeypatch.setattr(explain, "BLOCK", 2)
    for method, found in explainer.maps(pixels, [0, 1, 2, 0, 1]).items():
        np.testing.assert_allclose(found, whole[method], atol=1e-6)


def scored(count: int = 6) -> scoring.Scored:
    labels = np.array(["covid-19", "normal", "pneumonia"] * (count // 3))
    return scoring.Scored(networks.images(count, 16), np.zeros(count, int), np.arange(count) // 2, labels, 200)


def test_every_image_gets_another_one():
    moved = scoring.elsewhere(9)
    assert sorted(moved) == list(range(9))
    assert (moved != np.arange(9)).all()


def test_maps_inside_a_region_score_above_its_area_and_those_elsewhere_do_not():
    on = scored()
    masks = np.zeros((6, 16, 16), bool)
    for k in range(6):
        masks[k, :4, 2 * k : 2 * k + 4] = True
    maps = {"grad_cam": masks.astype(float), "integrated_gradients": np.where(masks, 0.0, 1.0)}
    table = scorecard.table(scoring.inside(on, maps, {"opacity": masks})).set_index(["measure", "method", "class"])
    cam, paths = (table.loc["opacity_share", method, "all"] for method in maps)
    # All of three patients: the exact bound is 0.025 ** (1 / 3) (Clopper and Pearson)
    assert (cam.value, cam.low, cam.high) == (1, pytest.approx(0.025 ** (1 / 3)), 1)
    assert cam.chance == 16 / 256
    assert cam.images == 6
    assert cam.other_image < 1
    assert paths.value == 0
    assert table.loc[("opacity_pointing", "grad_cam", "normal"), "value"] == 1


def test_images_without_the_region_do_not_enter():
    on = scored()
    masks = np.zeros((6, 16, 16), bool)
    masks[0, :4, :4] = masks[3, :4, :4] = True
    maps = dict.fromkeys(("grad_cam", "integrated_gradients"), np.random.default_rng(0).random((6, 16, 16)))
    table = scorecard.table(scoring.inside(on, maps, {"opacity": masks}))
    assert set(table["class"]) == {"all", "covid-19"}
    assert set(table.images) == {2}


def test_interval_of_a_mean_by_patients():
    # Two patients of two equal images each: resamples are (0, 0), (0, 1), (1, 0), (1, 1), so a quarter are all 0
    low, high = bootstrap.mean_interval(np.array([0.0, 0, 1, 1]), np.array(["a", "a", "b", "b"]), 500)
    assert (low, high) == (0, 1)
    low, high = bootstrap.mean_interval(np.array([0.3, 0.3]), np.array(["a", "b"]), 200)
    assert (low, high) == (pytest.approx(0.3), pytest.approx(0.3))
    assert np.isnan(bootstrap.mean_interval(np.array([0.3, 0.4]), np.array(["a", "a"]), 200)).all()


def test_scorecard_of_a_network_has_every_part():
    model, on = networks.convolutional(), scored()
    explainer = Explainer(model, "maps", steps=3)
    maps = explainer.maps(on.images, on.explained)
    rows = scoring.agreement(on, maps) + scoring.randomised(on, explainer, model)
    more, curves = scoring.perturbed(on, maps, lambda x: model.predict(np.repeat(x, 3, axis=-1), verbose=0))
    table = scorecard.table(rows + more)
    assert list(table) == scorecard.COLUMNS
    assert set(table.measure) <= set(scorecard.MEASURES)
    assert set(curves) == {"grad_cam", "integrated_gradients", "chance"}
    shown = table[table.low.notna()]
    assert (shown.low <= shown.value + 1e-9).all()
    assert (shown.value <= shown.high + 1e-9).all()
    # nothing was deleted at the start and everything put back at the end: both are the image's own probability
    for of in curves.values():
        np.testing.assert_allclose(of["deletion"][:, 0], of["insertion"][:, -1], rtol=1e-5)


def test_double_precision_agrees_with_single_to_its_rounding():
    # float32 has 24 bits, 6e-8; sums over some thousand terms of mixed sign leave about 1e-5 of the largest value
    model, pixels = networks.convolutional(), networks.images(2, 16)
    single = Explainer(model, "maps", steps=5).integrated_gradients(pixels, 1)
    double = Explainer(in_double(model), "maps", steps=5).integrated_gradients(pixels, 1)
    assert not np.array_equal(single.values, double.values)
    np.testing.assert_allclose(single.values, double.values, atol=1e-5 * np.abs(double.values).max())
