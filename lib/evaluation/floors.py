"""What tells an image's source or class without a network trained for it: features, and linear classifiers on them.

A classifier that looks at no lung, or at no image, sets a floor: only above it can a network's score be a sign that the
network reads lungs.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from lib.data import views
from lib.evaluation import bootstrap, groups
from lib.evaluation.metrics import ratio
from lib.evaluation.runs import Predictions

STEPS = 10_000
"""Most steps of the solver: our choice, many times what the runs' fits take."""


def image_statistics(images: np.ndarray) -> pd.DataFrame:
    """Brightness, contrast and sharpness of uint8 images (N, S, S, 1) and of their outermost ring (`views.RING`).

    Returns:
        In grey levels mean, contrast (standard deviation), p5, p50, p95 (percentiles), sharpness (mean absolute
        difference of neighbours), and of the ring border_mean, border_contrast, border_sharpness; black, the share of
        zeros.
    """
    ring = views.border(np.ones((1, *images.shape[1:3], 1), np.uint8))[0, ..., 0] > 0
    everywhere, found = np.ones_like(ring), []
    for image in images:  # one by one: float copies of all would not fit into memory at 224 pixels
        grey = image[..., 0].astype(np.float64)
        low, middle, high = np.percentile(grey, (5, 50, 95))
        levels = {"mean": grey.mean(), "contrast": grey.std(), "p5": low, "p50": middle, "p95": high}
        levels |= {"black": (grey == 0).mean(), "sharpness": _sharpness(grey, everywhere)}
        levels |= {"border_mean": grey[ring].mean(), "border_contrast": grey[ring].std()}
        found.append(levels | {"border_sharpness": _sharpness(grey, ring)})
    return pd.DataFrame(found)


def _sharpness(grey: np.ndarray, region: np.ndarray) -> float:
    """Mean absolute difference of horizontal and vertical neighbours that both lie in `region`."""
    across, down = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(grey, axis=0))
    return float(np.concatenate([across[region[:, 1:] & region[:, :-1]], down[region[1:] & region[:-1]]]).mean())


def file_shape(index: pd.DataFrame) -> pd.DataFrame:
    """Size and shape of the files before they were resized, from columns width and height in pixels.

    Returns:
        log_pixels (of their number, base 2), log_ratio (of width to height), and off_square, its absolute value.
    """
    width, height = np.log2(index["width"].astype(float)), np.log2(index["height"].astype(float))
    return pd.DataFrame({"log_pixels": width + height, "log_ratio": width - height, "off_square": abs(width - height)})


def metadata(index: pd.DataFrame) -> pd.DataFrame:
    """age (years), female and AP (1, else 0), nan where unknown: `groups.known` as numbers."""
    told = groups.known(index)
    female, frontal = told["sex"].map({"female": 1.0, "male": 0.0}), told["view"].map({"AP": 1.0, "PA": 0.0})
    return pd.DataFrame({"age": told["age"], "female": female, "AP": frontal}).astype(float)


def filled(facts: pd.DataFrame, train: np.ndarray, unknown: bool) -> pd.DataFrame:
    """Facts without gaps: the mean of the (M,) rows `train` for what is unknown; what these never tell is left out.

    With `unknown` a column for each fact says whether it is (together they span what one column a value, "unknown"
    among the values, would).
    """
    known = facts.loc[:, facts.iloc[train].notna().any()]
    means = known.fillna(known.iloc[train].mean())
    return means.join(known.isna().astype(float).add_suffix(" unknown")) if unknown else means


def linear(features: int) -> Pipeline:
    """A logistic regression on so many standardised features, each class weighed alike.

    Its strength C is 1 / features, so that before it has seen an image the score of a class varies by about 1 however
    many features there are: our choice, the same everywhere, with nothing tuned.
    """
    return make_pipeline(StandardScaler(), LogisticRegression(C=1 / features, class_weight="balanced", max_iter=STEPS))


def answers(
    index: pd.DataFrame, features: np.ndarray, truth: np.ndarray, kinds: int, among: np.ndarray | None = None
) -> Predictions:
    """What a `linear` classifier, fitted on training images, says of test images; ordered by image_id.

    Args:
        index: N rows with image_id, group_id and split.
        features: (N, d) numbers.
        truth: (N,) integers below `kinds`, what is asked for.
        kinds: K, columns of the answer; one that no training image is of gets zeros.
        among: (N,) bool, the images that are used; None for all.

    Raises:
        ValueError: the training images used are all of one kind.
    """
    used = np.ones(len(index), bool) if among is None else np.asarray(among)
    train, test = (np.flatnonzero(used & (index["split"] == split).to_numpy()) for split in ("train", "test"))
    test = test[np.argsort(index["image_id"].to_numpy()[test], kind="stable")]
    features = np.asarray(features, np.float64)
    fitted = linear(features.shape[1]).fit(features[train], truth[train])
    said = np.zeros((len(test), kinds))
    said[:, fitted.classes_] = fitted.predict_proba(features[test])
    images, patients = (index[name].to_numpy()[test] for name in ("image_id", "group_id"))
    return Predictions(images, patients, truth[test], said)


def balanced_accuracy(matrix: np.ndarray) -> np.ndarray:
    """The mean recall of the kinds that occur, of confusion matrices (..., K, K) with rows the truth; 0..1."""
    return np.nanmean(ratio(np.diagonal(matrix, axis1=-2, axis2=-1), np.asarray(matrix).sum(axis=-1)), axis=-1)


def balanced_interval(test: Predictions, samples: int) -> tuple[float, float]:
    """95 % interval of the balanced accuracy, patients drawn with replacement.

    nan where a kind has fewer than `bootstrap.LEAST_PATIENTS`.
    """
    patients = bootstrap.patients_behind(test, "macro_f1")  # of the smallest kind
    if patients < bootstrap.LEAST_PATIENTS:
        return float("nan"), float("nan")
    resamples, kinds = bootstrap.draw(test.groups, test.labels, samples), test.probabilities.shape[1]
    found = balanced_accuracy(bootstrap.confusions(resamples, test.labels, test.predicted, kinds))
    low, high = bootstrap.interval(found)
    return (low, high) if low < high else bootstrap.exact_interval(float(found[0]), patients)
