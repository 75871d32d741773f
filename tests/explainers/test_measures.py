"""Measures of maps, by hand."""

import numpy as np
import pytest

from lib.explainers import measures

QUARTER = np.zeros((4, 4), bool)
QUARTER[:2, :2] = True


def test_share_and_pointing_by_hand_and_equal_maxima_share_the_point():
    values = np.ones((4, 4))
    assert measures.share_inside(values + QUARTER, QUARTER) == pytest.approx(8 / 20)
    assert measures.points_inside(values + QUARTER, QUARTER) == 1
    assert measures.points_inside(values + ~QUARTER, QUARTER) == 0
    values[0, :] = 2
    assert measures.points_inside(values, QUARTER) == 0.5


@pytest.mark.parametrize("measure", [measures.share_inside, measures.points_inside])
def test_a_map_or_region_without_anything_has_no_value(measure):
    assert np.isnan(measure(np.zeros((4, 4)), QUARTER))
    assert np.isnan(measure(np.arange(16.0).reshape(4, 4), np.zeros((4, 4), bool)))


def test_overlap_of_equal_and_of_opposite_maps():
    values = np.arange(100.0).reshape(10, 10)
    assert measures.top_overlap(values, 3 * values) == 1
    assert measures.top_overlap(values, -values) == 0
    assert measures.rank_correlation(values, values**3) == pytest.approx(1)
    assert measures.rank_correlation(values, -values) == pytest.approx(-1)
    assert measures.similarity(values, 2 * values) == pytest.approx(1)


def test_overlap_by_chance_is_the_share():
    # Means of 200 overlaps of 10 %: each has variance about 0.1 * 0.9 / 41 pixels, so five deviations are 0.017
    generator = np.random.default_rng(0)
    found = [measures.top_overlap(*generator.random((2, 20, 20))) for _ in range(200)]
    assert np.mean(found) == pytest.approx(0.1, abs=0.017)


def test_ranking_goes_by_value_and_favours_no_place_among_equals():
    values = np.zeros((8, 8))
    values[5, 5] = 1
    assert measures.ranking(values)[0] == 5 * 8 + 5
    # The mean place of 63 positions in random order is 31.6 +- 18.4 / sqrt(63); a fixed order would start at 0
    assert 20 < measures.ranking(values)[1:33].mean() < 44
