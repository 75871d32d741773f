import numpy as np
import pytest

from lib.evaluation import metrics
from lib.training.stage import BINS, EpochScores


@pytest.fixture
def predictions():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 200)
    scores = generator.normal(size=(200, 3)) + 1.5 * np.eye(3)[labels]
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return labels, probabilities.astype(np.float32)


def test_batches_together_give_the_scores_of_the_whole(predictions):
    labels, probabilities = predictions
    gathered = EpochScores(3)
    for part in np.array_split(np.arange(200), 7):
        gathered.update_state(np.eye(3)[labels[part]], probabilities[part], sample_weight=np.full(len(part), 5.0))
    found = {name: float(value) for name, value in gathered.result().items()}
    expected = metrics.scores(labels, probabilities)
    for name in ("accuracy", "macro_f1", "covid_precision", "covid_recall"):
        assert found[name] == pytest.approx(expected[name], abs=1e-6)
    # pairs that share a bin count half: about 1 / BINS of the pairs at this spread, each off by at most one half
    assert found["macro_auc"] == pytest.approx(expected["macro_auc"], abs=2 / BINS)


def test_the_area_by_hand():
    gathered = EpochScores(2)
    truth = np.eye(2)[[0, 0, 1, 1]]
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4], [0.1, 0.9]], np.float32)
    gathered.update_state(truth, probabilities)
    # class 1: positives at .4 and .9, negatives at .1 and .6; three of four pairs are in order
    assert float(gathered.result()["macro_auc"]) == pytest.approx(0.75)


def test_the_cross_entropy_is_plain_whatever_the_weights_of_the_images(predictions):
    labels, probabilities = predictions
    gathered = EpochScores(3)
    for part in np.array_split(np.arange(200), 7):
        gathered.update_state(np.eye(3)[labels[part]], probabilities[part], sample_weight=np.full(len(part), 5.0))
    expected = -np.log(probabilities[np.arange(200), labels]).mean()
    assert float(gathered.result()["cross_entropy"]) == pytest.approx(expected, rel=1e-5)


def test_scores_of_no_image_are_undefined_and_a_reset():
    gathered = EpochScores(3)
    gathered.update_state(np.eye(3)[[1, 1]], np.eye(3, dtype=np.float32)[[1, 2]])
    assert np.isnan(gathered.result()["covid_precision"])  # never predicted
    assert np.isnan(gathered.result()["covid_recall"])  # never there
    gathered.reset_state()
    assert float(gathered.result()["accuracy"]) == 0
