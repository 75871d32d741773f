"""Measures of maps, by hand."""

import numpy as np
import pytest
from scipy import ndimage, stats

from lib.explainers import measures

QUARTER = np.zeros((4, 4), bool)
QUARTER[:2, :2] = True


def alone(measure, one, other) -> float:
    """A measure of one map with one other."""
    return measure(np.asarray(one)[None], np.asarray(other)[None])[0, 0]


def test_share_and_pointing_by_hand_and_equal_maxima_share_the_point():
    values = np.ones((4, 4))
    assert alone(measures.shares_inside, values + QUARTER, QUARTER) == pytest.approx(8 / 20)
    assert alone(measures.points_inside, values + QUARTER, QUARTER) == 1
    assert alone(measures.points_inside, values + ~QUARTER, QUARTER) == 0
    values[0, :] = 2
    assert alone(measures.points_inside, values, QUARTER) == 0.5


@pytest.mark.parametrize("measure", [measures.shares_inside, measures.points_inside])
def test_a_map_or_region_without_anything_has_no_value_and_leaves_the_others_theirs(measure):
    maps = np.stack([np.zeros((4, 4)), np.arange(16.0).reshape(4, 4)])
    found = measure(maps, np.stack([QUARTER, ~QUARTER & QUARTER]))
    np.testing.assert_array_equal(np.isnan(found), [[True, True], [False, True]])


def test_overlap_of_equal_and_of_opposite_maps():
    values = np.arange(144.0).reshape(12, 12)
    assert alone(measures.top_overlaps, values, 3 * values) == 1
    assert alone(measures.top_overlaps, values, -values) == 0
    assert np.isnan(alone(measures.top_overlaps, values, 0 * values))
    assert measures.rank_correlation(values, values**3) == pytest.approx(1)
    assert measures.rank_correlation(values, -values) == pytest.approx(-1)
    assert measures.similarity(values, 2 * values) == pytest.approx(1)


def test_rank_correlations_of_all_pairs_are_those_of_scipy_and_undefined_for_a_constant():
    generator = np.random.default_rng(0)
    ones, others = generator.normal(size=(2, 3, 6, 5)).round(1)  # rounded, so that there are ties
    others[1] = 0.5
    found = measures.rank_correlations(ones, others)
    for a, b in ((0, 0), (0, 2), (2, 0)):
        expected = stats.spearmanr(ones[a].ravel(), others[b].ravel()).statistic
        assert found[a, b] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(found[:, 1]).all()


def test_what_others_score_is_the_mean_over_all_of_them():
    table = np.array([[9, 2, 4], [1, 9, np.nan], [3, 6, 9]])
    np.testing.assert_allclose(measures.by_others(table), [2, 4, 4])
    assert np.isnan(measures.by_others(np.array([[1.0]]))).all()


def test_similarity_weighs_its_window_as_cited():
    # Wang et al. (2004), equation 13, with C1 = 0.01^2, C2 = 0.03^2, and a Gaussian of 1.5 pixels cut at 11 x 11
    one, other = np.random.default_rng(0).random((2, 24, 24))
    one, other = one / one.max(), other / other.max()

    def mean(values):
        return ndimage.gaussian_filter(values, 1.5, radius=5)

    a, b = mean(one), mean(other)
    covariance, variances = mean(one * other) - a * b, mean(one**2) - a**2 + mean(other**2) - b**2
    expected = (2 * a * b + 1e-4) * (2 * covariance + 9e-4) / ((a**2 + b**2 + 1e-4) * (variances + 9e-4))
    inside = expected[5:-5, 5:-5].mean()  # where the window lies in the image
    assert measures.similarity(one, other) == pytest.approx(inside, abs=1e-6)


def test_similarity_by_others_is_the_mean_over_all_pairs_without_empty_maps():
    maps = np.random.default_rng(0).random((4, 16, 16))
    maps[3] = 0
    pairs = [measures.similarity(maps[a], maps[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert measures.similarity_by_others(maps) == pytest.approx(np.mean(pairs))
    assert np.isnan(measures.similarity_by_others(maps[2:]))


def test_overlap_by_chance_is_the_share():
    # Means of 200 overlaps of 10 %: each has variance about 0.1 * 0.9 / 41 pixels, so five deviations are 0.017
    generator = np.random.default_rng(0)
    found = [alone(measures.top_overlaps, *generator.random((2, 20, 20))) for _ in range(200)]
    assert np.mean(found) == pytest.approx(0.1, abs=0.017)


def test_ranking_goes_by_value_and_favours_no_place_among_equals():
    values = np.zeros((8, 8))
    values[5, 5] = 1
    assert measures.ranking(values)[0] == 5 * 8 + 5
    # The mean place of 63 positions in random order is 31.6 +- 18.4 / sqrt(63); a fixed order would start at 0
    assert 20 < measures.ranking(values)[1:33].mean() < 44
