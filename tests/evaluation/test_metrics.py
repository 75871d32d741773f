"""Scores against hand arithmetic and scikit-learn; those of Figure 4b are computed by notebook 10 (test_errata)."""

import numpy as np
import pytest
from sklearn import metrics as reference

from lib.evaluation import metrics


def test_scores_equal_scikit_learns_on_random_probabilities():
    generator = np.random.default_rng(1)
    labels = generator.integers(3, size=200)
    probabilities = generator.dirichlet(np.ones(3), 200)
    predicted = probabilities.argmax(axis=1)
    expected = {
        "accuracy": reference.accuracy_score(labels, predicted),
        "macro_f1": reference.f1_score(labels, predicted, average="macro"),
        "macro_auc": reference.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"),
        "covid_precision": reference.precision_score(labels == 0, predicted == 0),
        "covid_recall": reference.recall_score(labels == 0, predicted == 0),
        "covid_f1": reference.f1_score(labels == 0, predicted == 0),
        "covid_auc": reference.roc_auc_score(labels == 0, probabilities[:, 0]),
    }
    assert metrics.scores(labels, probabilities) == pytest.approx(expected)


def test_what_has_nothing_to_divide_by_has_no_value():
    labels = np.array([1, 1, 2])
    absent = metrics.scores(labels, np.array([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.1, 0.5, 0.4]]))
    assert [absent[f"covid_{name}"] for name in ("precision", "recall", "f1", "auc")] == [None] * 4
    assert absent["macro_auc"] == pytest.approx(1.0)  # both other classes are ranked perfectly
    assert absent["macro_f1"] == pytest.approx(0.4)  # normal 4 / 5, pneumonia 0; there is no covid-19 to average
    never = metrics.scores(np.array([0, 1]), np.array([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1]]))
    assert never["covid_precision"] is None
    assert never["covid_recall"] == never["covid_f1"] == 0  # one image is missed


def test_equal_probabilities_predict_the_first_class():
    assert metrics.scores(np.array([0, 1]), np.full((2, 3), 1 / 3))["covid_precision"] == 0.5


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        (np.zeros((2, 1), int), np.ones((2, 3)), "expected"),
        (np.array([], int), np.ones((0, 3)), "N > 0"),
        (np.array([0.5]), np.ones((1, 3)), "whole numbers"),
        (np.array([3]), np.ones((1, 3)), "0 to 2"),
        (np.array([0]), np.array([[np.nan, 0, 1]]), "not finite"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_a_reason(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        metrics.scores(labels, probabilities)


def test_a_stack_of_matrices_is_scored_matrix_by_matrix():
    stack = np.stack([[[72, 5, 15], [13, 1221, 94], [11, 87, 807]], np.eye(3) * 4])  # Figure 4b, and all right
    found = metrics.from_confusion(stack)
    assert found["accuracy"] == pytest.approx([2100 / 2325, 1])
    assert found["covid_precision"] == pytest.approx([0.75, 1])
    assert np.isnan(metrics.from_confusion(np.array([[0, 3, 0], [0, 9, 0], [0, 0, 9]]))["covid_precision"])
