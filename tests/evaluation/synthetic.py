"""A made-up run: results of known quality, without any network."""

import numpy as np
import pandas as pd

from lib import files, params
from lib.data.labels import CHEST_CLASSES
from lib.evaluation import metrics
from lib.evaluation.standing import Standing
from lib.paths import Paths

SKILL = {
    "RN1": 1.6, "RN2": 2.4, "RN3": 1.7, "RN4": 2.6, "RN5": 1.3, "RN6": 1.8, "RN7": 1.9, "RN8": 1.4,
    "CN1": 0.8, "CN2": 1.7, "CN3": 1.0,
}  # fmt: skip
"""How far the true class's logit stands above the others, a row."""


COVIDX = Standing(
    {"data": "data/real"} | {key: getattr(params.load("paper"), key) for key in (
        "covidx_layout", "label_rules", "test_share", "validation_share", "drop_cross_split_duplicates"
    )},
    {"covid-19": 613, "normal": 8850, "pneumonia": 6030},
    14_000,
)  # fmt: skip
"""The data of a run on the paper's images with the paper's settings."""


def as_in_the_paper(name: str) -> dict:
    """settings.json of a row of the run `paper`."""
    return dict(params.load("paper", name))


def write(at: Paths, *, experiments=tuple(SKILL), patients: int) -> None:
    """Writes data/<run>/covidx/index.csv and results/<run>/experiments and audit for the given rows."""
    index = make_index(np.random.default_rng(1), 6 * patients)
    files.write_csv(at.covidx / "index.csv", index)
    files.write_json(at.covidx / "settings.json", COVIDX.settings | {"data": "phantoms"})
    for seed, name in enumerate(experiments, start=1):
        write_row(at, name, index, seed=seed)
    test = index[index["split"] == "test"]
    guess = np.eye(3)[[0 if source != "rsna" else 1 for source in test["source"]]]
    files.write_csv(at.audit / "source_only_predictions.csv", with_probabilities(test, guess))


def make_index(generator, patients: int) -> pd.DataFrame:
    """Patients with one to three images of one class; 70/15/15."""
    images = generator.integers(1, 4, size=patients)
    label = generator.choice(3, size=patients, p=[0.15, 0.5, 0.35])
    split = generator.choice(["train", "validation", "test"], size=patients, p=[0.7, 0.15, 0.15])
    of = np.repeat(np.arange(patients), images)
    source = np.where((label[of] == 0) | (generator.random(len(of)) < 0.05), "cohen", "rsna")
    return pd.DataFrame(
        {
            "image_id": [f"image{k:05d}" for k in range(len(of))],
            "group_id": [f"{s}:{g}" for s, g in zip(source, of, strict=True)],
            "source": source,
            "label": np.array(CHEST_CLASSES)[label[of]],
            "split": split[of],
        }
    )


def with_probabilities(index: pd.DataFrame, probabilities: np.ndarray) -> pd.DataFrame:
    table = index[["image_id", "group_id", "source", "label"]].reset_index(drop=True)
    return pd.concat([table, pd.DataFrame(probabilities, columns=list(CHEST_CLASSES))], axis=1)


def write_row(at: Paths, name: str, index: pd.DataFrame, *, seed: int, folder=None) -> None:
    """One row's folder, with predictions of the row's skill."""
    folder = folder or at.experiment(name)
    generator = np.random.default_rng(seed)
    for split, file in (("test", "predictions.csv"), ("validation", "predictions_validation.csv")):
        part = index[index["split"] == split]
        labels = part["label"].map(CHEST_CLASSES.index).to_numpy()
        logits = generator.normal(size=(len(part), 3)) + SKILL.get(name, 1.5) * np.eye(3)[labels]
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        files.write_csv(folder / file, with_probabilities(part, probabilities))
        if split == "test":
            values = metrics.scores(labels, probabilities)
    files.write_csv(folder / "history.csv", make_history(generator))
    files.write_json(folder / "settings.json", {"experiment": name})
    files.write_json(folder / "metrics.json", values | {"free_params": 6147, "seconds": 1.0})


def make_history(generator) -> pd.DataFrame:
    """Five epochs of one stage and three of fine-tuning."""
    names = ["cross_entropy", "accuracy", "macro_f1", "macro_auc", "covid_precision", "covid_recall"]
    epoch, stage = np.r_[1:6, 1:4], np.repeat(["linear", "fine_tuning"], [5, 3])
    columns = [*names, *(f"val_{name}" for name in names)]
    values = {name: 0.5 + 0.05 * epoch + generator.normal(0, 0.01, 8) for name in columns}
    return pd.DataFrame({"stage": stage, "epoch": epoch} | values | {"best": np.isin(range(8), [4, 7])})
