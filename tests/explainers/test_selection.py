"""Figure 5's images and the gallery are chosen by rule."""

import numpy as np
import pandas as pd
import pytest

from lib.data.load import Part
from lib.explainers import selection, subject


def predictions() -> pd.DataFrame:
    rows = [  # image, patient, truth, p(covid-19), p(normal), p(pneumonia)
        ("a", "1", "covid-19", 0.90, 0.05, 0.05),
        ("b", "1", "covid-19", 0.85, 0.10, 0.05),
        ("c", "2", "covid-19", 0.80, 0.10, 0.10),
        ("d", "3", "covid-19", 0.30, 0.60, 0.10),
        ("e", "4", "normal", 0.95, 0.03, 0.02),
        ("f", "5", "normal", 0.10, 0.80, 0.10),
        ("g", "6", "pneumonia", 0.2, 0.1, 0.7),
    ]
    return pd.DataFrame(rows, columns=["image_id", "group_id", "label", "covid-19", "normal", "pneumonia"])


def test_figure_5_takes_the_surest_right_images_of_different_patients():
    assert selection.confident(predictions()).image_id.tolist() == ["a", "c"]


def test_wrong_predictions_follow_only_where_right_ones_run_out():
    chosen = selection.confident(predictions(), count=3)
    assert chosen.image_id.tolist() == ["a", "c", "d"]
    assert chosen.correct.tolist() == [True, True, False]


def test_too_few_patients_are_named():
    with pytest.raises(ValueError, match="pneumonia: found 1 patients"):
        selection.confident(predictions(), "pneumonia")


def test_gallery_holds_right_and_wrong_of_every_class():
    found = selection.gallery(predictions(), ["covid-19", "normal", "pneumonia"])
    assert list(zip(found.image_id, found.case, strict=True)) == [
        ("a", "surest right"),
        ("c", "least sure right"),
        ("d", "surest wrong"),
        ("f", "surest right"),
        ("e", "surest wrong"),
        ("g", "surest right"),
    ]


def test_positions_follow_the_order_asked_for():
    index = pd.DataFrame({"image_id": ["x", "y", "z"]})
    assert selection.positions(index, pd.Series(["z", "x"])).tolist() == [2, 0]


def test_a_spread_keeps_rare_classes():
    labels = np.array([0] * 3 + [1] * 50 + [2] * 40)
    part = Part(np.arange(93), labels, pd.DataFrame(index=range(93)))
    few = subject.spread(part, 12)
    assert np.bincount(labels[few]).tolist() == [3, 5, 4]
    assert (np.diff(few) > 0).all()
    assert subject.spread(part, 500).tolist() == list(range(93))
