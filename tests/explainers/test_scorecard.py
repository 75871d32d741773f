"""Means over images, with intervals over patients."""

import numpy as np
import pandas as pd
import pytest

from lib.evaluation import bootstrap
from lib.explainers import scorecard
from tests.explainers import networks


def scored(count: int = 6) -> scorecard.Scored:
    labels = np.array(["covid-19", "normal", "pneumonia"] * (count // 3))
    return scorecard.Scored(networks.images(count, 16), np.zeros(count, int), np.arange(count) // 2, labels, 200)


def test_every_image_gets_another_one():
    moved = scorecard.elsewhere(9)
    assert sorted(moved) == list(range(9))
    assert (moved != np.arange(9)).all()


def test_maps_inside_a_region_score_above_its_area_and_those_elsewhere_do_not():
    on = scored()
    masks = np.zeros((6, 16, 16), bool)
    for k in range(6):
        masks[k, :4, 2 * k : 2 * k + 4] = True
    maps = {"grad_cam": masks.astype(float), "integrated_gradients": np.where(masks, 0.0, 1.0)}
    table = pd.DataFrame(scorecard.score_inside(on, maps, {"opacity": masks})).set_index(["measure", "method", "class"])
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
    table = pd.DataFrame(scorecard.score_inside(on, maps, {"opacity": masks}))
    assert set(table["class"]) == {"all", "covid-19"}
    assert set(table.images) == {2}


def test_interval_of_a_mean_by_patients():
    # Two patients of two equal images each: resamples are (0, 0), (0, 1), (1, 0), (1, 1), so a quarter are all 0
    low, high = bootstrap.mean_interval(np.array([0.0, 0, 1, 1]), np.array(["a", "a", "b", "b"]), 500)
    assert (low, high) == (0, 1)
    low, high = bootstrap.mean_interval(np.array([0.3, 0.3]), np.array(["a", "b"]), 200)
    assert (low, high) == (pytest.approx(0.3), pytest.approx(0.3))
    assert np.isnan(bootstrap.mean_interval(np.array([0.3, 0.4]), np.array(["a", "a"]), 200)).all()
