"""The bootstrap over patients against hand arithmetic, scikit-learn and known distributions."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from lib.evaluation import bootstrap, metrics
from lib.evaluation.runs import SCORES, Predictions


def predictions(groups, labels, probabilities):
    return Predictions(np.arange(len(labels)), groups, labels, probabilities)


def intervals(resamples, labels, probabilities):
    test = predictions(resamples.group, labels, probabilities)
    return {score: bootstrap.score_interval(resamples, test, score) for score in SCORES}


@pytest.fixture
def sample():
    """60 patients with 1 to 3 images each, 20 of every class."""
    generator = np.random.default_rng(3)
    groups = np.repeat(np.arange(60), generator.integers(1, 4, size=60))
    labels = (np.arange(60) % 3)[groups]
    probabilities = generator.dirichlet(np.ones(3), len(groups)) + 0.6 * np.eye(3)[labels]
    return groups, labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_a_resample_draws_as_many_patients_as_there_are_and_equal_seeds_the_same(sample):
    first, again, other = (bootstrap.draw(*sample[:2], 200, seed).weights for seed in (1, 1, 2))
    assert first.shape == (200, 60)
    assert (first.sum(axis=1) == 60).all()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_class_with_one_patient_is_in_every_resample():
    groups, labels = np.arange(10), np.array([0] + [1] * 5 + [2] * 4)
    resamples = bootstrap.draw(groups, labels, 300)
    assert (resamples.weights[:, 0] >= 1).all()


def test_scores_of_a_resample_equal_those_of_the_images_repeated_by_hand(sample):
    groups, labels, probabilities = sample
    resamples = bootstrap.draw(groups, labels, 5)
    test = predictions(groups, labels, probabilities)
    found = {score: bootstrap.spread(resamples, test, score) for score in (*SCORES, "covid_auc")}
    for k, weights in enumerate(resamples.weights):
        images = np.repeat(np.arange(len(labels)), weights[groups].astype(int))
        expected = metrics.scores(labels[images], probabilities[images])
        assert {name: values[k] for name, values in found.items()} == pytest.approx({n: expected[n] for n in found})


def test_areas_equal_scikit_learns_with_weights_and_ties(sample):
    groups, labels, probabilities = sample
    score = probabilities[:, 0].round(1)
    resamples = bootstrap.draw(groups, labels, 300)
    found = bootstrap.areas(resamples, labels == 0, score)
    for k in (0, 1, 250, 299):
        expected = roc_auc_score(labels == 0, score, sample_weight=resamples.weights[k, resamples.group])
        assert found[k] == pytest.approx(expected)


def test_the_interval_of_a_mean_over_patients_is_the_normal_one():
    # 400 patients of one image each, 80 % right: the standard error is sqrt(.8 * .2 / 400) = .02
    labels = np.tile([0, 1, 2, 1], 100)
    wrong = np.arange(400) % 5 == 0
    probabilities = np.eye(3)[np.where(wrong, (labels + 1) % 3, labels)]
    resamples = bootstrap.draw(np.arange(400), labels, 4000)
    low, high = intervals(resamples, labels, probabilities)["accuracy"]
    # the quantiles of 4000 draws err by about .02 * sqrt(.025 * .975 / 4000) / .058 = .0009; five times that is allowed
    assert low == pytest.approx(0.8 - 1.96 * 0.02, abs=0.0045)
    assert high == pytest.approx(0.8 + 1.96 * 0.02, abs=0.0045)


def test_several_images_of_a_patient_do_not_narrow_the_interval(sample):
    _, labels, probabilities = sample
    once = bootstrap.draw(np.arange(len(labels)), labels, 500)
    thrice = bootstrap.draw(np.tile(np.arange(len(labels)), 3), np.tile(labels, 3), 500)
    narrow = intervals(once, labels, probabilities)
    tripled = intervals(thrice, np.tile(labels, 3), np.tile(probabilities, (3, 1)))
    for name, ends in narrow.items():
        assert ends == pytest.approx(tripled[name])


def test_perfect_and_hopeless_scores_get_exact_binomial_bounds():
    labels = np.repeat([0, 1, 2], 20)
    resamples = bootstrap.draw(np.arange(60), labels, 100)
    perfect = intervals(resamples, labels, np.eye(3)[labels])
    # all of n right: the lower end of Clopper and Pearson's interval is .025 ** (1 / n)
    assert perfect["covid_recall"] == pytest.approx((0.025 ** (1 / 20), 1))
    assert perfect["accuracy"] == pytest.approx((0.025 ** (1 / 60), 1))
    test = predictions(np.arange(60), labels, np.eye(3)[labels])
    assert bootstrap.score_interval(resamples, test, "covid_auc") == pytest.approx((0.025 ** (1 / 20), 1))
    never = intervals(resamples, labels, np.eye(3)[np.full(60, 1)])
    assert never["covid_recall"] == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert np.isnan(never["covid_precision"]).all()


def test_fewer_than_eighteen_patients_give_no_interval():
    """17 patients with COVID-19, 18 images of them: patients count, not images."""
    labels = np.repeat([0, 1, 2], [18, 30, 30])
    groups = np.r_[0, 0, 1:17, 100:160]
    test = predictions(groups, labels, np.eye(3)[np.where(np.arange(78) % 5, labels, 1)])
    found = {score: bootstrap.score_interval(bootstrap.draw(groups, labels, 100), test, score) for score in SCORES}
    assert [score for score, ends in found.items() if np.isnan(ends).any()] == list(SCORES[1:])
    assert bootstrap.patients_behind(test, "covid_recall") == bootstrap.patients_behind(test, "macro_f1") == 17
    assert bootstrap.patients_behind(test, "covid_auc") == 17
    assert bootstrap.patients_behind(test, "accuracy") == 77
    assert np.isnan(bootstrap.mean_interval(np.arange(17.0), np.arange(17), 100)).all()
    assert np.isfinite(bootstrap.mean_interval(np.arange(18.0), np.arange(18), 100)).all()


def test_a_draw_without_a_value_could_have_any():
    values = np.r_[np.full(90, 0.5), np.full(10, np.nan)]
    assert bootstrap.interval(values) == (0, 1)  # a tenth of the draws is more than either tail
    assert bootstrap.interval(np.full(100, 0.5)) == (0.5, 0.5)
    assert bootstrap.p_value(np.r_[np.ones(97), [np.nan] * 2]) == pytest.approx(2 * 3 / 100)


def test_a_difference_that_no_draw_moves_is_as_sure_as_its_patients_allow():
    low, high = bootstrap.difference_interval(np.zeros(100), 0.0, 20)
    # 20 patients agree: another one differs with a probability of up to 1 - .025 ** (1 / 20)
    assert (low, high) == pytest.approx((0.025 ** (1 / 20) - 1, 1 - 0.025 ** (1 / 20)))
    assert np.isnan(bootstrap.difference_interval(np.zeros(100), 0.0, 17)).all()


def test_rows_on_the_same_images_share_their_draws_and_others_do_not(sample):
    draws, one = bootstrap.Resampler(20), predictions(*sample)
    assert draws.of(one) is draws.of(predictions(*sample[:2], sample[2][:, ::-1]))
    assert draws.of(one) is not draws.of(predictions(sample[0] + 1, *sample[1:]))
    assert np.array_equal(draws.of(one).weights, bootstrap.draw(*sample[:2], 20).weights)


def test_p_values():
    assert bootstrap.p_value(np.array([-1, 1, 2, 3, 4, 5, 6, 7, 8])) == pytest.approx(2 * 2 / 10)
    assert bootstrap.p_value(np.ones(999)) == pytest.approx(2 / 1000)
    assert bootstrap.p_value(np.zeros(9)) == 1


def test_holm_by_hand():
    # sorted .01, .03, .04 times 3, 2, 1 gives .03, .06, .04, and no later value may be below an earlier one
    assert bootstrap.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert bootstrap.holm([0.9, 0.8]) == [1, 1]
