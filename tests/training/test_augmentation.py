import math

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from lib.models import network_input
from lib.training.augment import Ranges, affine, augment, draw, random_affine, stretch, warp
from tests.training.conftest import augmented_by_tensorflow

SIDE = 33
IDENTITY = {
    "angle": [0.0], "shift_x": [0.0], "shift_y": [0.0], "zoom_x": [1.0], "zoom_y": [1.0], "mirrored": [False],
}  # fmt: skip


@pytest.fixture
def images():
    noise = np.random.default_rng(1).uniform(0, 255, (1, SIDE, SIDE, 1))
    return scipy.ndimage.gaussian_filter(noise, (0, 2, 2, 0)).astype(np.float32)


def maps(**changed):
    values = IDENTITY | {name: [value] for name, value in changed.items()}
    return affine(**{name: tf.constant(value) for name, value in values.items()}, side=float(SIDE))


@pytest.mark.parametrize("brightness", ["as_described", "as_published"])
@pytest.mark.parametrize(("side", "channels"), [(8, 1), (33, 1), (64, 3)])
def test_images_are_those_of_tensorflow_s_own_warp_bit_for_bit(side, channels, brightness):
    pixels = np.random.default_rng(side).integers(0, 256, (19, side, side, channels), dtype=np.uint8)
    for seed in range(5):
        ranges = Ranges(brightness=brightness)
        found = network_input(augment(pixels, draw(19, [1, seed]), ranges))
        np.testing.assert_array_equal(found, augmented_by_tensorflow(pixels, [1, seed], ranges))


@pytest.mark.parametrize("fill_mode", ["nearest", "reflect"])
def test_what_lies_outside_is_that_of_tensorflow_s_own_fill_modes(fill_mode):
    """Rounding apart: positions far below 100 pixels are off by a few 2^-24 * 100, times at most 255 levels a pixel."""
    pixels = np.random.default_rng(1).integers(0, 256, (19, SIDE, SIDE, 1), dtype=np.uint8)
    ranges = Ranges(rotation_range=90.0, shift_range=0.8, zoom_range=0.5, fill_mode=fill_mode)
    found = network_input(augment(pixels, draw(19, [1, 2]), ranges))
    np.testing.assert_allclose(found, augmented_by_tensorflow(pixels, [1, 2], ranges), atol=0.02)
    assert found.numpy().min(axis=(1, 2, 3)).max() > 0 or fill_mode == "constant"


def test_a_range_of_nothing_changes_nothing_and_one_alone_changes_that_alone(images):
    none = Ranges(0.0, 0.0, 0.0, False, 0.0)
    batch = np.repeat(images, 8, axis=0)
    np.testing.assert_allclose(augment(batch, draw(8, [1, 2]), none), batch, atol=1e-3)
    flipped = augment(batch, draw(8, [1, 2]), none._replace(horizontal_flip=True)).numpy()
    mirrored = draw(8, [1, 2]).numpy()[:, 5] < 0.5
    assert 0 < mirrored.sum() < 8
    np.testing.assert_allclose(flipped, np.where(mirrored[:, None, None, None], batch[:, :, ::-1], batch), atol=1e-3)
    factors = augment(batch, draw(8, [1, 2]), none._replace(brightness_range=0.2)).numpy() / batch
    assert np.ptp(factors, axis=(1, 2, 3)).max() < 1e-4
    assert 0.8 <= factors.min() < factors.max() <= 1.2


def test_xla_gives_the_same_images_up_to_rounding():
    """It fuses products and sums: positions below 33 are off by a few 2^-24 * 33, times at most 255 levels a pixel."""
    pixels = np.random.default_rng(1).integers(0, 256, (8, SIDE, SIDE, 1), dtype=np.uint8)
    draws = draw(8, [1, 2])
    compiled = tf.function(augment, jit_compile=True)
    np.testing.assert_allclose(compiled(pixels, draws), augment(pixels, draws), atol=0.01)


def test_no_change_returns_the_image_and_a_flip_its_mirror_image(images):
    np.testing.assert_allclose(warp(images, maps()), images, atol=1e-3)
    np.testing.assert_allclose(warp(images, maps(mirrored=True)), images[:, :, ::-1], atol=1e-3)


