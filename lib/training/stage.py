"""What surrounds the training loop of notebooks 03 and 04: optimiser, scores of an epoch, checkpoints, the best epoch.

The loop itself stands in the notebooks, where a reader of the paper looks for it (sections 4.2.3 and 4.3):

    model.compile(Adam(rate), keras.losses.CategoricalCrossentropy(), metrics=[EpochScores(classes)])
    with Progress(model, folder, "linear", epochs, settings) as progress:
        for epoch in progress.epochs_left():
            fitted = model.fit(train.shuffled(...), shuffle=False, verbose=0, callbacks=[progress])
            scores = validate(model, validation, batch_size)
            progress.end_epoch(fitted.history, scores, keep=scores["macro_f1"] > progress.best)
    history = progress.finish()
"""

import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from keras import ops

from lib import files
from lib.evaluation import metrics
from lib.training.batches import Examples

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 20
"""An epoch is written down once so much time has passed since the last one was: writing takes seconds, too."""

BINS = 200
"""Bins of the histograms behind the training set's macro AUC; the area is exact up to ties within a bin."""

SMALLEST = 1e-7
"""Probabilities below count as this in a cross entropy, as in Keras's loss."""


class TrainingDiverged(RuntimeError):
    """The loss is no longer a number."""


class Adam(keras.optimizers.Adam):
    """Keras's Adam (Kingma and Ba, 2015) in TensorFlow's fused kernel: 18 graph operations a variable instead of 40.

    The formulas and the variables are Keras's, so the two give the same weights up to rounding. The training step has a
    smaller graph, which is traced sooner, and one kernel reads and writes each weight and its moments.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable (a tf.Variable) and its two moments in place."""
        number = self._get_variable_index(variable)
        dtype = variable.dtype
        step = ops.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[number].value.handle,
            v=self._velocities[number].value.handle,
            beta1_power=ops.power(ops.cast(self.beta_1, dtype), step),
            beta2_power=ops.power(ops.cast(self.beta_2, dtype), step),
            lr=ops.cast(learning_rate, dtype),
            beta1=ops.cast(self.beta_1, dtype),
            beta2=ops.cast(self.beta_2, dtype),
            epsilon=ops.cast(self.epsilon, dtype),
            grad=ops.cast(gradient, dtype),
        )


