"""A made-up run: results of known quality, without any network."""

import numpy as np
import pandas as pd

from lib import files
from lib.data.labels import CHEST_CLASSES
from lib.evaluation import metrics
from lib.paths import Paths

SKILL = {
    "RN1": 1.6, "RN2": 2.4, "RN3": 1.7, "RN4": 2.6, "RN5": 1.3, "RN6": 1.8, "RN7": 1.9, "RN8": 1.4,
    "CN1": 0.8, "CN2": 1.7, "CN3": 1.0,
}  # fmt: skip
"""How far the true class's logit stands above the others, a row."""


def write(at: Paths, *, experiments=tuple(SKILL), patients: int = 90, seed: int = 1, validation: bool = True) -> None:
    """Writes data/<run>/covidx/index.csv and results/<run>/experiments and audit for the given rows."""
    generator = np.random.default_rng(seed)
    index = make_index(generator, 6 * patients)
    files.write_csv(at.covidx / "index.csv", index)
    for number, name in enumerate(experiments):
        write_row(at, name, index, seed=seed + number, validation=validation)
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


def write_row(at: Paths, name: str, index: pd.DataFrame, *, seed: int, folder=None, validation: bool = True) -> None:
    """One row's folder, with predictions of the row's skill."""
    folder = folder or at.experiment(name)
    generator = np.random.default_rng(seed)
    for split, file in (("test", "predictions.csv"), ("validation", "predictions_validation.csv")):
        if split == "validation" and not validation:
            continue
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
    names = ["loss", "accuracy", "macro_f1", "macro_auc", "covid_precision", "covid_recall"]
    lines = []
    for stage, epochs in (("linear", 5), ("fine_tuning", 3)):
        for epoch in range(1, epochs + 1):
            values = {n: 0.5 + 0.05 * epoch + generator.normal(0, 0.01) for n in [*names, *(f"val_{n}" for n in names)]}
            lines.append({"stage": stage, "epoch": epoch} | values | {"best": epoch == epochs})
    return pd.DataFrame(lines)
