"""Curves, calibration and thresholds against hand arithmetic."""

import numpy as np
import pytest

from lib.evaluation import curves
from lib.evaluation.bootstrap import Resampler
from lib.evaluation.runs import Predictions, Row


def predictions(labels, covid):
    """Predictions with the given COVID-19 probabilities; the rest goes to class normal."""
    covid = np.asarray(covid, dtype=float)
    probabilities = np.stack([covid, 1 - covid, np.zeros_like(covid)], axis=1)
    names = np.array([f"image{k}" for k in range(len(covid))])
    return Predictions(names, names, np.asarray(labels), probabilities)


def test_roc_area_and_band():
    labels = np.repeat([0, 1], 40)
    score = np.clip(0.6 - 0.2 * labels + np.random.default_rng(1).normal(0, 0.2, 80), 0, 1)
    roc = curves.covid_roc(predictions(labels, score), Resampler(300))
    assert roc.area_low < roc.area < roc.area_high
    assert (roc.low <= roc.high).all()
    assert roc.low[-1] == roc.high[-1] == 1
    assert np.trapezoid(roc.true, roc.false) == pytest.approx(roc.area)


def test_there_is_no_roc_without_both_kinds():
    assert curves.covid_roc(predictions([1, 1], [0.2, 0.3]), Resampler(100)) is None


def test_class_curves_leave_out_a_class_that_does_not_occur():
    found = curves.class_curves(predictions([0, 0, 1, 1], [0.9, 0.4, 0.6, 0.1]))
    assert set(found) == {"covid-19", "normal"}
    # of the four pairs, (.9, .6), (.9, .1) and (.4, .1) are in order
    assert found["covid-19"]["area"] == pytest.approx(3 / 4)
    # precision at the first hit 1, at the second 2/3; each adds half of the recall
    assert found["covid-19"]["average_precision"] == pytest.approx((1 + 2 / 3) / 2)


def test_calibration_by_hand():
    # predicted with confidence .95 (right), .95 (wrong), .65 (right)
    table, error = curves.calibration(predictions([0, 1, 0], [0.95, 0.95, 0.65]))
    assert table["images"].tolist() == [1, 2]
    assert table["correct"].tolist() == [1, 0.5]
    assert error == pytest.approx((1 * 0.35 + 2 * 0.45) / 3)
    table, error = curves.calibration(predictions([0, 0], [1.0, 0.95]))
    assert len(table) == 1  # a confidence of one stays in the last bin
    assert error == pytest.approx(0.025)


def test_the_threshold_is_the_largest_of_the_best():
    # at .7: two hits, no false alarm, one missed: F1 = 4/5; at .3: three hits, one false alarm: F1 = 6/7
    assert curves.choose_threshold(predictions([0, 0, 1, 0, 1], [0.9, 0.7, 0.5, 0.3, 0.1])) == 0.3
    # at .9 one hit of two, F1 2/3; at .2 two hits of four called, F1 2/3
    assert curves.choose_threshold(predictions([0, 1, 1, 0], [0.9, 0.8, 0.7, 0.2])) == 0.9


def test_no_threshold_without_covid_in_validation():
    with pytest.raises(ValueError, match="validation_share"):
        curves.choose_threshold(predictions([1, 2], [0.1, 0.2]))


def test_rates_at_a_threshold():
    found = curves.at_threshold(predictions([0, 0, 1, 2, 2], [0.9, 0.4, 0.5, 0.1, 0.1]), 0.5)
    assert found == pytest.approx({"recall": 1 / 2, "specificity": 2 / 3, "precision": 1 / 2, "f1": 1 / 2})


def test_precision_at_a_prevalence_is_bayes():
    labels = np.repeat([0, 1], [20, 200])
    scores = np.r_[np.full(16, 0.9), np.full(4, 0.1), np.full(10, 0.9), np.full(190, 0.1)]
    table = curves.prevalence_table(predictions(labels, scores), 0.5, Resampler(300)).set_index("prevalence")
    # recall .8, specificity .95: of 1000 people 10 are ill; 8 and .05 * 990 = 49.5 are called
    assert table.at[0.01, "precision"] == pytest.approx(8 / 57.5)
    # the last line is the test set's own prevalence, where Bayes gives its own precision
    assert table["precision"].iloc[-1] == pytest.approx(8 / 13)
    assert (table["low"] <= table["precision"]).all()
    assert (table["precision"] <= table["high"]).all()
    few = curves.prevalence_table(predictions(labels[3:], scores[3:]), 0.5, Resampler(9))  # 17 with COVID-19
    assert few[["low", "high"]].isna().all(axis=None)
    assert few["precision"].notna().all()


def test_no_false_alarm_among_few_is_not_taken_for_certainty():
    labels = np.repeat([0, 1], [20, 40])
    table = curves.prevalence_table(predictions(labels, np.where(labels == 0, 0.9, 0.1)), 0.5, Resampler(200))
    line = table.set_index("prevalence").loc[0.001]
    # 40 patients without a false alarm allow a specificity of .025 ** (1 / 40), 20 hits a recall of .025 ** (1 / 20)
    recall, specificity = 0.025 ** (1 / 20), 0.025 ** (1 / 40)
    assert line["precision"] == line["high"] == 1
    assert line["low"] == pytest.approx(recall * 0.001 / (recall * 0.001 + (1 - specificity) * 0.999))


def test_threshold_table_takes_the_threshold_from_validation():
    test = predictions([0, 0, 1, 1], [0.8, 0.45, 0.6, 0.1])
    validation = predictions([0, 0, 1, 1], [0.9, 0.4, 0.3, 0.1])
    rows = {"RN4": Row("RN4", test, validation), "RN3": Row("RN3", test)}
    (line,) = curves.threshold_table(rows).to_dict("records")
    assert line["id"] == "RN4"
    assert line["threshold"] == 0.4
    assert line["recall, as predicted"] == 0.5
    assert line["recall, tuned"] == 1
    assert line["precision, tuned"] == pytest.approx(2 / 3)
