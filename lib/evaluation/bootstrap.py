"""The bootstrap over patients: how far a score would move had other patients of the same kind been tested.

Patients (`group_id`), not images, are drawn with replacement, since the images of one patient are not independent
(Field and Welsh, 2007, call this the cluster bootstrap). A resample is a weight a patient, so the confusion matrices of
all resamples are one matrix product. The same weights serve every row of Table 1: rows are compared on the same
resampled patients (the paired bootstrap).
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from lib.evaluation import metrics
from lib.evaluation.runs import Predictions

LEVEL = 0.95
ENDS = (1 - LEVEL) / 2, (1 + LEVEL) / 2
LEAST_PATIENTS = 18
"""No interval, and so no verdict, from fewer patients: percentile intervals are then too narrow.

Of a mean of normal values they cover the truth in 75 % of all cases with 3 patients, 85 % with 6, 91 % with 12 and 93 %
with 18, instead of 95 % (simulated, 1,500 samples each).
"""
BLOCK = 250  # resamples handled at once where every image needs its weight: bounds the memory


@dataclass(frozen=True)
class Resamples:
    """Weights of B resamples.

    Attributes:
        weights: (B, G) float32, how often each patient was drawn.
        group: (N,) integers, the patient of each image.
    """

    weights: np.ndarray
    group: np.ndarray


def draw(groups: np.ndarray, labels: np.ndarray, samples: int, seed: int = 1) -> Resamples:
    """Draws patients with replacement, as many as there are.

    A resample in which a class of `labels` does not occur at all has no recall for it and is drawn again.

    Args:
        groups: (N,) ids, a patient each.
        labels: (N,) integers.
        samples: B, the number of resamples.
        seed: of the generator; equal arguments give equal weights.
    """
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    count, classes = group.max() + 1, np.unique(labels)
    holds = np.zeros((count, len(classes)), dtype=np.float32)
    holds[group, np.searchsorted(classes, labels)] = 1
    generator = np.random.default_rng(seed)
    weights = np.zeros((samples, count), dtype=np.float32)
    missing = np.arange(samples)
    while len(missing):
        weights[missing] = generator.multinomial(count, np.full(count, 1 / count), size=len(missing))
        missing = missing[(weights[missing] @ holds == 0).any(axis=1)]
    return Resamples(weights, group)


class Resampler:
    """The draws of a run: the same for all rows on the same images, so that rows are compared on the same patients."""

    def __init__(self, samples: int, seed: int = 1):
        self.samples, self.seed, self._drawn = samples, seed, {}

    def of(self, predictions: Predictions) -> Resamples:
        """The resamples of these predictions' patients."""
        key = (tuple(predictions.images), tuple(predictions.groups), predictions.labels.tobytes())
        if key not in self._drawn:
            self._drawn[key] = draw(predictions.groups, predictions.labels, self.samples, self.seed)
        return self._drawn[key]


