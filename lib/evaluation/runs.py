"""What a run left behind, read for evaluation; a row that has not been run is simply absent."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib import files
from lib.data.labels import CHEST_CLASSES
from lib.evaluation import metrics
from lib.paths import PUBLISHED, Paths

SETTINGS = ("transfer_learning", "class_weights", "augmentation", "fine_tuning")
"""Table 1's four settings."""

SCORE_NAMES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "covid_precision": "COVID-19 precision",
    "covid_recall": "COVID-19 recall",
    "covid_f1": "COVID-19 F1",
}
"""Table 1's scores in its order, with their display names."""

SCORES = tuple(SCORE_NAMES)


@dataclass(frozen=True)
class Predictions:
    """Predictions for one set of images, ordered by image_id.

    Attributes:
        images: (N,) image ids.
        groups: (N,) patient ids.
        labels: (N,) integers, positions in CHEST_CLASSES.
        probabilities: (N, 3) floats 0..1, columns as CHEST_CLASSES.
    """

    images: np.ndarray
    groups: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """(N,) the class with the largest probability."""
        return self.probabilities.argmax(axis=1)

    @property
    def confusion(self) -> np.ndarray:
        """(3, 3) counts, rows the truth."""
        return metrics.confusion(self.labels, self.predicted, len(CHEST_CLASSES))

    def scores(self) -> dict[str, float | None]:
        """Scores in 0..1, as `metrics.scores`."""
        return metrics.scores(self.labels, self.probabilities)

    def same_images(self, other: "Predictions") -> bool:
        """Whether both are about the same images, with the same labels."""
        return np.array_equal(self.images, other.images) and np.array_equal(self.labels, other.labels)


@dataclass(frozen=True)
class Row:
    """One trained row of Table 1, or a baseline.

    Attributes:
        name: its id.
        test: predictions on the test set.
        validation: predictions on the validation set, or None.
        history: history.csv, or None.
        settings: settings.json, or empty.
        metrics: metrics.json, or empty.
        repeats: predictions on the test set with further seeds.
    """

    name: str
    test: Predictions
    validation: Predictions | None = None
    history: pd.DataFrame | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    repeats: tuple[Predictions, ...] = ()


def read_predictions(path: Path) -> Predictions:
    """Reads predictions.csv.

    Raises:
        ValueError: a column is missing, a label is unknown, an image stands twice, or there is no row.
    """
    table = pd.read_csv(path, dtype={"image_id": str, "group_id": str, "source": str, "label": str})
    missing = [name for name in ("image_id", "group_id", "label", *CHEST_CLASSES) if name not in table]
    if missing:
        found = f"found columns {', '.join(table)}; {', '.join(missing)} missing"
        raise ValueError(f"{path}: {found}; run its notebook again")
    unknown = sorted(set(table["label"].fillna("(empty)")) - set(CHEST_CLASSES))
    if unknown or table["image_id"].duplicated().any() or table.empty:
        problem = f"labels {', '.join(unknown)}" if unknown else "no image" if table.empty else "an image twice"
        raise ValueError(f"{path}: found {problem}; expected each test image once, labelled {', '.join(CHEST_CLASSES)}")
    table = table.sort_values("image_id", kind="stable")
    labels = table["label"].map(CHEST_CLASSES.index).to_numpy(np.int64)
    images, groups = (table[name].to_numpy() for name in ("image_id", "group_id"))
    return Predictions(images, groups, labels, table[list(CHEST_CLASSES)].to_numpy(float))


def read_row(at: Paths, experiment: str, seeds: list[int]) -> Row | None:
    """A row of the run with its repeats, or None where it has not been run (no metrics.json, which is written last)."""
    folder = at.experiment(experiment)
    if not (folder / "metrics.json").is_file() or not (folder / "predictions.csv").is_file():
        return None
    repeats = [at.experiment(experiment, seed) for seed in seeds[1:]]

    def if_there(read: Callable[[Path], Any], name: str) -> Any:
        return read(folder / name) if (folder / name).is_file() else None

    return Row(
        experiment,
        read_predictions(folder / "predictions.csv"),
        if_there(read_predictions, "predictions_validation.csv"),
        if_there(pd.read_csv, "history.csv"),
        if_there(files.read_json, "settings.json") or {},
        files.read_json(folder / "metrics.json"),
        tuple(read_predictions(path / "predictions.csv") for path in repeats if (path / "metrics.json").is_file()),
    )


def read_rows(at: Paths, experiments: list[str], seeds: list[int]) -> dict[str, Row]:
    """The rows that have been run, by id, in the order of `experiments`."""
    found = {name: read_row(at, name, seeds) for name in experiments}
    return {name: row for name, row in found.items() if row is not None}


def read_index(at: Paths) -> pd.DataFrame | None:
    """image_id, group_id, label and split of the run's chest images, as text; None where they are not prepared."""
    path = at.covidx / "index.csv"
    if not path.is_file():
        return None
    return pd.read_csv(path, usecols=["image_id", "group_id", "label", "split"], dtype=str)


def baseline_rows(at: Paths, rows: dict[str, Row]) -> dict[str, Row]:
    """The rows `source-only` and `majority`, as far as the run has what they need.

    source-only guesses from an image's source alone (the audit writes its predictions); majority always gives the class
    shares of the training set, so it predicts that set's largest class.
    """
    found = {}
    path = at.audit / "source_only_predictions.csv"
    if path.is_file():
        found["source-only"] = Row("source-only", read_predictions(path))
    test = next((row.test for row in [*rows.values(), *found.values()]), None)
    path = at.covidx / "index.csv"
    if test is not None and path.is_file():
        index = pd.read_csv(path, usecols=["label", "split"], dtype=str)
        counts = index.loc[index["split"] == "train", "label"].value_counts().reindex(CHEST_CLASSES, fill_value=0)
        if counts.sum():
            constant = np.tile((counts / counts.sum()).to_numpy(float), (len(test.labels), 1))
            found["majority"] = Row("majority", Predictions(test.images, test.groups, test.labels, constant))
    return found


def published_table() -> pd.DataFrame:
    """Table 1 as published, indexed by id; settings are text ("" where a setting does not apply), scores in percent."""
    table = pd.read_csv(PUBLISHED / "table1.csv", dtype=dict.fromkeys(("id", *SETTINGS), str), keep_default_na=False)
    return table.set_index("id")


def published_confusion() -> np.ndarray:
    """(3, 3) counts of Figure 4b, rows the truth, order as CHEST_CLASSES."""
    table = pd.read_csv(PUBLISHED / "figure_4b.csv", index_col="truth")
    return table.loc[list(CHEST_CLASSES), list(CHEST_CLASSES)].to_numpy()


def published_areas() -> dict[str, float]:
    """Areas under Figure 4a's curves, by id."""
    return pd.read_csv(PUBLISHED / "figure_4a.csv").set_index("id")["covid_auc"].to_dict()
