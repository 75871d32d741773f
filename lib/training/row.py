"""One row of Table 1: the weights that it starts from, and the files that it leaves."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from lib import files, hardware, models
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
        return keras.models.load_model(files.check(parent), compile=False)
    model = models.build(
        p.backbone, p.image_size, classes, l2=p.l2, batch_norm_momentum=p.batch_norm_momentum,
        pepx=p.pepx, shortcuts=p.shortcuts, classifier_l2=p.classifier_l2, seed=p.seed,
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
        return at.pretrained(p)
    return given if given == "imagenet" else resolve(given)


def last_epoch(p: Any, at: Paths) -> tuple[list[np.ndarray], float]:
    """What the row that this one continues ended with: `fine_tuning_from: as_published` goes on from there.

    Returns:
        The classifier's weights after its last epoch, [(features, K), (K,)], and its best epoch's validation macro F1.

    Raises:
        MissingParent: that row has left no such weights.
    """
    folder = at.experiment(p.continues, p.seed)
    file = folder / "last_epoch.npz"
    why = f"{p.experiment} goes on from {p.continues}'s last epoch"
    _require(file, why, p.run, f"04_experiment with {p.continues}")
    with np.load(files.check(file)) as weights:
        classifier = [weights["kernel"], weights["bias"]]
    history = pd.read_csv(folder / "history.csv", float_precision="round_trip")  # an equal score must not beat it
    return classifier, float(history["val_macro_f1"].max())


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
    last: list[np.ndarray] | None = None,
) -> None:
    """Writes what a row leaves (metrics.json last, so that its presence says that the rest is there).

    Args:
        folder: results/<run>/experiments/<ID>.
        network: the whole network with the kept epoch's weights.
        predictions: as `prediction_table` gives them, for "validation" and "test".
        history: as `lib.training.stage.Progress.finish` gives it.
        measured: the scores of the test set, as `lib.evaluation.metrics.scores` gives them, free_params and seconds.
        p: the parameters of notebook 04.
        last: of a linear stage, the classifier's weights after its last epoch, [(features, K), (K,)].
    """
    with replacing(folder / "model.keras") as temporary:
        network.save(temporary)
    if last is not None:
        with replacing(folder / "last_epoch.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, kernel=last[0], bias=last[1])
    write_csv(folder / "predictions.csv", predictions["test"])
    write_csv(folder / "predictions_validation.csv", predictions["validation"])
    write_csv(folder / "history.csv", history)
    write_json(folder / "settings.json", {**vars(p), "hardware": hardware.describe()})
    kept = history.loc[history["best"], "epoch"]  # empty where no epoch was better than the row that this one continues
    write_json(folder / "metrics.json", {**measured, "best_epoch": int(kept.iloc[0]) if len(kept) else None})


def _require(file: Path, why: str, run: str, notebook: str) -> None:
    if not file.is_file():
        raise MissingParent(
            f"{why}, but there is no {file}. Run that first: `make reproduce RUN={run}` runs all that is needed in "
            f"order; or execute notebook {notebook}."
        )
