"""What the scores of Table 1 leave out: ROC and precision-recall curves, calibration, thresholds, prevalence."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from lib.data.labels import CHEST_CLASSES
from lib.evaluation import bootstrap, metrics
from lib.evaluation.runs import Predictions, Row

PREVALENCES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Shares of COVID-19 among the people imaged: our choice, from screening the healthy to a ward in an outbreak."""

RARE = 0.01
"""Share of COVID-19 for the last column of `threshold_table`: our choice, one of PREVALENCES."""

BINS = 10
"""Bins of the calibration curve: our choice; few, for the small sets."""


@dataclass(frozen=True)
class Roc:
    """The ROC curve of COVID-19 against the rest, with its 95 % band over resampled patients (nan where too few).

    Attributes:
        false, true: (T,) rates of the curve itself.
        grid: (M,) false positive rates of the band.
        low, high: (M,) true positive rates, the pointwise band.
        area, area_low, area_high: area under the curve and its interval.
        patients: how many the band rests on (`bootstrap.patients_behind`).
    """

    false: np.ndarray
    true: np.ndarray
    grid: np.ndarray
    low: np.ndarray
    high: np.ndarray
    area: float
    area_low: float
    area_high: float
    patients: int


def covid_roc(test: Predictions, draws: bootstrap.Resampler) -> Roc | None:
    """Figure 4a's curve (section 4.3.1: binarised for COVID-19), or None where only one of the two kinds occurs."""
    positive, score = test.labels == 0, test.probabilities[:, 0]
    area = metrics.area(positive, score)
    if area is None:
        return None
    false, true, _ = roc_curve(positive, score)
    grid = np.linspace(0, 1, 201)
    patients = bootstrap.patients_behind(test, "covid_auc")
    low, high = np.full((2, len(grid)), np.nan)
    if patients >= bootstrap.LEAST_PATIENTS:
        low, high = bootstrap.roc_band(draws.of(test), positive, score, grid)
    ends = bootstrap.score_interval(draws.of(test), test, "covid_auc")
    return Roc(false, true, grid, low, high, area, *ends, patients)


def class_curves(predictions: Predictions) -> dict[str, dict[str, np.ndarray | float]]:
    """Each class against the rest: false, true (ROC), recall, precision, area and average precision.

    A class that does not occur, or that is the only one, is left out.
    """
    found = {}
    for k, name in enumerate(CHEST_CLASSES):
        positive, score = predictions.labels == k, predictions.probabilities[:, k]
        area = metrics.area(positive, score)
        if area is None:
            continue
        false, true, _ = roc_curve(positive, score)
        precision, recall, _ = precision_recall_curve(positive, score)
        average = float(average_precision_score(positive, score))
        found[name] = {"false": false, "true": true, "recall": recall, "precision": precision}
        found[name] |= {"area": area, "average_precision": average, "share": float(positive.mean())}
    return found


def calibration(predictions: Predictions) -> tuple[pd.DataFrame, float]:
    """The reliability diagram of the predicted class and the expected calibration error (Guo et al., 2017).

    Returns:
        (table, error): a line a bin that holds images, with columns confidence (mean largest probability), correct
        (share predicted correctly) and images; error = sum of |correct - confidence| weighted by images, in 0..1.
    """
    confidence = predictions.probabilities.max(axis=1)
    table = pd.DataFrame({"confidence": confidence, "correct": predictions.predicted == predictions.labels})
    grouped = table.groupby(np.minimum((confidence * BINS).astype(int), BINS - 1))
    lines = grouped.mean().assign(images=grouped.size()).reset_index(drop=True)
    error = (lines["images"] * (lines["correct"] - lines["confidence"]).abs()).sum() / lines["images"].sum()
    return lines, float(error)


def choose_threshold(predictions: Predictions) -> float:
    """The threshold on the COVID-19 probability that maximises the COVID-19 F1 on these (validation) images.

    The rule is fixed beforehand; of equally good thresholds the largest is taken, which calls the fewest positive.

    Raises:
        ValueError: no image is labelled covid-19, so every threshold is equally bad.
    """
    positive, score = predictions.labels == 0, predictions.probabilities[:, 0]
    if not positive.any():
        raise ValueError("found no covid-19 image in the validation set; expected some: enlarge validation_share")
    precision, recall, thresholds = precision_recall_curve(positive, score)
    f1 = np.nan_to_num(metrics.ratio(2 * precision * recall, precision + recall))[: len(thresholds)]
    return float(thresholds[np.flatnonzero(f1 == f1.max())[-1]])


