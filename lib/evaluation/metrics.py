"""The scores of Table 1, from labels and probabilities; numpy and scikit-learn only.

Class 0 is covid-19. What is not defined has no value (None, or nan in arrays) instead of 0: the precision of a class
that is never predicted, the recall of a class that does not occur, an area under a ROC curve that needs such a class.
F1 of a class that occurs and is never predicted is 0 by its formula, as it was for the report (the authors' F1Score).
"""

import numpy as np
from sklearn.metrics import roc_auc_score

NAMES = ("accuracy", "macro_f1", "macro_auc", "covid_precision", "covid_recall", "covid_f1", "covid_auc")


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float | None]:
    """Every score of the results contract.

    Args:
        labels: (N,) integers 0..K-1; class 0 is covid-19.
        probabilities: (N, K) floats 0..1, a row an image; the largest one is the prediction (the first of equals).

    Returns:
        accuracy, macro_f1, macro_auc, covid_precision, covid_recall, covid_f1, covid_auc in 0..1 (sections 4.3, 5.1).
        The macro values are unweighted means over the classes that have a value; areas are one class against the rest.

    Raises:
        ValueError: shapes that do not fit, labels out of range, or probabilities that are not finite.
    """
    labels, probabilities = checked(labels, probabilities)
    classes = probabilities.shape[1]
    matrix = confusion(labels, probabilities.argmax(axis=1), classes)
    values = {name: None if np.isnan(value) else float(value) for name, value in from_confusion(matrix).items()}
    areas = [area(labels == k, probabilities[:, k]) for k in range(classes)]
    defined = [value for value in areas if value is not None]
    values["macro_auc"] = float(np.mean(defined)) if defined else None
    values["covid_auc"] = areas[0]
    return {name: values[name] for name in NAMES}


def checked(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels as (N,) int64 and probabilities as (N, K) float64; raises ValueError as `scores` says."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if labels.ndim != 1 or probabilities.ndim != 2 or len(labels) != len(probabilities) or not len(labels):
        raise ValueError(
            f"found labels {labels.shape} and probabilities {probabilities.shape}; "
            "expected (N,) and (N, classes), N > 0"
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"found labels of type {labels.dtype}; expected whole numbers, the positions of the classes")
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise ValueError(
            f"found labels {labels.min()} to {labels.max()}; expected 0 to {probabilities.shape[1] - 1}, the columns"
        )
    if not np.isfinite(probabilities).all():
        raise ValueError("found probabilities that are not finite; the network diverged: lower the learning rate")
    return labels.astype(np.int64), probabilities


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(K, K) counts, rows the truth and columns the prediction, from two (N,) integer arrays."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def from_confusion(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Table 1's scores in 0..1 of one confusion matrix or of a stack of them.

    Args:
        matrix: (..., K, K) counts, rows the truth and columns the prediction, class 0 covid-19.

    Returns:
        accuracy, macro_f1, covid_precision, covid_recall, covid_f1, each of the stack's shape (...); nan where a score
        is not defined.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    correct = np.diagonal(matrix, axis1=-2, axis2=-1)
    true, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    # F1 = 2 TP / (2 TP + FP + FN), which is the harmonic mean of precision and recall wherever both exist
    f1 = ratio(2 * correct, true + predicted)
    has_f1 = ~np.isnan(f1)  # neither truth nor prediction of any image: the class is not there to be averaged
    return {
        "accuracy": ratio(correct.sum(axis=-1), matrix.sum(axis=(-2, -1))),
        "macro_f1": ratio(np.where(has_f1, f1, 0).sum(axis=-1), has_f1.sum(axis=-1)),
        "covid_precision": ratio(correct[..., 0], predicted[..., 0]),
        "covid_recall": ratio(correct[..., 0], true[..., 0]),
        "covid_f1": f1[..., 0],
    }


def area(positive: np.ndarray, score: np.ndarray) -> float | None:
    """Area under the ROC curve of (N,) scores for the (N,) boolean `positive`; None where only one class occurs."""
    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, score))


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator, and nan where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, dtype=np.float64), np.asarray(denominator)
    return np.divide(numerator, denominator, out=np.full_like(numerator, np.nan), where=denominator > 0)
