"""One row of Table 1: its first weights, what is trained, the training, the predictions."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from lib import hardware, models
from lib.data.load import Dataset
from lib.files import replacing, write_csv, write_json
from lib.paths import Paths, resolve
from lib.training.activations import stored_activations
from lib.training.batches import Examples
from lib.training.checkpoints import Checkpoint
from lib.training.class_weights import class_weights
from lib.training.stage import fit_stage, predict

log = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")


class MissingParent(FileNotFoundError):
    """A row or a pretraining that this row starts from has not been run."""


@dataclass(frozen=True)
class Plan:
    """How a row is trained (section 4.2.1).

    Attributes:
        stage: "linear" (steps 2 and 3), "fine_tuning" (step 4) or "scratch".
        first: the first layer that is trained; None trains all that the network leaves trainable.
        epochs: how many.
        learning_rate: Adam's.
    """

    stage: str
    first: str | None
    epochs: int
    learning_rate: float


@dataclass(frozen=True)
class Trained:
    """What training a row gave.

    Attributes:
        history: as `lib.training.stage.fit_stage` gives it.
        probabilities: (N, K) float32 for "validation" and "test".
        seconds: for "activations", "training" and "prediction".
        checkpoint: remove it once the model is written.
    """

    history: pd.DataFrame
    probabilities: dict[str, np.ndarray]
    seconds: dict[str, float]
    checkpoint: Checkpoint


def plan(p) -> Plan:
    """The stage that this row trains; a fine-tuned row continues another one and trains only its own stage."""
    if p.pretraining == "none":
        return Plan("scratch", None, p.epochs, p.learning_rate)
    if p.continues:
        first = models.FINE_TUNING_STARTS[p.backbone]
        return Plan("fine_tuning", first, p.fine_tuning_epochs, p.fine_tuning_learning_rate)
    return Plan("linear", "logits", p.epochs, p.learning_rate)


def starting_model(p, at: Paths, classes: int) -> keras.Model:
    """The network with the weights that the row starts from.

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


def pretrained_weights(p, at: Paths) -> str | Path:
    """Where the weights before the first stage come from: "imagenet" or a file."""
    given, own = (p.imagenet_weights, "stand_in") if p.pretraining == "imagenet" else (p.ham10000_weights, "notebook")
    if given == own:
        return at.pretrained(p.backbone, p.pepx if p.backbone == "covidnet" else "")
    return given if given == "imagenet" else resolve(given)


def freeze(model: keras.Model, how: Plan) -> int:
    """Freezes what the plan does not train; returns the number of free parameters (Table 1)."""
    if how.first is not None:
        models.freeze_below(model, how.first)
    return models.free_parameters(model)


def train(model: keras.Model, how: Plan, data: Dataset, p, *, checkpoints: Path, activations: Path) -> Trained:
    """Trains a row and predicts the validation and test images with its best epoch.

    Frozen layers are computed once (`cache_activations`) unless augmentation changes the images in every epoch.

    Args:
        model: after `freeze`; it holds the best epoch's weights afterwards.
        how: the plan.
        data: prepared chest images.
        p: the notebook's parameters.
        checkpoints: folder for the state after each epoch.
        activations: the store of activations.
    """
    clock = time.perf_counter()
    trained, arrays = _trained_part(model, how, data, p, activations)
    seconds = {"activations": time.perf_counter() - clock}
    parts = {split: data.part(split) for split in SPLITS}
    examples = {
        split: Examples(arrays, part.positions, part.labels, len(data.classes)) for split, part in parts.items()
    }
    weights = class_weights(parts["train"].labels, len(data.classes)) if p.class_weights else None
    clock = time.perf_counter()
    history, checkpoint = fit_stage(
        trained, examples["train"], examples["validation"], stage=how.stage, epochs=how.epochs,
        learning_rate=how.learning_rate, batch_size=p.batch_size, folder=checkpoints, class_weights=weights,
        augmentation=p.brightness if p.augmentation else None, seed=p.seed, jit_compile=p.jit_compile,
    )  # fmt: skip
    seconds["training"] = time.perf_counter() - clock
    clock = time.perf_counter()
    probabilities = {split: predict(trained, examples[split], p.batch_size) for split in SPLITS[1:]}
    seconds["prediction"] = time.perf_counter() - clock
    return Trained(history, probabilities, seconds, checkpoint)


def prediction_table(data: Dataset, split: str, probabilities: np.ndarray) -> pd.DataFrame:
    """image_id, group_id, source, label and a probability column a class, a row an image of the split."""
    index = data.part(split).index[["image_id", "group_id", "source", "label"]].reset_index(drop=True)
    return index.assign(**dict(zip(data.classes, probabilities.T, strict=True)))


def write(
    folder: Path,
    model: keras.Model,
    trained: Trained,
    predictions: dict[str, pd.DataFrame],
    scores: dict[str, float | None],
    free_params: int,
    p,
) -> None:
    """Writes what a row leaves (metrics.json last, so that its presence says that the rest is there).

    Args:
        folder: results/<run>/experiments/<ID>.
        model: the whole network with the best epoch's weights.
        trained: as `train` gives it; its checkpoint is removed.
        predictions: as `prediction_table` gives them, for "validation" and "test".
        scores: of the test set, as `lib.evaluation.metrics.scores` gives them.
        free_params: as `freeze` gives it.
        p: the notebook's parameters.
    """
    history = trained.history
    with replacing(folder / "model.keras") as temporary:
        model.save(temporary)
    write_csv(folder / "predictions.csv", predictions["test"])
    write_csv(folder / "predictions_validation.csv", predictions["validation"])
    write_csv(folder / "history.csv", history)
    write_json(folder / "settings.json", {**vars(p), "hardware": hardware.describe()})
    measured = {
        "free_params": free_params,
        "best_epoch": int(history.loc[history["best"], "epoch"].iloc[0]),
        "seconds": sum(trained.seconds.values()),
        "seconds_by_step": trained.seconds,
        "seconds_a_training_step": float(history["seconds"].iloc[1:].sum() / max(history["steps"].iloc[1:].sum(), 1)),
    }
    write_json(folder / "metrics.json", {**scores, **measured})
    trained.checkpoint.remove()


def _trained_part(model: keras.Model, how: Plan, data: Dataset, p, activations: Path):
    """The model that is fitted, and the arrays that it takes."""
    if how.first is None:
        return model, [data.images]
    if p.augmentation or not p.cache_activations:
        return models.inference_mode(model), [data.images]
    frozen, trained = models.split_at(model, how.first)
    everything = Examples(
        [data.images], np.arange(len(data.images)), np.zeros(len(data.images), int), len(data.classes)
    )
    return trained, stored_activations(frozen, everything, activations, p.batch_size)


def _require(file: Path, why: str, run: str, notebook: str) -> None:
    if not file.is_file():
        raise MissingParent(
            f"{why}, but there is no {file}. Run that first: `make reproduce RUN={run}` runs all that is needed in "
            f"order; or execute notebook {notebook}."
        )