def test_a_shift_by_whole_pixels_moves_and_fills_with_black(images):
    moved = warp(images, maps(shift_x=3.0, shift_y=-2.0)).numpy()
    np.testing.assert_allclose(moved[:, 2:, :-3], images[:, :-2, 3:], atol=1e-3)
    assert (moved[:, :2] == 0).all()
    assert (moved[:, :, -3:] == 0).all()


def test_rotation_and_zoom_agree_with_scipy(images):
    """The same affine map, applied by scipy's bilinear interpolation; borders differ by convention and are left out."""
    angle, zoom_x, zoom_y = math.radians(7), 0.9, 1.1
    ours = warp(images, maps(angle=angle, zoom_x=zoom_x, zoom_y=zoom_y)).numpy()[0, :, :, 0]
    cos, sin, centre = math.cos(angle), math.sin(angle), (SIDE - 1) / 2
    matrix = np.array([[cos * zoom_y, sin * zoom_x], [-sin * zoom_y, cos * zoom_x]])  # (y, x) order
    offset = centre - matrix @ [centre, centre]
    theirs = scipy.ndimage.affine_transform(images[0, :, :, 0], matrix, offset, order=1)
    np.testing.assert_allclose(ours[6:-6, 6:-6], theirs[6:-6, 6:-6], atol=0.05)


def test_random_maps_stay_in_the_ranges_of_the_report():
    """Recovers angle, zooms, shifts from the maps; 4,000 draws come within 1 % of each bound except with p < 1e-8."""
    drawn = random_affine(draw(4000, [1, 2]), float(SIDE), Ranges()).numpy()
    a0, a1, a2, b0, b1, b2 = drawn.T
    mirrored = a0 < 0
    angle = np.degrees(np.arctan2(-a1, b1))
    zoom_x, zoom_y = np.hypot(a0, b0), np.hypot(a1, b1)
    centre = (SIDE - 1) / 2
    shift_x = (a2 - centre + centre * (a0 + a1)) / SIDE
    shift_y = (b2 - centre + centre * (b0 + b1)) / SIDE
    for values, low, high in [
        (angle, -10, 10), (zoom_x, 0.85, 1.15), (zoom_y, 0.85, 1.15), (shift_x, -0.1, 0.1), (shift_y, -0.1, 0.1),
    ]:  # fmt: skip
        slack = 0.01 * (high - low)
        assert low - 1e-3 <= values.min() <= low + slack
        assert high - slack <= values.max() <= high + 1e-3
    # binomial(4000, 1/2): five standard deviations are 0.04
    assert mirrored.mean() == pytest.approx(0.5, abs=0.04)


def test_brightness_factors_span_90_to_110_percent(monkeypatch):
    monkeypatch.setattr("lib.training.augment.warp", lambda images, maps, fill_mode: images)
    values = augment(tf.fill([2000, 1, 1, 1], 100.0), draw(2000, [3, 4])).numpy().ravel()
    assert 90 - 1e-3 <= values.min() < 90.5
    assert 109.5 < values.max() <= 110 + 1e-3


def test_values_stay_in_the_range_of_pixels():
    out = augment(tf.fill([16, 8, 8, 3], 255.0), draw(16, [0, 1])).numpy()
    assert out.min() >= 0
    assert out.max() <= 255


def test_the_published_reading_stretches_each_image_to_its_own_range():
    image = np.array([[50.0, 100.0], [75.0, 150.0]], np.float32)[None, :, :, None]
    np.testing.assert_allclose(stretch(image)[0, :, :, 0], [[0, 127.5], [63.75, 255]], atol=1e-3)
    assert (stretch(np.full((1, 2, 2, 1), 9.0, np.float32)).numpy() == 0).all()


def test_the_same_seed_gives_the_same_images(images):
    batch = np.repeat(images, 4, axis=0)
    first, again, other = (augment(batch, draw(4, seed)).numpy() for seed in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1
    assert np.abs(first[0] - first[1]).max() > 1, "every image of a batch has its own draw"
