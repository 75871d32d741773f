"""A truth that was planted: detectors of shortcuts stay silent without the marker and answer where there is one.

A linear classifier stands for the networks; `make study STUDY=shortcuts` asks these themselves (notebook 16).
"""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib import phantoms
from lib.data import views
from lib.evaluation import bootstrap, floors
from lib.phantoms import sources

SIZE = 64


@pytest.fixture(scope="module", params=[0.0, 1.0], ids=["no marker", "full marker"])
def drawn(request):
    """Marker; images (N, S, S, 1) uint8, masks (N, S, S) and their index: the frontal phantoms of 1,000."""
    shots = [shot for shot in sources.planned_shots(1000, 2) if shot.view == "frontal" and not shot.large_heart]
    pictures, masks = [], []
    for shot in shots:
        both = phantoms.draw_chest(shot, 96, 2, request.param)
        picture, mask = (Image.fromarray(one).resize((SIZE, SIZE), how) for one, how in zip(both, (2, 0), strict=True))
        pictures.append(np.asarray(picture))
        masks.append(np.asarray(mask))
    patients = [shot.patient for shot in shots]
    split = {name: ("test", "train")[at % 2] for at, name in enumerate(dict.fromkeys(patients))}
    index = pd.DataFrame({"image_id": [f"{at:04d}" for at in range(len(shots))], "group_id": patients})
    about = {"label": [shot.label for shot in shots], "rsna": [shot.source == sources.RSNA for shot in shots]}
    index = index.assign(split=index["group_id"].map(split), **about)
    return request.param, np.stack(pictures)[..., None], np.stack(masks), index


def ends(drawn, view, truth, among=None):
    """The 95 % interval of the area by which a linear classifier on a view's coarse pixels tells `truth`."""
    _, images, masks, index = drawn
    lungs = views.two_largest(masks & views.LUNG > 0)
    shown = (
        views.VIEWS[view](images, lungs).reshape(len(images), 16, 4, 16, 4).mean(axis=(2, 4)).reshape(len(images), -1)
    )
    shown = shown[:, shown.std(axis=0) > 0]
    test = floors.answers(index, shown, np.where(truth, 0, 1), 2, among)
    assert bootstrap.patients_behind(test, "covid_auc") >= bootstrap.LEAST_PATIENTS
    return bootstrap.score_interval(bootstrap.Resampler(500).of(test), test, "covid_auc")


@pytest.mark.parametrize("view", views.WITHOUT_LUNGS)
def test_without_lungs_covid_19_is_told_by_the_marker_alone(drawn, view):
    marker, *_, index = drawn
    low, high = ends(drawn, view, index["label"] == "covid-19")
    assert low > 0.6 if marker else low < 0.5 < high


@pytest.mark.parametrize("view", views.WITHOUT_LUNGS)
def test_among_images_without_covid_19_the_archive_is_told_by_the_marker_alone(drawn, view):
    marker, *_, index = drawn
    low, high = ends(drawn, view, ~index["rsna"], (index["label"] != "covid-19").to_numpy())
    assert low > 0.6 if marker else low < 0.5 < high


def test_on_lungs_alone_covid_19_is_told_and_the_archive_is_not(drawn):
    *_, index = drawn
    assert ends(drawn, "lungs_only", index["label"] == "covid-19")[0] > 0.6
    low, high = ends(drawn, "lungs_only", ~index["rsna"], (index["label"] != "covid-19").to_numpy())
    assert low < 0.5 < high
