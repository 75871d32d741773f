"""What is explained is chosen by rule, and what is known about it is found where notebook 00 leaves it."""

import numpy as np
import pandas as pd
import pytest

from lib import files
from lib.data import load
from lib.explainers import select


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


def test_figure_5_takes_the_surest_right_images_of_different_patients_and_wrong_ones_where_these_run_out():
    assert select.confident(predictions()).image_id.tolist() == ["a", "c"]
    chosen = select.confident(predictions(), count=3)
    assert chosen.image_id.tolist() == ["a", "c", "d"]
    assert chosen.correct.tolist() == [True, True, False]
    with pytest.raises(ValueError, match="pneumonia: found 1 patients"):
        select.confident(predictions(), "pneumonia")


def test_gallery_holds_right_and_wrong_of_every_class():
    found = select.gallery_cases(predictions(), ["covid-19", "normal", "pneumonia"])
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
    assert select.positions_of(index, pd.Series(["z", "x"])).tolist() == [2, 0]


def test_a_spread_keeps_rare_classes():
    labels = np.array([0] * 3 + [1] * 50 + [2] * 40)
    part = load.Part(np.arange(93), labels, pd.DataFrame({"group_id": range(93)}))
    few = select.spread_over_classes(part, 12)
    assert np.bincount(labels[few]).tolist() == [3, 5, 4]
    assert (np.diff(few) > 0).all()
    assert select.spread_over_classes(part, 500).tolist() == list(range(93))


def test_a_second_image_of_a_patient_comes_after_the_first_ones_of_all():
    patients = np.repeat(np.arange(20), 3)
    part = load.Part(np.arange(60), np.zeros(60, int), pd.DataFrame({"group_id": patients}))
    assert sorted(patients[select.spread_over_classes(part, 20)]) == list(range(20))
    assert np.bincount(patients[select.spread_over_classes(part, 40)]).tolist() == [2] * 20


@pytest.fixture
def dataset(tmp_path):
    """Three prepared images of 8 pixels: with lungs and an opacity, with a box, and with a marker."""
    index = pd.DataFrame({"image_id": ["a", "b", "c"], "group_id": ["1", "2", "3"]})
    index = index.assign(source="s", label=["covid-19", "pneumonia", "normal"], split="test", file="f", sha256="0")
    files.write_csv(tmp_path / "index.csv", index)
    np.save(tmp_path / "images.npy", np.zeros((3, 8, 8, 1), np.uint8))
    return tmp_path


def test_regions_come_from_masks_and_boxes_and_absent_ones_are_left_out(dataset):
    assert select.known_regions(load.open_dataset(dataset), np.arange(3)) == {}
    masks = np.zeros((3, 8, 8), np.uint8)
    masks[0, 2:6, 2:6] = 1
    masks[0, 3, 3] = 1 | 2
    masks[2, :2, :2] = 4
    np.save(dataset / "masks.npy", masks)
    boxes = pd.DataFrame([["b", 1, 2, 3, 4]], columns=["image_id", *"xy", "width", "height"])
    files.write_csv(dataset / "boxes.csv", boxes)
    found = select.known_regions(load.open_dataset(dataset), np.array([1, 0]))
    assert list(found) == ["lungs", "opacity", "box"]  # neither image carries a marker
    assert found["lungs"].sum(axis=(1, 2)).tolist() == [0, 16]
    assert found["opacity"].sum(axis=(1, 2)).tolist() == [0, 1]
    assert found["box"].sum(axis=(1, 2)).tolist() == [12, 0]
    assert found["box"][0, 2:6, 1:4].all()
    assert list(select.known_regions(load.open_dataset(dataset), np.array([2]))) == ["marker"]


def test_boxes_are_clipped_to_the_image():
    mask = select.boxes_mask([[1, 0, 2, 1], [3, 3, 9, 9]], 4)
    expected = np.zeros((4, 4), bool)
    expected[0, 1:3] = expected[3, 3] = True
    np.testing.assert_array_equal(mask, expected)
