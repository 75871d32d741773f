import errno
import multiprocessing
import time
from types import SimpleNamespace

import numpy as np
import pytest

from lib import models
from lib.training import activations
from lib.training.activations import stored_activations
from lib.training.batches import Examples, FromPixels
from lib.training.stage import predict
from tests.training.conftest import fit_stage, small_network


@pytest.fixture
def cut(network):
    models.freeze_below(network, "last_conv")
    return models.split_at(network, "last_conv")


@pytest.fixture
def everything(stripes):
    return Examples(stripes[0].arrays, np.arange(60), np.zeros(60, int), 3)


def test_both_ways_of_training_give_the_same_network(stripes, everything, tmp_path):
    """Stored activations are the frozen part's own float32 output in other batches.

    One batch's rounding differs from another's by a few units in the last place (2^-24 relative); over 12 steps of Adam
    at rate 0.01 this grows to at most a hundred-thousandth of weights of order 1. 1e-4 is ten times that.
    """
    plain, cached = small_network(), small_network()
    for model in (plain, cached):
        models.freeze_below(model, "last_conv")
    settings = {"stage": "fine_tuning", "epochs": 2, "learning_rate": 0.01, "batch_size": 8}
    whole = models.inference_mode(plain)
    fit_stage(whole, *stripes, folder=tmp_path / "plain", **settings)
    frozen, trained = models.split_at(cached, "last_conv")
    arrays = stored_activations(frozen, everything, tmp_path / "store", 16)
    parts = [Examples(arrays, part.positions, part.labels, 3) for part in stripes]
    fit_stage(trained, *parts, folder=tmp_path / "cached", **settings)
    for one, other in zip(plain.get_weights(), cached.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    np.testing.assert_allclose(predict(FromPixels(whole), stripes[1], 8), predict(trained, parts[1], 8), atol=1e-4)


def test_the_second_use_reads_the_store(cut, everything, tmp_path, monkeypatch):
    first = stored_activations(cut[0], everything, tmp_path, 16)
    monkeypatch.setattr(activations, "_compute", lambda *_: pytest.fail("computed again"))
    second = stored_activations(cut[0], everything, tmp_path, 16)
    np.testing.assert_array_equal(first, second)


def test_the_key_follows_weights_and_pixels(cut, everything):
    before = activations.key(cut[0], everything)
    assert activations.key(cut[0], everything) == before
    other = Examples([everything.arrays[0].copy()], everything.positions, everything.labels, 3)
    other.arrays[0][3, 2, 1] += 1
    assert activations.key(cut[0], other) != before
    kernel = cut[0].get_layer("conv").kernel
    kernel.assign(np.asarray(kernel) * 1.0001)
    assert activations.key(cut[0], everything) != before


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_store_is_computed_anew(cut, everything, tmp_path, damage):
    right = [np.array(array) for array in stored_activations(cut[0], everything, tmp_path, 16)]
    (file,) = tmp_path.glob("*/activation_0.npy")
    data = file.read_bytes()
    file.unlink()
    if damage == "flip":
        file.write_bytes(data[:-5] + bytes([data[-5] ^ 0x40]) + data[-4:])
    elif damage == "truncate":
        file.write_bytes(data[:-100])
    again = stored_activations(cut[0], everything, tmp_path, 16)
    np.testing.assert_array_equal(right, again)


def test_a_full_disk_falls_back_to_memory(cut, everything, tmp_path, monkeypatch, caplog):
    right = stored_activations(cut[0], everything, tmp_path / "right", 16)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "open_memmap", full)
    arrays = stored_activations(cut[0], everything, tmp_path / "full", 16)
    assert "kept in memory" in caplog.text
    np.testing.assert_array_equal(right, arrays)
    left = [path.name for path in (tmp_path / "full").iterdir() if path.suffix != ".lock"]
    assert not left, "nothing half-written is left"


def test_too_little_space_is_noticed_before_writing(cut, everything, tmp_path, monkeypatch, caplog):
    usage = type("usage", (), {"free": 10})
    monkeypatch.setattr(activations.shutil, "disk_usage", lambda _: usage)
    stored_activations(cut[0], everything, tmp_path, 16)
    assert "GB free" in caplog.text


def test_frozen_part_runs_in_inference_mode(cut, everything, tmp_path):
    stored = stored_activations(cut[0], everything, tmp_path, 16)[0]
    inputs = next(iter(everything.ordered(60)))[0]
    np.testing.assert_allclose(stored, np.asarray(FromPixels(cut[0])(inputs, training=False)), atol=1e-5)


def test_a_store_that_grows_too_large_loses_what_was_used_longest_ago(cut, everything, tmp_path, monkeypatch):
    def use(offset):
        images = Examples([everything.arrays[0] + np.uint8(offset)], everything.positions, everything.labels, 3)
        stored_activations(cut[0], images, tmp_path, 16)
        time.sleep(0.05)  # a file system's clock may tick every 10 ms only
        return tmp_path / activations.key(cut[0], images)

    first, second = use(1), use(2)
    size = sum(path.stat().st_size for path in first.iterdir())
    monkeypatch.setattr(activations, "LARGEST", 2.5 * size)
    use(1)
    third = use(3)
    assert [entry.exists() for entry in (first, second, third)] == [True, False, True]
    monkeypatch.setattr(activations, "LARGEST", 0)
    use(1)
    assert [entry.exists() for entry in (first, second, third)] == [True, False, False], "what is in use stays"


def test_eight_processes_at_once_compute_an_entry_once_and_read_the_same(tmp_path, monkeypatch):
    """Forked, and without TensorFlow, which eight would need a minute to load: the store's part alone is shared."""
    frozen, images = SimpleNamespace(outputs=[SimpleNamespace(shape=(None, 3))]), range(60)
    context = multiprocessing.get_context("fork")
    together = context.Barrier(8)

    def batches(*_):
        with (tmp_path / "computed.txt").open("a") as file:
            file.write(".")
        for start in range(0, 60, 20):
            time.sleep(0.05)  # the others are there, too
            yield [np.full((20, 3), start, np.float32)]

    def use(number):
        together.wait()
        (array,) = stored_activations(frozen, images, tmp_path / "store", 20)
        (tmp_path / f"{number}.txt").write_text(str(array.sum()))

    monkeypatch.setattr(activations, "key", lambda *_: "key")
    monkeypatch.setattr(activations, "_batches", batches)
    processes = [context.Process(target=use, args=(number,)) for number in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    assert (tmp_path / "computed.txt").read_text() == "."
    assert {(tmp_path / f"{number}.txt").read_text() for number in range(8)} == {"3600.0"}