def at_threshold(predictions: Predictions, threshold: float) -> dict[str, float]:
    """COVID-19 against the rest when `probability >= threshold` calls it: recall, precision, f1, specificity."""
    rates = _rates(metrics.confusion(*_binary(predictions, threshold), 2))
    return {name: float(value) for name, value in rates.items()}


def prevalence_table(test: Predictions, threshold: float, draws: bootstrap.Resampler) -> pd.DataFrame:
    """Precision to be expected where COVID-19 is as common as PREVALENCES say, with 95 % intervals over patients.

    precision = r q / (r q + (1 - s)(1 - q)) for recall r, specificity s and prevalence q (Bayes). It assumes that
    recall and specificity carry over from this test set, whose own prevalence is the last line. Where one of them is 0
    or 1 exactly, no resample moves it; the bounds are then joined by those at its exact binomial bounds.

    Returns:
        Columns prevalence, precision, low, high, in 0..1; no low and high where too few patients have COVID-19 or have
        it not (`bootstrap.LEAST_PATIENTS`).
    """
    labels, called = _binary(test, threshold)
    spread = _rates(bootstrap.confusions(draws.of(test), labels, called, 2))
    value = at_threshold(test, threshold)
    patients = [len(set(test.groups[labels == kind])) for kind in (0, 1)]
    exact = [
        np.array(bootstrap.exact_interval(value[name], n))
        for name, n in zip(("recall", "specificity"), patients, strict=True)
    ]
    enough, lines = min(patients) >= bootstrap.LEAST_PATIENTS, []
    for share in (*PREVALENCES, float((labels == 0).mean())):
        precision = float(_at_prevalence(value["recall"], value["specificity"], share))
        ends = [*bootstrap.interval(_at_prevalence(spread["recall"], spread["specificity"], share))]
        ends += _at_prevalence(*exact, share).tolist()
        low, high = (min(ends), max(ends)) if enough else (np.nan, np.nan)
        lines.append({"prevalence": share, "precision": precision, "low": low, "high": high})
    return pd.DataFrame(lines)


def threshold_table(rows: dict[str, Row]) -> pd.DataFrame:
    """What tuning the threshold gives on the test set (section 5.1), a line a row that has a validation set.

    Returns:
        Columns id, threshold (chosen on validation), then recall, precision and f1 `as predicted` (most probable class)
        and `tuned` (probability at least the threshold), and the tuned precision at the prevalence RARE; all in 0..1.
    """
    lines = []
    for name, row in rows.items():
        if row.validation is None or not (row.validation.labels == 0).any():
            continue
        threshold = choose_threshold(row.validation)
        before, after = _rates(row.test.confusion), at_threshold(row.test, threshold)
        line = {"id": name, "threshold": threshold}
        for score in ("recall", "precision", "f1"):
            line |= {f"{score}, as predicted": float(before[score]), f"{score}, tuned": after[score]}
        rarer = float(_at_prevalence(after["recall"], after["specificity"], RARE))
        lines.append(line | {f"tuned precision at {100 * RARE:g} %": rarer})
    return pd.DataFrame(lines)


def _binary(predictions: Predictions, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """(N,) truth and call, each 0 for covid-19 and 1 for the rest."""
    return (predictions.labels != 0).astype(np.int64), (predictions.probabilities[:, 0] < threshold).astype(np.int64)


def _rates(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Rates (...) of class 0 against the rest from (..., K, K) counts; nan where there is nothing to divide by."""
    scores = metrics.from_confusion(matrix)
    others = matrix[..., 1:, :].sum(axis=(-2, -1))
    right = metrics.ratio(others - matrix[..., 1:, 0].sum(axis=-1), others)
    return {name: scores[f"covid_{name}"] for name in ("recall", "precision", "f1")} | {"specificity": right}


def _at_prevalence(recall: np.ndarray | float, specificity: np.ndarray | float, share: float) -> np.ndarray:
    return metrics.ratio(recall * share, recall * share + (1 - specificity) * (1 - share))
