"""Floors below every score: features by hand, a classifier that learns what there is and no more, balanced accuracy."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from lib.evaluation import bootstrap, floors
from lib.evaluation.runs import Predictions


def dataset(splits, **columns):
    """An index of one image a patient."""
    names = [f"i{k}" for k in range(len(splits))]
    return pd.DataFrame({"image_id": names, "group_id": names, "split": splits, **columns})


def test_image_statistics_of_a_flat_image_with_a_bright_ring():
    image = np.zeros((1, 10, 10, 1), np.uint8)
    image[:, [0, -1]] = image[:, :, [0, -1]] = 100  # the ring is a tenth of the side: these 36 of 100 pixels
    found = floors.image_statistics(image).iloc[0]
    assert found["mean"] == pytest.approx(36)
    assert found["contrast"] == pytest.approx(48)  # 100 sqrt(.36 .64)
    assert found["black"] == pytest.approx(0.64)
    assert (found["p5"], found["p50"], found["p95"]) == (0, 0, 100)
    assert (found["border_mean"], found["border_contrast"], found["border_sharpness"]) == (100, 0, 0)
    assert found["sharpness"] == pytest.approx(100 * 32 / 180)  # 8 rows and 8 columns cross the ring twice


def test_the_border_is_as_sharp_as_its_own_neighbours_are_apart():
    stripes = np.zeros((1, 10, 10, 1), np.uint8)
    stripes[:, :, ::2] = 10  # neighbours across differ by 10, those below each other do not
    found = floors.image_statistics(stripes).iloc[0]
    assert found["sharpness"] == pytest.approx(5)
    assert found["border_sharpness"] == pytest.approx(10 * 18 / 36)  # 9 pairs along two edges, of 9 along each of four


def test_a_files_shape_is_its_size_and_how_far_from_square():
    found = floors.file_shape(pd.DataFrame({"width": [4, 8], "height": [4, 2]}))
    assert found.to_numpy().tolist() == [[4, 0, 0], [4, 2, 2]]


def test_metadata_are_read_however_a_source_writes_them_and_unknown_stays_unknown():
    told = pd.DataFrame(
        {
            "age": ["34", "55.0", "", None],
            "sex": ["F", " male", "O", None],
            "view": ["PA", "AP Supine", "ap", "L"],
        }
    )
    nan = np.nan
    expected = [[34, 1, 0], [55, 0, 1], [nan, nan, 1], [nan, nan, nan]]
    np.testing.assert_array_equal(floors.metadata(told).to_numpy(), expected)
    assert floors.metadata(told[["sex"]]).drop(columns="female").isna().all(axis=None)


def test_gaps_get_the_training_mean_and_a_column_that_says_so_only_where_it_is_wanted():
    facts = pd.DataFrame({"age": [20.0, 40.0, np.nan, 90.0], "AP": [np.nan, np.nan, 1.0, np.nan]})
    train = np.array([0, 1])
    assert floors.filled(facts, train, unknown=False).to_dict("list") == {"age": [20, 40, 30, 90]}
    told = floors.filled(facts, train, unknown=True)
    assert told.to_dict("list") == {"age": [20, 40, 30, 90], "age unknown": [0, 0, 1, 0]}


def test_what_is_in_the_features_is_found_and_what_is_not_is_not():
    generator = np.random.default_rng(1)
    truth = np.tile([0, 1, 2], 100)
    index = dataset(np.repeat(["train", "test"], 150))
    telling = np.eye(3)[truth] + generator.normal(0, 0.1, (300, 3))
    assert floors.answers(index, telling, truth, 3).scores()["accuracy"] == 1
    test = floors.answers(index, generator.normal(size=(300, 3)), truth, 3)
    assert test.scores()["accuracy"] < 0.33 + 4 * np.sqrt(0.33 * 0.67 / 150)  # four standard deviations above chance


def test_answers_are_of_the_images_asked_for_in_the_order_of_their_names():
    index = dataset(["train", "train", "train", "test", "test", "test"])
    index["image_id"] = list("abcfed")
    among = np.array([True, True, False, True, False, True])
    test = floors.answers(index, np.array([[0.0], [1], [0], [1], [0], [0]]), np.array([0, 2, 1, 2, 0, 0]), 3, among)
    assert test.images.tolist() == ["d", "f"]
    assert test.labels.tolist() == test.predicted.tolist() == [0, 2]
    assert (test.probabilities[:, 1] == 0).all()  # no training image among these is of that kind


def test_answers_do_not_change_with_the_labels_of_test_images():
    generator = np.random.default_rng(2)
    index, truth = dataset(np.repeat(["train", "test"], 30)), np.tile([0, 1], 30)
    features, other = generator.normal(size=(60, 4)), np.r_[truth[:30], 1 - truth[30:]]
    first, second = (floors.answers(index, features, labels, 2).probabilities for labels in (truth, other))
    np.testing.assert_array_equal(first, second)


def test_balanced_accuracy_is_scikit_learns_and_leaves_out_a_kind_that_does_not_occur():
    labels, called = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 2])
    matrix = np.zeros((3, 3))
    np.add.at(matrix, (labels, called), 1)
    assert floors.balanced_accuracy(matrix) == pytest.approx((3 / 4 + 1 / 2) / 2)
    generator = np.random.default_rng(3)
    labels, called = generator.integers(0, 3, (2, 80))
    np.add.at(matrix := np.zeros((3, 3)), (labels, called), 1)
    assert floors.balanced_accuracy(matrix) == pytest.approx(balanced_accuracy_score(labels, called))


def test_balanced_accuracy_has_an_interval_only_where_every_kind_has_enough_patients():
    def of(patients):
        labels = np.repeat([0, 1], [100, patients])
        called = np.eye(2)[np.where(np.arange(len(labels)) % 4 == 0, 1 - labels, labels)]
        return floors.balanced_interval(Predictions(*[np.arange(len(labels))] * 2, labels, called), 200)

    assert np.isnan(of(bootstrap.LEAST_PATIENTS - 1)).all()
    low, high = of(40)
    assert low < 0.75 < high