class EpochScores(keras.metrics.Metric):
    """Cross entropy and section 4.3.1's metrics while training; precision and recall of class 0 where K is 3.

    The cross entropy is the images' mean without class weights and without a penalty, as `validate` gives it, so that
    the two can be compared. A precision or recall of no image is NaN.

    One confusion matrix and one histogram of probabilities give all of section 4.3.1's metrics. A metric of Keras for
    each of them would make the graph of a training step, and the time to trace it, half as large again.

    Args:
        classes: K; class 0 is covid-19 where K is 3.
    """

    def __init__(self, classes: int, name: str = "epoch_scores"):
        super().__init__(name=name, dtype="float32")
        self.classes = classes
        self.confusion = self.add_weight(shape=(classes, classes), initializer="zeros", name="confusion")
        self.surprise = self.add_weight(shape=(), initializer="zeros", name="surprise")
        self.histogram = self.add_weight(shape=(2, classes, BINS), initializer="zeros", name="histogram")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch: one-hot labels (N, K) and probabilities (N, K); sample weights do not enter."""
        truth = ops.cast(y_true, "float32")
        probabilities = ops.cast(y_pred, "float32")
        predicted = ops.one_hot(ops.argmax(probabilities, axis=-1), self.classes)
        self.confusion.assign_add(ops.matmul(ops.transpose(truth), predicted))
        chosen = ops.clip(ops.sum(truth * probabilities, axis=-1), SMALLEST, 1.0)
        self.surprise.assign_add(-ops.sum(ops.log(chosen)))
        bins = ops.cast(ops.clip(probabilities, 0.0, 1.0) * (BINS - 1), "int32")
        placed = ops.one_hot(bins, BINS)
        both = ops.stack([1.0 - truth, truth])
        self.histogram.assign_add(ops.einsum("snk,nkb->skb", both, placed))

    def result(self):
        correct = ops.diagonal(self.confusion)
        true, predicted = ops.sum(self.confusion, axis=1), ops.sum(self.confusion, axis=0)
        f1 = ops.divide_no_nan(2 * correct, true + predicted)
        scores = {
            "cross_entropy": ops.divide_no_nan(self.surprise, ops.sum(true)),
            "accuracy": ops.divide_no_nan(ops.sum(correct), ops.sum(true)),
            "macro_f1": ops.mean(f1),
            "macro_auc": ops.mean(self._areas()),
        }
        if self.classes == 3:
            scores["covid_precision"] = correct[0] / predicted[0]  # 0 / 0 is NaN
            scores["covid_recall"] = correct[0] / true[0]
        return scores

    def _areas(self):
        """Areas under the ROC curves (K,): the share of pairs in which the positive scores higher, ties as half."""
        negative, positive = self.histogram[0], self.histogram[1]
        below = ops.cumsum(negative, axis=-1) - negative
        pairs = ops.sum(positive, axis=-1) * ops.sum(negative, axis=-1)
        return ops.divide_no_nan(ops.sum(positive * (below + 0.5 * negative), axis=-1), pairs)


class Progress(keras.callbacks.Callback):
    """Goes through a stage's epochs, also after an interruption, and ends with the weights of the best one.

    Leaving the `with` block because the device's memory did not suffice raises MemoryError with what to lower.

    Args:
        model: compiled, from the examples' arrays to probabilities (batch, K).
        folder: where the state after an epoch is kept; a stage that was interrupted goes on from there.
        stage: "linear", "scratch" or "fine_tuning"; names the rows of the history.
        epochs: how many.
        settings: all that the result depends on besides the first weights (JSON, or arrays); a checkpoint of other
            settings is not used.
        checkpoint_seconds: epochs that are shorter share a checkpoint, so that an interruption costs no more than this;
            0 writes every epoch down.
        to_beat: the validation macro F1 that an epoch must exceed to be kept; where none does, the model ends with the
            weights that it had when this object was made.
        diverging: "stop" raises TrainingDiverged while fitting, once the loss of an epoch is infinite or NaN; "keep"
            ends the `with` block there: `diverged` says why, and the best epoch so far, or the first weights, are kept.
    """

    def __init__(
        self,
        model: keras.Model,
        folder: Path,
        stage: str,
        epochs: int,
        settings: Any,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        to_beat: float = -math.inf,
        diverging: str = "stop",
    ):
        super().__init__()
        self._to_beat, self._diverging, self.diverged = to_beat, diverging, ""
        self._trained, self.stage, self.epochs = model, stage, epochs
        self._every, self._written = checkpoint_seconds, time.perf_counter()
        _make_variables(model)
        self._rate = _rate(model)
        self.file = Path(folder) / f"checkpoint-{_fingerprint(model, [stage, settings])}.npy"
        self.history, self._kept = self._load() or ([], [variable.numpy() for variable in _changing(model)])
        if self.history:
            log.info("%s: goes on after epoch %d", stage, len(self.history))

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind, error, _) -> bool:
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise MemoryError(
                f"{self.stage}, epoch {len(self.history) + 1}: out of memory ({error.message.splitlines()[0]}); "
                "lower batch_size or image_size, or set precision to mixed_float16"
            ) from error
        if isinstance(error, TrainingDiverged) and self._diverging == "keep":
            self.diverged = str(error).partition(". Last good")[0]
            log.info("%s; what was best before is kept", self.diverged)
            scores = {f"val_{name}": math.nan for name in self._lost if name != "loss"}
            row = {"stage": self.stage, "epoch": len(self.history) + 1, **self._lost, **scores}
            self.history.append(row | {"learning_rate": self._rate, "best": False})
        return bool(self.diverged)

    @property
    def best(self) -> float:
        """The highest validation macro F1 so far, `to_beat` included."""
        return max([self._to_beat, *(row["val_macro_f1"] for row in self.history)])

    def epochs_left(self) -> Iterator[int]:
        """The epochs still to train, counted from 1."""
        return iter(range(len(self.history) + 1, self.epochs + 1))

    def end_epoch(self, fitted: dict[str, list[float]], scores: dict[str, float | None], *, keep: bool) -> None:
        """Notes an epoch.

        Args:
            fitted: `History.history` of the epoch: loss and scores while its weights changed.
            scores: of the validation set after it, as `validate` gives them.
            keep: these weights are the best so far.
        """
        row = {"stage": self.stage, "epoch": len(self.history) + 1}
        row |= {name: float(values[-1]) for name, values in fitted.items()}
        row |= {f"val_{name}": value for name, value in scores.items()}
        self.history.append(row | {"learning_rate": self._rate, "best": keep})
        if keep:
            self._kept = [variable.numpy() for variable in _changing(self._trained)]
        if time.perf_counter() - self._written >= self._every:
            self._save()
            self._written = time.perf_counter()
        best = max((past["epoch"] for past in self.history if past["best"]), default="none")
        log.info(
            f"{self.stage:<11} epoch {row['epoch']:>2}/{self.epochs}  loss {row['loss']:6.3f}  macro F1 "
            f"{row['macro_f1']:.3f}  |  validation cross entropy {row['val_cross_entropy']:6.3f}  macro F1 "
            f"{row['val_macro_f1']:.3f}  (best: epoch {best})"
        )

    def finish(self) -> pd.DataFrame:
        """Leaves the best epoch's weights in the model.

        Returns:
            A row an epoch: stage, epoch, loss (what was minimised), cross_entropy (plain), accuracy, macro_f1,
            macro_auc, covid_precision, covid_recall (macro AUC from histograms of 200 bins), the same but for the loss
            with `val_` (exactly), learning_rate (at the epoch's first step), and best, true for the epoch whose weights
            were kept. A score that is undefined, such as the precision of a class that is never predicted, is NaN.
        """
        for variable, value in zip(_changing(self._trained), self._kept, strict=True):
            variable.assign(value)
        table = pd.DataFrame(self.history)
        return table.assign(best=table["epoch"] == table.loc[table["best"], "epoch"].max())

    def remove(self) -> None:
        """Deletes the checkpoint; call it once the trained model is safely written."""
        files.remove(self.file)

    def on_epoch_begin(self, epoch, logs=None):
        self._rate = _rate(self._trained)  # of the epoch's first step: a rate that falls is zero after the last

    def on_epoch_end(self, epoch, logs=None):
        loss = logs["loss"]  # a batch's NaN or infinity stays in the epoch's mean; a GPU would wait for each to be read
        if not math.isfinite(loss):
            self._lost = {name: float(value) for name, value in logs.items()}
            raise TrainingDiverged(
                f"{self.stage}, epoch {len(self.history) + 1}: the loss is {loss} at learning rate {self._rate:g}. "
                f"Last good checkpoint: {self.file if self.file.is_file() else 'none yet'}. "
                "Lower the learning rate, or use float32."
            )

    def _save(self) -> None:
        """Replaces the file: one array after the other, without the copies of an archive.

        Writing is a large part of what a short epoch of a large network takes.
        """
        variables = [*_changing(self._trained), *self._trained.optimizer.variables]
        with files.replacing(self.file) as temporary, temporary.open("wb") as file:
            np.save(file, np.array(json.dumps(self.history)))
            for array in (*(variable.numpy() for variable in variables), *self._kept):
                np.save(file, array)

    def _load(self) -> tuple[list[dict[str, Any]], list[np.ndarray]] | None:
        """Sets model and optimiser to the stored state; returns history and best weights, None if nothing is stored.

        A damaged file is set aside before anything is changed, so that the stage is as if it had never been there.
        """
        if not self.file.is_file():
            return None
        changing = _changing(self._trained)
        variables = [*changing, *self._trained.optimizer.variables]
        try:
            with files.check(self.file).open("rb") as file:
                history = json.loads(str(np.load(file)))
                state = [np.load(file) for _ in variables]
                kept = [np.load(file) for _ in changing]
            for variable, value in zip([*variables, *changing], [*state, *kept], strict=True):
                if tuple(variable.shape) != value.shape:
                    raise ValueError(f"found an array {value.shape} for {variable.path} {tuple(variable.shape)}")
        except Exception as error:  # numpy raises whatever it likes on damaged files
            aside = files.set_aside(self.file)
            log.warning("%s: damaged (%s); set aside, %s starts anew", aside, type(error).__name__, self.stage)
            return None
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)
        return history, kept


def predict(model: keras.Model, examples: Examples, batch_size: int) -> np.ndarray:
    """(N, K) float32 probabilities of the examples, in order."""
    return np.asarray(model.predict(examples.ordered(batch_size), verbose=0), np.float32)


def validate(model: keras.Model, examples: Examples, batch_size: int) -> dict[str, float | None]:
    """Plain cross entropy and the scores of section 4.3.1 on examples that the model was not trained on.

    A score that is undefined, such as the precision of a class that is never predicted, is None.
    """
    probabilities = predict(model, examples, batch_size)
    values = metrics.scores(examples.labels, probabilities)
    chosen = probabilities[np.arange(len(examples)), examples.labels].astype(np.float64)
    names = ["accuracy", "macro_f1", "macro_auc", *(["covid_precision", "covid_recall"] * (examples.classes == 3))]
    cross_entropy = float(-np.log(np.clip(chosen, SMALLEST, 1.0)).mean())
    return {"cross_entropy": cross_entropy, **{name: values[name] for name in names}}


def _changing(model: keras.Model) -> list[keras.Variable]:
    """The variables that training may change: those of trainable layers, batch normalisation's statistics included."""
    variables = [variable for layer in model.layers if layer.trainable for variable in layer.variables]
    return list({id(variable): variable for variable in variables}.values())


def _fingerprint(model: keras.Model, settings: Any) -> str:
    """Names the work that a checkpoint belongs to: first weights and settings. Equal work, equal name."""
    text = json.dumps(settings, sort_keys=True, default=lambda value: np.asarray(value).tolist())
    digest = hashlib.sha256(text.encode())
    for variable in model.weights:
        digest.update(variable.numpy().tobytes())
    return digest.hexdigest()[:16]


def _rate(model: keras.Model) -> float:
    """Adam's learning rate at its next step, which is kept in float32, as it was written."""
    return float(f"{float(model.optimizer.learning_rate):.6g}")


def _make_variables(model: keras.Model) -> None:
    """Makes the optimiser's and the metrics' variables now: made in the first step, they have it traced twice."""
    model.optimizer.build(model.trainable_variables)
    one = np.eye(model.output_shape[-1], dtype=np.float32)
    model.compute_metrics(None, one, one, sample_weight=None)
    model.reset_metrics()
