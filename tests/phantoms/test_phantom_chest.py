"""What the chest phantoms show, and what they must not give away."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from lib import phantoms
from lib.phantoms import chest, film, sources
from lib.phantoms.fields import generator

SHAPE = (96, 96)
LABELS = ("covid-19", "normal", "pneumonia")


def thorax(number: int, label: str, image: str = "a") -> tuple[np.ndarray, np.ndarray]:
    return chest.attenuation(1, f"patient-{number}", image, label, SHAPE)


def exposed(absorbed: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    return film.expose(absorbed[0], absorbed[1] & chest.LUNG == 0, rng)


def sides(mask: np.ndarray) -> tuple[int, int]:
    """Opaque pixels left and right of the middle between the lungs."""
    middle = round(np.nonzero(mask & chest.LUNG)[1].mean())
    opaque = mask & chest.OPACITY > 0
    return int(opaque[:, :middle].sum()), int(opaque[:, middle:].sum())


@pytest.mark.parametrize("number", range(12))
def test_opacities_lie_where_the_class_has_them(number):
    assert sides(thorax(number, "normal")[1]) == (0, 0)
    one, other = sorted(sides(thorax(number, "pneumonia")[1]))
    assert one == 0
    assert other > 0.01 * np.prod(SHAPE)
    ill, mask = thorax(number, "covid-19")
    assert min(sides(mask)) > 0.004 * np.prod(SHAPE)
    columns = np.arange(SHAPE[1])[None] - np.nonzero(mask & chest.LUNG)[1].mean()
    away, added = np.abs(np.broadcast_to(columns, SHAPE)), ill - thorax(number, "normal")[0]
    air = ndimage.binary_erosion(mask & chest.LUNG)  # the mask reaches a pixel beyond it
    assert (away * added).sum() / added.sum() > 1.15 * away[air].mean()  # peripheral


@pytest.mark.parametrize("label", ["covid-19", "pneumonia"])
def test_disease_adds_attenuation_inside_the_lungs_and_changes_nothing_else(label):
    healthy, mask = thorax(5, "normal")
    ill, flags = thorax(5, label)
    opaque = flags & chest.OPACITY > 0
    assert (ill - healthy)[opaque].mean() > 0.1
    assert np.all(flags[opaque] & chest.LUNG)
    outside = mask & chest.LUNG == 0
    assert np.array_equal(outside, flags & chest.LUNG == 0)
    assert np.array_equal(ill[outside], healthy[outside])
    films = [exposed(of, generator(1, "film")) for of in ((ill, flags), (healthy, mask))]
    assert np.array_equal(films[0][outside], films[1][outside])
    assert films[0][opaque].mean() > films[1][opaque].mean() + 20


def test_images_of_one_patient_share_the_disease_but_not_the_pose():
    first, second = thorax(2, "pneumonia", "a")[1], thorax(2, "pneumonia", "b")[1]
    assert not np.array_equal(first, second)
    assert np.argmax(sides(first)) == np.argmax(sides(second))


def test_lungs_are_dark_and_the_heart_is_bright_on_film():
    absorbed, mask = thorax(3, "normal")
    picture = exposed((absorbed, mask), generator(1, "film"))
    lungs = picture[mask & chest.LUNG > 0].mean()
    heart = picture[58:66, 50:56].mean()  # just right of the middle, above the diaphragm
    assert heart > lungs + 60


def test_brightness_and_contrast_alone_do_not_separate_the_classes():
    each = 60
    labels = np.repeat(LABELS, each)
    films = [
        exposed(chest.attenuation(1, f"patient-{number}", "a", label, (64, 64)), generator(1, "film", number))
        for number, label in enumerate(labels.tolist())
    ]
    means = np.array([picture.mean() for picture in films])
    # Two groups of 60 and 120 drawn alike: the area's standard deviation is sqrt(181 / (12 * 60 * 120)) = 0.046;
    # 0.14 is three of them.
    for label in LABELS:
        assert abs(roc_auc_score(labels == label, means) - 0.5) < 0.14
    # contrast follows the opacities a little; it must stay far from telling the classes
    spreads = np.array([picture.std() for picture in films])
    for label in LABELS:
        assert abs(roc_auc_score(labels == label, spreads) - 0.5) < 0.25


def test_exposure_is_the_same_whatever_the_source():
    shots = [shot for shot in sources.planned_shots(1500, 1) if shot.view == "frontal" and shot.label == "normal"]
    others = [shot for shot in shots if shot.source != sources.RSNA and not shot.large_heart][:60]
    rsna = [shot for shot in shots if shot.source == sources.RSNA and not shot.large_heart][: 3 * len(others)]
    means = [phantoms.draw_chest(shot, 64, 1, 0.0)[0].mean() for shot in others + rsna]
    area = roc_auc_score([1] * len(others) + [0] * len(rsna), means)
    # three standard deviations of the area for groups of n and 3n drawn alike
    n = len(others)
    assert abs(area - 0.5) < 3 * np.sqrt((4 * n + 1) / (12 * n * 3 * n))


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_marker_changes_its_flagged_pixels_alone_and_grows_with_its_strength(strength):
    shot = next(shot for shot in sources.planned_shots(60, 1) if shot.source != sources.RSNA)
    clean, without = phantoms.draw_chest(shot, 96, 1, 0.0)
    marked, mask = phantoms.draw_chest(shot, 96, 1, strength)
    place = mask & chest.MARKER > 0
    assert not (without & chest.MARKER).any()
    assert place.any()
    assert np.array_equal(clean[~place], marked[~place])
    assert marked[place].max() >= np.rint(255 * strength)
    toward = np.abs(marked[place].astype(int) - clean[place]).mean()
    full = phantoms.draw_chest(shot, 96, 1, 1.0)[0][place].astype(int)
    assert toward == pytest.approx(strength * np.abs(full - clean[place]).mean(), abs=0.6)  # rounding to grey levels


def test_only_the_covid_sources_carry_the_marker():
    for shot in sources.planned_shots(60, 1):
        if shot.view == "frontal":
            _, mask = phantoms.draw_chest(shot, 64, 1, 1.0)
            assert bool((mask & chest.MARKER).any()) == (shot.source != sources.RSNA)


def test_boxes_leave_out_specks():
    opaque = np.zeros((50, 50), np.uint8)
    opaque[10:20, 5:30] = chest.OPACITY
    opaque[40, 40] = chest.OPACITY
    assert phantoms.boxes_around(opaque) == [(5.0, 10.0, 25.0, 10.0)]


def test_random_numbers_depend_on_seed_and_keys_alone():
    one = generator(1, "a", 2).uniform(size=3)
    assert np.array_equal(one, generator(1, "a", 2).uniform(size=3))
    for other in (generator(2, "a", 2), generator(1, "a", 3), generator(1, "b", 2)):
        assert not np.array_equal(one, other.uniform(size=3))
