import json
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from lib import models, paths
from lib.evaluation import metrics
from lib.files import write_csv
from lib.training.batches import FromPixels
from lib.training.stage import Adam, EpochScores, Progress, TrainingDiverged, predict
from tests.training.conftest import fit_stage, small_network

SETTINGS = {"stage": "scratch", "learning_rate": 0.01, "batch_size": 8}


@pytest.mark.parametrize(
    ("scores", "epoch"),
    [([0.3, 0.2, 0.1], 1), ([0.1, 0.2, 0.3], 3), ([0.1, 0.4, 0.4, 0.2], 2), ([0.0, 0.0], 1)],
    ids=["first is best", "last is best", "first of equals", "all zero"],
)
def test_the_first_of_equally_good_epochs_is_kept(network, tmp_path, scores, epoch):
    network.compile(Adam(0.1), "categorical_crossentropy", metrics=[EpochScores(3)])
    progress = Progress(network, tmp_path, "linear", len(scores), {})
    bias = network.get_layer("logits").bias
    for number in progress.epochs_left():
        bias.assign(np.full(3, float(number)))
        score = scores[number - 1]
        fitted = {"loss": [0.0], "macro_f1": [0.0]}
        progress.end_epoch(fitted, {"cross_entropy": 0.0, "macro_f1": score}, keep=score > progress.best)
    assert list(progress.finish()["best"]) == [number == epoch for number in range(1, len(scores) + 1)]
    np.testing.assert_array_equal(bias.numpy(), np.full(3, float(epoch)))


def test_it_learns_records_every_epoch_and_keeps_the_weights_of_the_best(network, stripes, tmp_path):
    history, _ = fit_stage(network, *stripes, epochs=6, folder=tmp_path, **SETTINGS)
    assert list(history["epoch"]) == [1, 2, 3, 4, 5, 6]
    (kept,) = history.loc[history["best"], "val_macro_f1"]
    assert kept == history["val_macro_f1"].max()
    assert kept > 0.9  # the classes are stripes: chance is 0.33
    probabilities = predict(FromPixels(network), stripes[1], 8)
    assert metrics.scores(stripes[1].labels, probabilities)["macro_f1"] == pytest.approx(kept, abs=1e-9)
    for name in ("cross_entropy", "accuracy", "macro_f1", "macro_auc", "covid_precision", "covid_recall"):
        assert {name, f"val_{name}"} <= set(history)


@pytest.mark.parametrize(("to_beat", "kept"), [(0.0, 2), (0.95, None)])
def test_an_epoch_that_does_not_beat_the_stage_before_leaves_its_weights(network, tmp_path, to_beat, kept):
    """Fine-tuning from the last epoch: what is kept at first is not what the training starts from."""
    network.compile(Adam(0.1), "categorical_crossentropy", metrics=[EpochScores(3)])
    bias = network.get_layer("logits").bias
    bias.assign(np.full(3, 9.0))  # the best linear epoch's
    progress = Progress(network, tmp_path, "fine_tuning", 2, {}, to_beat=to_beat)
    bias.assign(np.full(3, 8.0))  # the last one's
    for number in progress.epochs_left():
        bias.assign(np.full(3, float(number)))
        fitted, scores = {"loss": [0.0], "macro_f1": [0.0]}, {"cross_entropy": 0.0, "macro_f1": number / 10}
        progress.end_epoch(fitted, scores, keep=scores["macro_f1"] > progress.best)
    assert progress.finish()["best"].tolist() == [False, kept == 2]
    np.testing.assert_array_equal(bias.numpy(), np.full(3, float(kept or 9)))


def test_an_undefined_score_is_an_empty_cell_of_the_history(network, stripes, tmp_path, monkeypatch):
    real = metrics.scores
    monkeypatch.setattr(metrics, "scores", lambda *given: real(*given) | {"covid_precision": None})
    history, _ = fit_stage(network, *stripes, epochs=1, folder=tmp_path, **SETTINGS)
    write_csv(tmp_path / "history.csv", history)
    header, line = (tmp_path / "history.csv").read_text().splitlines()
    assert dict(zip(header.split(","), line.split(","), strict=True))["val_covid_precision"] == ""


