"""One stage of training: Adam on weighted cross entropy, the best epoch by validation macro F1 (sections 4.2, 4.3)."""

import logging
import math
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from lib.evaluation import metrics
from lib.training.adam import Adam
from lib.training.batches import Examples
from lib.training.checkpoints import Checkpoint, changing_variables, fingerprint
from lib.training.epoch_scores import EpochScores

log = logging.getLogger(__name__)


CHECKPOINT_SECONDS = 20
"""An epoch is written down once so much time has passed since the last one was: writing takes seconds, too."""


class TrainingDiverged(RuntimeError):
    """The loss is no longer a number."""


class _StopAtNan(keras.callbacks.Callback):
    """Stops with a message that says where the loss was lost and what to go back to."""

    def __init__(self, stage: str, epoch: int, learning_rate: float, checkpoint: Path):
        super().__init__()
        self.where = f"{stage}, epoch {epoch}"
        self.learning_rate = learning_rate
        self.checkpoint = checkpoint

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(float(logs["loss"])):
            kept = self.checkpoint if self.checkpoint.is_file() else "none yet"
            raise TrainingDiverged(
                f"{self.where}, batch {batch + 1}: the loss is {float(logs['loss'])} at learning rate "
                f"{self.learning_rate:g}. Last good checkpoint: {kept}. Lower the learning rate, or use float32."
            )


def fit_stage(
    model: keras.Model,
    train: Examples,
    validation: Examples,
    *,
    stage: str,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    folder: Path,
    class_weights: np.ndarray | None = None,
    augmentation: str | None = None,
    seed: int = 1,
    jit_compile: bool = False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> tuple[pd.DataFrame, Checkpoint]:
    """Trains the model's trainable layers and leaves the weights of the best epoch in it.

    Args:
        model: from the examples' arrays to probabilities (batch, K).
        train: training examples.
        validation: validation examples, never augmented.
        stage: "linear", "scratch" or "fine_tuning"; names the rows of the history.
        epochs: how many.
        learning_rate: Adam's, constant.
        batch_size: images a step.
        folder: where the state after an epoch is kept; a stage that was interrupted goes on from there.
        class_weights: (K,) factors of the loss, equation (1), or None.
        augmentation: None, or a reading of the brightness augmentation.
        seed: of the order of the images and of the augmentation.
        jit_compile: compile the step with XLA.
        checkpoint_seconds: epochs that are shorter share a checkpoint, so that an interruption costs no more than this;
            0 writes every epoch down.

    Returns:
        (history, checkpoint). History has a row an epoch: stage, epoch, loss, accuracy, macro_f1, macro_auc,
        covid_precision, covid_recall (while the epoch's weights changed, macro AUC from histograms of 200 bins), the
        same with `val_` (exactly, after the epoch; val_loss is the plain cross entropy), learning_rate, seconds, steps,
        and best, true for the epoch whose weights were kept: the first with the highest val_macro_f1. Remove the
        checkpoint once the trained model is written.

    Raises:
        TrainingDiverged: the loss became infinite or NaN.
        MemoryError: the device's memory does not suffice.
    """
    model.compile(
        optimizer=Adam(learning_rate),
        loss=keras.losses.CategoricalCrossentropy(),
        metrics=[EpochScores(train.classes)],
        jit_compile=jit_compile,
    )
    _make_variables(model, train.classes)
    work = fingerprint(
        model, stage=stage, learning_rate=learning_rate, batch_size=batch_size, seed=seed, augmentation=augmentation,
        class_weights=None if class_weights is None else class_weights.tolist(), rows=train.positions.tolist(),
        labels=train.labels.tolist(),
    )  # fmt: skip
    checkpoint = Checkpoint(folder, work)
    history, best = checkpoint.load(model, model.optimizer) or ([], [v.numpy() for v in changing_variables(model)])
    if history:
        log.info("%s: goes on after epoch %d", stage, len(history))
    written = time.perf_counter()
    for epoch in range(len(history) + 1, epochs + 1):
        data = train.shuffled(batch_size, seed=seed, epoch=epoch, weights=class_weights, augmentation=augmentation)
        guard = _StopAtNan(stage, epoch, learning_rate, checkpoint.file)
        start = time.perf_counter()
        try:
            fitted = model.fit(data, epochs=1, shuffle=False, verbose=0, callbacks=[guard]).history
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(
                f"{stage}, epoch {epoch}: out of memory ({error.message.splitlines()[0]}); "
                f"lower batch_size ({batch_size}) or image_size, or set precision to mixed_float16"
            ) from error
        seconds = time.perf_counter() - start
        row = {"stage": stage, "epoch": epoch, **{name: float(values[-1]) for name, values in fitted.items()}}
        row |= {f"val_{name}": value for name, value in _validate(model, validation, batch_size).items()}
        row |= {"learning_rate": learning_rate, "seconds": seconds, "steps": math.ceil(len(train) / batch_size)}
        history.append(row)
        if best_epoch([past["val_macro_f1"] for past in history]) == epoch:
            best = [variable.numpy() for variable in changing_variables(model)]
        if time.perf_counter() - written >= checkpoint_seconds:
            checkpoint.save(model, model.optimizer, history, best)
            written = time.perf_counter()
        log.info(_line(row, epochs, history))
    for variable, value in zip(changing_variables(model), best, strict=True):
        variable.assign(value)
    table = pd.DataFrame(history)
    table["best"] = table["epoch"] == best_epoch(table["val_macro_f1"].tolist())
    return table, checkpoint


def best_epoch(macro_f1: list[float]) -> int:
    """The epoch, counted from 1, with the highest validation macro F1; the earliest of equals (section 4.2.3)."""
    return int(np.argmax(macro_f1)) + 1


def predict(model: keras.Model, examples: Examples, batch_size: int) -> np.ndarray:
    """(N, K) float32 probabilities of the examples, in order."""
    return np.asarray(model.predict(examples.ordered(batch_size), verbose=0), np.float32)


def _make_variables(model: keras.Model, classes: int) -> None:
    """Makes the optimiser's and the metrics' variables now: made in the first step, they have it traced twice."""
    model.optimizer.build(model.trainable_variables)
    one = np.eye(classes, dtype=np.float32)
    model.compute_metrics(None, one, one, sample_weight=None)
    model.reset_metrics()


def _validate(model: keras.Model, examples: Examples, batch_size: int) -> dict[str, Any]:
    probabilities = predict(model, examples, batch_size)
    values = metrics.scores(examples.labels, probabilities)
    chosen = probabilities[np.arange(len(examples)), examples.labels].astype(np.float64)
    loss = float(-np.log(np.clip(chosen, 1e-7, 1.0)).mean())
    names = [
        "accuracy",
        "macro_f1",
        "macro_auc",
        *(["covid_precision", "covid_recall"] if examples.classes == 3 else []),
    ]
    return {"loss": loss, **{name: values[name] for name in names}}


def _line(row: dict[str, Any], epochs: int, history: list[dict[str, Any]]) -> str:
    best = best_epoch([past["val_macro_f1"] for past in history])
    return (
        f"{row['stage']:<11} epoch {row['epoch']:>2}/{epochs}  loss {row['loss']:6.3f}  macro F1 {row['macro_f1']:.3f}"
        f"  |  validation loss {row['val_loss']:6.3f}  macro F1 {row['val_macro_f1']:.3f}  (best: epoch {best})"
    )
