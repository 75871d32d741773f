"""One row of Table 1: the weights that it starts from, and the files that it leaves."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from lib import hardware, models
from lib.data.load import Dataset
from lib.files import replacing, write_csv, write_json
from lib.paths import Paths, resolve


class MissingParent(FileNotFoundError):
    """A row or a pretraining that this row starts from has not been run."""


def starting_network(p: Any, at: Paths, classes: int) -> keras.Model:
    """The network with the weights that the row starts from: another row's, pretrained ones, or random ones.

    Args:
        p: the parameters of notebook 04.
        at: the run's folders.
        classes: K.

    Raises:
        MissingParent: the row that it continues, or the pretraining, has left no model.
        lib.models.weights.WeightsError: a weights file or download that fails.
    """
    if p.continues:
        parent = at.experiment(p.continues, p.seed) / "model.keras"
        _require(parent, f"{p.experiment} continues {p.continues}", p.run, f"04_experiment with {p.continues}")
        return keras.models.load_model(parent, compile=False)
    model = models.build(
        p.backbone, p.image_size, classes, l2=p.l2, batch_norm_momentum=p.batch_norm_momentum,
        pepx=p.pepx, seed=p.seed,
    )  # fmt: skip
    if p.pretraining != "none":
        source = pretrained_weights(p, at)
        if source != "imagenet" and Path(source).is_relative_to(at.results):
            _require(Path(source), f"{p.experiment} starts from skin images", p.run, "03_pretraining")
        models.load_pretrained(model, source)
    return model


def pretrained_weights(p: Any, at: Paths) -> str | Path:
    """Where the weights before the first stage come from: "imagenet" or a file."""
    given, own = (p.imagenet_weights, "stand_in") if p.pretraining == "imagenet" else (p.ham10000_weights, "notebook")
    if given == own:
        return at.pretrained(p.backbone, p.pepx if p.backbone == "covidnet" else "")
    return given if given == "imagenet" else resolve(given)


def prediction_table(data: Dataset, split: str, probabilities: np.ndarray) -> pd.DataFrame:
    """image_id, group_id, source, label and a probability column a class, a row an image of the split."""
    index = data.part(split).index[["image_id", "group_id", "source", "label"]].reset_index(drop=True)
    return index.assign(**dict(zip(data.classes, probabilities.T, strict=True)))


def write_row(
    folder: Path,
    network: keras.Model,
    predictions: dict[str, pd.DataFrame],
    history: pd.DataFrame,
    measured: dict[str, Any],
    p: Any,
) -> None:
    """Writes what a row leaves (metrics.json last, so that its presence says that the rest is there).

    Args:
        folder: results/<run>/experiments/<ID>.
        network: the whole network with the best epoch's weights.
        predictions: as `prediction_table` gives them, for "validation" and "test".
        history: as `lib.training.stage.Progress.finish` gives it.
        measured: the scores of the test set, as `lib.evaluation.metrics.scores` gives them, free_params and seconds.
        p: the parameters of notebook 04.
    """
    with replacing(folder / "model.keras") as temporary:
        network.save(temporary)
    write_csv(folder / "predictions.csv", predictions["test"])
    write_csv(folder / "predictions_validation.csv", predictions["validation"])
    write_csv(folder / "history.csv", history)
    write_json(folder / "settings.json", {**vars(p), "hardware": hardware.describe()})
    best_epoch = int(history.loc[history["best"], "epoch"].iloc[0])
    write_json(folder / "metrics.json", {**measured, "best_epoch": best_epoch})


def _require(file: Path, why: str, run: str, notebook: str) -> None:
    if not file.is_file():
        raise MissingParent(
            f"{why}, but there is no {file}. Run that first: `make reproduce RUN={run}` runs all that is needed in "
            f"order; or execute notebook {notebook}."
        )