def confusions(resamples: Resamples, labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(B, K, K) confusion matrices, rows the truth, from (N,) integer labels and predictions."""
    table = _by_patient(resamples.group, labels, predicted, classes)
    product = resamples.weights @ table.reshape(len(table), -1).astype(np.float32)
    return product.reshape(-1, classes, classes)


def spread(resamples: Resamples, test: Predictions, score: str) -> np.ndarray:
    """(B,) values in 0..1 of one of Table 1's scores or of `covid_auc`."""
    if score == "covid_auc":
        return areas(resamples, test.labels == 0, test.probabilities[:, 0])
    classes = test.probabilities.shape[1]
    return metrics.from_confusion(confusions(resamples, test.labels, test.predicted, classes))[score]


def interval(values: np.ndarray, least: float = 0.0, most: float = 1.0) -> tuple[float, float]:
    """The 95 % percentile interval of (B,) bootstrap values between `least` and `most`.

    A draw in which the score is not defined (nan) could have any value: it counts as `least` for the lower end and as
    `most` for the upper one.
    """
    unknown = np.isnan(values)
    low, high = (
        np.quantile(np.where(unknown, bound, values), end) for bound, end in zip((least, most), ENDS, strict=True)
    )
    return float(low), float(high)


def exact_interval(value: float, trials: int) -> tuple[float, float]:
    """The 95 % interval of a proportion that is 0 or 1 exactly, of so many trials (Clopper and Pearson, 1934).

    Any other value comes back as it is, twice; without a trial nothing is known: (0, 1).
    """
    if not trials:
        return 0.0, 1.0
    if value not in (0.0, 1.0):
        return float(value), float(value)
    found = stats.binomtest(int(value * trials), int(trials)).proportion_ci(LEVEL)
    return float(found.low), float(found.high)


def mean_interval(values: np.ndarray, groups: np.ndarray, samples: int, seed: int = 1) -> tuple[float, float]:
    """95 % interval of the mean of (N,) values, patients (N,) drawn with replacement; nan below `LEAST_PATIENTS`.

    Values that are all 0 or all 1 do not move in any resample: there stands the `exact_interval` over patients.
    """
    patients = len(np.unique(groups))
    if patients < LEAST_PATIENTS:
        return float("nan"), float("nan")
    if values[0] in (0, 1) and np.all(values == values[0]):
        return exact_interval(float(values[0]), patients)
    resamples = draw(groups, np.zeros(len(values), dtype=int), samples, seed)
    sums, counts = np.bincount(resamples.group, weights=values), np.bincount(resamples.group)
    return interval((resamples.weights @ sums) / (resamples.weights @ counts))


def patients_behind(test: Predictions, score: str) -> int:
    """How many patients a score rests on.

    All of them for accuracy; those of the smallest class that occurs for macro F1; those with an image called COVID-19
    for its precision; those with COVID-19 for its recall and F1; for the area the fewer of those with and without it.
    """
    if score == "macro_f1":
        return min(len(np.unique(test.groups[test.labels == k])) for k in np.unique(test.labels))
    sick = test.labels == 0
    chosen = {"accuracy": np.full(len(sick), True), "covid_precision": test.predicted == 0}.get(score, sick)
    count = len(np.unique(test.groups[chosen]))
    return min(count, len(np.unique(test.groups[~sick]))) if score == "covid_auc" else count


def score_interval(resamples: Resamples, test: Predictions, score: str) -> tuple[float, float]:
    """The 95 % interval in 0..1 of one score, as `spread`; nan where it is undefined or rests on too few patients.

    Too few are less than `LEAST_PATIENTS` of those that `patients_behind` counts. A score that is 0 or 1 exactly does
    not move in any resample, so its percentile interval would be a point. There stands the `exact_interval` over the
    patients that enter the score; for an area these are the pairs of one patient with and one without COVID-19 that
    share no patient.
    """
    patients, value = patients_behind(test, score), test.scores()[score]
    if value is None or patients < LEAST_PATIENTS:
        return float("nan"), float("nan")
    low, high = interval(spread(resamples, test, score))
    if low < high:
        return low, high
    if not score.endswith("f1"):
        return exact_interval(value, patients)
    # F1 = 2 J / (1 + J) with the proportion J = TP / (TP + FP + FN), so a bound of J bounds F1
    tables = _by_patient(resamples.group, test.labels, test.predicted, test.probabilities.shape[1])
    total, hits = tables.sum(axis=0), np.diagonal(tables.sum(axis=0))
    enter = ((tables.sum(axis=2) > 0) | (tables.sum(axis=1) > 0)).sum(axis=0)  # patients of the class or called so
    shares = metrics.ratio(hits, total.sum(axis=1) + total.sum(axis=0) - hits)
    ends = np.array([exact_interval(*one) for one in zip(shares, enter, strict=True) if one[1]])
    of_f1 = 2 * ends / (1 + ends)
    low, high = of_f1[0] if score == "covid_f1" else of_f1.mean(axis=0)
    return float(low), float(high)


def difference_interval(differences: np.ndarray, value: float, patients: int) -> tuple[float, float]:
    """The 95 % interval of a paired difference in -1..1 from its (B,) bootstrap values; nan below `LEAST_PATIENTS`.

    Where no resample moves the difference, all patients agree about it; how many others may not, the `exact_interval`
    bounds, and the difference moves by at most so much.
    """
    if patients < LEAST_PATIENTS or np.isnan(value):
        return float("nan"), float("nan")
    low, high = interval(differences, -1.0, 1.0)
    if low == high:
        others = exact_interval(0.0, patients)[1]
        return max(-1.0, low - others), min(1.0, high + others)
    return low, high


def p_value(differences: np.ndarray) -> float:
    """Two-sided p-value of (B,) paired bootstrap differences against 0, never below 2 / (B + 1).

    Twice the smaller share of resamples on either side of 0, each counted with one added (Davison and Hinkley, 1997,
    section 4.2). A draw in which the difference is not defined (nan) counts on both sides.
    """
    count = len(differences)
    smaller = min((~(differences > 0)).sum(), (~(differences < 0)).sum())
    return float(min(1.0, 2 * (smaller + 1) / (count + 1)))


def holm(values: list[float]) -> list[float]:
    """p-values adjusted for their number (Holm, 1979), in the order given."""
    order = np.argsort(values)
    steps = np.asarray(values, dtype=float)[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted.tolist()


def areas(resamples: Resamples, positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    """(B,) areas under the ROC curve; ties count half."""
    curves = _curves(resamples, positive, score)
    return np.concatenate([np.trapezoid(true, false, axis=1) for true, false in curves])


def roc_band(resamples: Resamples, positive: np.ndarray, score: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """(2, len(grid)) lower and upper true positive rate at the false positive rates in `grid`, pointwise 95 %."""
    lines = [
        np.interp(grid, one_false, one_true)
        for true, false in _curves(resamples, positive, score)
        for one_true, one_false in zip(true, false, strict=True)
    ]
    return np.quantile(lines, ENDS, axis=0)


def _curves(resamples: Resamples, positive: np.ndarray, score: np.ndarray):
    """Yields (true, false) positive rates, each (block, thresholds + 1), in blocks of resamples."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # the last image of each run of equals
    group, is_positive = resamples.group[order], positive[order]
    for start in range(0, len(resamples.weights), BLOCK):
        weights = resamples.weights[start : start + BLOCK][:, group].astype(np.float64)
        rates = []
        for part in (is_positive, ~is_positive):
            sums = np.cumsum(weights * part, axis=1)[:, ends]
            rates.append(np.concatenate([np.zeros((len(sums), 1)), sums / sums[:, -1:]], axis=1))
        yield rates[0], rates[1]


def _by_patient(group: np.ndarray, labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(G, K, K) counts, a confusion matrix a patient."""
    table = np.zeros((group.max() + 1, classes, classes), dtype=np.int64)
    np.add.at(table, (group, labels, predicted), 1)
    return table
