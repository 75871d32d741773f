"""Measures of maps, by hand."""

import numpy as np
import pytest

from lib.explainers import measures, perturbation

QUARTER = np.zeros((4, 4), bool)
QUARTER[:2, :2] = True


def test_evidence_is_the_positive_part_of_the_channels_sum():
    attributions = np.zeros((1, 4, 4, 3))
    attributions[0, 0, 0] = [1, 2, -0.5]
    attributions[0, 1, 1] = [1, -3, 1]
    found = measures.evidence(attributions, smoothing=0)
    assert found[0, 0, 0] == 2.5
    assert found.sum() == 2.5


def test_smoothing_keeps_the_evidence_near_its_place():
    attributions = np.zeros((1, 128, 128, 3))
    attributions[0, 64, 64, 0] = 1
    found = measures.evidence(attributions)[0]
    assert found.sum() == pytest.approx(1)
    # sigma is 2 pixels: a disc of 3 sigma holds 1 - exp(-4.5) = 98.9 % of a Gaussian
    y, x = np.mgrid[:128, :128] - 64
    assert found[x**2 + y**2 <= 36].sum() > 0.98


def test_share_and_pointing_by_hand():
    values = np.ones((4, 4))
    assert measures.share_inside(values + QUARTER, QUARTER) == pytest.approx(8 / 20)
    assert measures.points_inside(values + QUARTER, QUARTER) == 1
    assert measures.points_inside(values + ~QUARTER, QUARTER) == 0


def test_equal_maxima_share_the_point():
    values = np.zeros((4, 4))
    values[0, :] = 1
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


def test_order_ranks_by_value_and_favours_no_place_among_equals():
    values = np.zeros((8, 8))
    values[5, 5] = 1
    assert measures.order(values)[0] == 5 * 8 + 5
    # The mean place of 63 positions in random order is 31.6 +- 18.4 / sqrt(63); a fixed order would start at 0
    assert 20 < measures.order(values)[1:33].mean() < 44


def test_boxes_are_clipped_to_the_image():
    mask = measures.boxes_mask([[1, 0, 2, 1], [3, 3, 9, 9]], 4)
    expected = np.zeros((4, 4), bool)
    expected[0, 1:3] = expected[3, 3] = True
    np.testing.assert_array_equal(mask, expected)


def brightness(images):
    """A 'network' of two classes whose first probability is the share of bright pixels in the middle stripe."""
    share = (np.asarray(images)[:, :, 7:9] > 200).mean(axis=(1, 2, 3))
    return np.stack([share, 1 - share], axis=1)


def test_curves_of_a_perfect_map_beat_those_of_its_opposite():
    image = np.zeros((1, 16, 16, 1), np.float32)
    image[:, :, 7:9] = 255
    perfect = image[..., 0] / 255
    good = perturbation.curves(brightness, image, [0], perfect)
    bad = perturbation.curves(brightness, image, [0], 1 - perfect)
    assert good["deletion"][0, 0] == good["insertion"][0, -1] == 1
    np.testing.assert_array_equal(good["deletion"][:, -1], good["insertion"][:, 0])
    assert perturbation.area(good["deletion"]) < perturbation.area(bad["deletion"])
    assert perturbation.area(good["insertion"]) > perturbation.area(bad["insertion"])


def test_area_by_hand():
    assert perturbation.area(np.ones(11)) == pytest.approx(1)
    assert perturbation.area(np.linspace(1, 0, 11)) == pytest.approx(0.5)


def test_removed_pixels_are_those_marked_most():
    values = np.arange(100.0).reshape(10, 10)
    steps = perturbation.removed(values)
    assert steps.sum(axis=(1, 2)).tolist() == list(range(0, 101, 10))
    assert steps[1][9].all()


def test_each_image_keeps_its_own_class_and_curve_across_blocks():
    count = perturbation.BLOCK + 3
    generator = np.random.default_rng(0)
    images = generator.uniform(0, 255, (count, 16, 16, 1)).astype(np.float32)
    maps, classes = generator.random((count, 16, 16)), np.arange(count) % 2
    together = perturbation.curves(brightness, images, classes, maps)
    for k in range(count):
        alone = perturbation.curves(brightness, images[k : k + 1], [0], maps[k : k + 1])
        for name, curve in together.items():
            expected = 1 - alone[name][0] if classes[k] else alone[name][0]
            np.testing.assert_allclose(curve[k], expected, atol=1e-12)