def test_class_weights_enter_the_loss_as_factors(network, stripes, tmp_path):
    """At learning rate ~0 the weighted loss of an epoch is the mean of w_k times the cross entropy."""
    train, validation = stripes
    factors = np.array([2.0, 1.0, 0.5], np.float32)
    frozen = models.inference_mode(network)
    chosen = predict(FromPixels(frozen), train, 8)[np.arange(len(train)), train.labels]
    settings = SETTINGS | {"learning_rate": 1e-12, "stage": "linear"}
    history, _ = fit_stage(frozen, train, validation, epochs=1, folder=tmp_path, class_weights=factors, **settings)
    # Keras weighs each batch's mean by its size, so the epoch's loss is the mean over the images
    assert history["loss"][0] == pytest.approx(float((factors[train.labels] * -np.log(chosen)).mean()), rel=1e-5)
    assert history["cross_entropy"][0] == pytest.approx(float(-np.log(chosen).mean()), rel=1e-5)


def test_what_is_frozen_stays_bit_identical(network, stripes, tmp_path):
    models.freeze_below(network, "last_conv")
    statistics = network.get_layer("last_bn").non_trainable_variables
    frozen = [*network.get_layer("conv").weights, *network.get_layer("bn").weights, *statistics]
    before = [weight.numpy() for weight in frozen]
    kernel = network.get_layer("last_conv").kernel.numpy()
    fit_stage(models.inference_mode(network), *stripes, epochs=2, folder=tmp_path, **SETTINGS)
    for old, new in zip(before, frozen, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    assert (kernel != network.get_layer("last_conv").kernel.numpy()).any()


def test_adam_has_the_learning_rate_of_the_stage(network, stripes, tmp_path):
    settings = SETTINGS | {"learning_rate": 0.0025}
    history, progress = fit_stage(network, *stripes, epochs=1, folder=tmp_path, **settings)
    assert float(progress.model.optimizer.learning_rate) == pytest.approx(0.0025)
    assert history["learning_rate"][0] == 0.0025


@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_loss_that_is_lost_in_one_batch_ends_its_epoch_and_names_rate_and_checkpoint(stripes, tmp_path, lost):
    """Nothing is trained, so only the batch of the one image whose weight is no finite number is lost."""
    network = small_network()
    network.trainable = False
    train = replace(stripes[0], labels=np.where(np.arange(45) == 20, 0, 1))
    fit = {"folder": tmp_path, "class_weights": np.array([lost, 1.0, 1.0], np.float32), **SETTINGS}
    with pytest.warns(UserWarning, match="trainable"), pytest.raises(TrainingDiverged) as error:
        fit_stage(network, train, stripes[1], epochs=1, **fit)
    assert f"scratch, epoch 1: the loss is {lost} at learning rate 0.01. Last good checkpoint: none yet" in str(error)
    assert "Lower the learning rate" in str(error)


def test_a_training_that_diverges_names_the_epoch_before(network, tmp_path):
    network.compile(Adam(0.01), "categorical_crossentropy", metrics=[EpochScores(3)])
    progress = Progress(network, tmp_path, "linear", 2, {}, checkpoint_seconds=0)
    scores = {"cross_entropy": 0.0, "macro_f1": 0.5}
    progress.end_epoch({"loss": [0.0], "macro_f1": [0.0]}, scores, keep=True)
    with pytest.raises(TrainingDiverged, match=rf"linear, epoch 2: .*checkpoint: {progress.file}"):
        progress.on_epoch_end(0, {"loss": np.nan})


@pytest.mark.parametrize("epochs_before", [0, 1])
def test_a_training_that_may_diverge_ends_with_what_was_best_before(network, tmp_path, epochs_before):
    network.compile(Adam(0.01), "categorical_crossentropy", metrics=[EpochScores(3)])
    weights = [variable.numpy() for variable in network.weights]
    fitted, scores = {"loss": [0.0], "macro_f1": [0.0]}, {"cross_entropy": 0.0, "macro_f1": 0.5}
    with Progress(network, tmp_path, "linear", 3, {}, diverging="keep") as progress:
        for _ in range(epochs_before):
            progress.end_epoch(fitted, scores, keep=True)
        network.weights[0].assign(network.weights[0] * np.nan)
        progress.on_epoch_end(0, {"loss": np.nan, "macro_f1": 0.3})
    history = progress.finish()
    assert progress.diverged == f"linear, epoch {epochs_before + 1}: the loss is nan at learning rate 0.01"
    assert history["best"].tolist() == [True] * epochs_before + [False]
    assert np.isnan(history["val_macro_f1"].iloc[-1])
    for variable, value in zip(network.weights, weights, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize("decay", [{}, {"cosine_steps": 30}])
def test_an_interrupted_stage_ends_with_the_same_weights(network, stripes, tmp_path, decay):
    fit = SETTINGS | decay
    fit_stage(network, *stripes, epochs=5, folder=tmp_path / "whole", **fit)
    fit_stage(small_network(), *stripes, epochs=2, folder=tmp_path / "parts", **fit)
    resumed = small_network()
    history, progress = fit_stage(resumed, *stripes, epochs=5, folder=tmp_path / "parts", **fit)
    assert len(history) == 5
    falls = np.cos(np.pi * np.arange(5) / 5) / 2 + 0.5 if decay else np.ones(5)  # 5 epochs of 6 steps
    np.testing.assert_allclose(history["learning_rate"], 0.01 * falls, rtol=1e-4)
    for one, other in zip(network.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    progress.remove()
    assert not list((tmp_path / "parts").glob("checkpoint*"))


def test_a_checkpoint_of_other_settings_is_not_used(network, stripes, tmp_path):
    fit_stage(network, *stripes, epochs=2, folder=tmp_path, **SETTINGS)
    history, _ = fit_stage(small_network(seed=2), *stripes, epochs=1, folder=tmp_path, **SETTINGS)
    assert len(history) == 1


@pytest.mark.parametrize("damage", [lambda data: data[:-200], lambda data: data[:90], lambda data: b"x" * len(data)])
def test_a_damaged_checkpoint_is_set_aside_and_the_stage_begins_anew(network, stripes, tmp_path, damage, caplog):
    whole, _ = fit_stage(network, *stripes, epochs=2, folder=tmp_path / "whole", **SETTINGS)
    fit_stage(small_network(), *stripes, epochs=1, folder=tmp_path / "parts", **SETTINGS)
    (file,) = (tmp_path / "parts").glob("checkpoint*")
    file.write_bytes(damage(file.read_bytes()))
    anew = small_network()
    history, _ = fit_stage(anew, *stripes, epochs=2, folder=tmp_path / "parts", **SETTINGS)
    pd.testing.assert_frame_equal(history, whole)
    for one, other in zip(network.get_weights(), anew.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    (aside,) = (tmp_path / "parts").glob("*.damaged")
    (line,) = [record.getMessage() for record in caplog.records if "damaged" in record.getMessage()]
    assert str(aside) in line


def test_too_little_memory_says_what_to_lower(network, tmp_path):
    network.compile(Adam(0.1), "categorical_crossentropy", metrics=[EpochScores(3)])
    with (
        pytest.raises(MemoryError, match=r"linear, epoch 1: out of memory \(OOM\); lower batch_size"),
        Progress(network, tmp_path, "linear", 2, {}),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM\nmore")


def test_short_epochs_share_a_checkpoint(network, stripes, tmp_path):
    fit_stage(network, *stripes, epochs=2, folder=tmp_path, **(SETTINGS | {"checkpoint_seconds": 3600}))
    assert not list(tmp_path.glob("checkpoint*"))


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from lib import hardware
hardware.configure(seed=1)
from lib import models
from tests.training.conftest import fit_stage, small_network, striped
from tests.training.test_stage import SETTINGS

first, epochs, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
network = small_network()
models.freeze_below(network, first)
fit_stage(models.inference_mode(network), *striped(), epochs=epochs, folder=folder, **SETTINGS)
np.savez(folder / "end.npz", *network.get_weights())
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", ["logits", "last_conv"], ids=["linear", "fine-tuning"])
def test_killed_in_the_middle_it_resumes_to_the_same_weights(first, tmp_path):
    """kill -9 while epochs are running; the second start must not begin at epoch 1 and must end bit-identically."""

    def start(epochs, folder):
        return subprocess.Popen([sys.executable, "-c", SCRIPT, first, str(epochs), str(folder)], cwd=paths.ROOT)

    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start(400, killed)
    deadline = time.monotonic() + 300
    while not list(killed.glob("checkpoint*.npy")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.kill()
    process.wait()
    (file,) = killed.glob("checkpoint*.npy")
    with file.open("rb") as written:
        finished = len(json.loads(str(np.load(written))))
    assert 1 <= finished < 400, "the process was killed in the middle"
    for folder in (killed, whole):
        assert start(finished + 2, folder).wait() == 0
    with np.load(killed / "end.npz") as one, np.load(whole / "end.npz") as other:
        for name in one.files:
            np.testing.assert_array_equal(one[name], other[name])
