"""Means over images, with intervals over patients."""

import numpy as np
import pandas as pd
import pytest

from lib.evaluation import bootstrap
from lib.explainers import scorecard
from tests.explainers import networks

COUNT = 2 * bootstrap.LEAST_PATIENTS  # images of scored(), two of each patient


def scored(count: int = COUNT) -> scorecard.Scored:
    labels = np.array(["covid-19", "normal", "pneumonia"] * (count // 3))
    return scorecard.Scored(networks.images(count, 16), np.zeros(count, int), np.arange(count) // 2, labels, 200)


def regions(count: int = COUNT) -> np.ndarray:
    """A region at another place in each of six images, and so on."""
    masks = np.zeros((count, 16, 16), bool)
    for k in range(count):
        masks[k, :4, 2 * (k % 6) : 2 * (k % 6) + 4] = True
    return masks


def inside(on, maps, masks, randomised=None) -> pd.DataFrame:
    """Lines of the scorecard; without randomised maps these mark everything evenly."""
    randomised = dict.fromkeys(maps, np.eye(16) + np.ones((len(masks), 16, 16))) if randomised is None else randomised
    lines = scorecard.score_inside(on, maps, {"opacity": masks}, randomised)
    return pd.DataFrame(lines).set_index(["measure", "method", "class"])


def test_maps_inside_a_region_score_above_its_area_and_those_elsewhere_do_not():
    masks = regions()
    maps = {"grad_cam": masks.astype(float), "integrated_gradients": np.where(masks, 0.0, 1.0)}
    table = inside(scored(), maps, masks)
    cam, paths = (table.loc["opacity_share", method, "all"] for method in maps)
    # All of 18 patients: the exact bound is 0.025 ** (1 / 18) (Clopper and Pearson)
    assert (cam.value, cam.low, cam.high) == (1, pytest.approx(0.025 ** (1 / bootstrap.LEAST_PATIENTS)), 1)
    assert cam.chance == 16 / 256
    assert (cam.images, cam.patients) == (COUNT, bootstrap.LEAST_PATIENTS)
    assert paths.value == 0
    assert table.loc[("opacity_pointing", "grad_cam", "normal"), "value"] == 1


def test_another_images_map_is_the_mean_over_all_other_images():
    # Three images, each with its own block of 4 x 4, moved by 2: a neighbour's map has half of its own block inside,
    # the one after that none. So the first and the last image's others score (1/2 + 0) / 2, the middle one's 1/2.
    masks = regions(3)
    maps = {"grad_cam": masks.astype(float), "integrated_gradients": masks.astype(float)}
    table = inside(scored(3), maps, masks)
    of = table.sort_index().loc["opacity_share", "grad_cam"].other_image
    assert of.to_dict() == {"all": pytest.approx(1 / 3), "covid-19": 0.25, "normal": 0.5, "pneumonia": 0.25}


def test_shares_are_compared_image_by_image_with_maps_that_know_nothing():
    on, masks = scored(), regions()
    on.images[:] = 100
    on.images[:, 0, 0] = 101
    half = np.where(masks, 1.0, 0.0) + np.where(masks, 0, 16 / 240)  # as much inside as outside
    maps = {"grad_cam": masks.astype(float), "integrated_gradients": half}
    table = inside(on, maps, masks, {"grad_cam": half, "integrated_gradients": half})
    line = table.loc["opacity_share_over_randomised", "grad_cam", "all"]
    # 1 - 1/2 in every image, so that all resamples of patients have the same mean
    assert (line.value, line.low, line.high) == (pytest.approx(0.5),) * 3
    assert (line.chance, line.patients) == (0, bootstrap.LEAST_PATIENTS)
    assert table.loc[("opacity_share_over_randomised", "integrated_gradients", "all"), "value"] == pytest.approx(0)
    assert table.loc[("opacity_share", "grad_cam_randomised", "all"), "value"] == pytest.approx(0.5)
    # an even image has 16 / 256 of its brightness inside; one grey level of one pixel changes that by less than 1e-4
    assert table.loc[("opacity_share", "brightness", "all"), "value"] == pytest.approx(1 / 16, abs=1e-4)
    over = table.loc["opacity_share_over_brightness", "integrated_gradients", "all"]
    assert (over.value, over.low > 0) == (pytest.approx(0.5 - 1 / 16, abs=1e-4), True)
    assert set(table.index.levels[0]) <= set(scorecard.MEASURES)
    assert set(table.index.levels[1]) <= set(scorecard.METHODS)


def test_few_patients_have_a_value_and_no_interval():
    masks = regions(6)
    maps = dict.fromkeys(("grad_cam", "integrated_gradients"), np.random.default_rng(0).random((6, 16, 16)))
    table = inside(scored(6), maps, masks)
    assert table.value.notna().all()
    assert table[["low", "high"]].isna().all(axis=None)
    assert (table.xs("all", level="class").patients == 3).all()


def test_images_without_the_region_do_not_enter():
    masks = np.zeros((COUNT, 16, 16), bool)
    masks[0, :4, :4] = masks[3, :4, :4] = True
    maps = dict.fromkeys(("grad_cam", "integrated_gradients"), np.random.default_rng(0).random((COUNT, 16, 16)))
    table = inside(scored(), maps, masks)
    assert set(table.index.get_level_values("class")) == {"all", "covid-19"}
    assert set(table.images) == set(table.patients) == {2}


def test_chance_of_several_random_maps_is_their_mean_and_has_their_spread():
    values, groups = np.arange(3.0), np.arange(3)
    chance = np.array([[1.0, 3], [1, 3], [4, 6]])  # two maps: means of 2 and 4, a standard deviation of sqrt(2)
    line = scorecard.scorecard_line("deletion", "grad_cam", "all", values, groups, 100, chance)
    assert (line["chance"], line["chance_spread"]) == (3, pytest.approx(2**0.5))
    assert np.isnan(scorecard.scorecard_line("deletion", "grad_cam", "all", values, groups, 100, 0.5)["chance_spread"])
