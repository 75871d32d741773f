"""What a row starts from."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lib import paths
from lib.files import read_json, write_csv
from lib.training import row
from tests.training.conftest import small_network

P = SimpleNamespace(experiment="RN4", continues="RN3", seed=2, run="demo")


@pytest.fixture
def at(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return paths.Paths("demo")


def leave(at, last, best):
    """What a linear row leaves, its history with one epoch that is kept where `best` is true."""
    history = pd.DataFrame({"epoch": [1, 2], "val_macro_f1": [0.75, 0.5], "best": [best, False]})
    tables = dict.fromkeys(("validation", "test"), pd.DataFrame({"image_id": []}))
    row.write_row(at.experiment("RN3", 2), small_network(), tables, history, {"accuracy": 1.0}, P, last)


def test_a_linear_rows_last_epoch_is_read_with_its_seed_and_its_best_score(at):
    last = [np.arange(18, dtype=np.float32).reshape(6, 3), np.arange(3, dtype=np.float32)]
    leave(at, last, best=True)
    classifier, to_beat = row.last_epoch(P, at)
    assert all(np.array_equal(a, b) for a, b in zip(classifier, last, strict=True))
    assert to_beat == 0.75


def test_a_row_that_left_no_last_epoch_is_named(at):
    write_csv(at.experiment("RN3", 2) / "history.csv", pd.DataFrame({"val_macro_f1": [0.5]}))
    with pytest.raises(
        row.MissingParent, match=r"RN4 goes on from RN3's last epoch, but there is no .*last_epoch\.npz"
    ):
        row.last_epoch(P, at)


@pytest.mark.parametrize(("best", "expected"), [(True, 1), (False, None)])
def test_the_kept_epoch_is_none_where_the_weights_are_the_row_befores(at, best, expected):
    leave(at, None, best)
    folder = at.experiment("RN3", 2)
    assert read_json(folder / "metrics.json")["best_epoch"] == expected
    assert not (folder / "last_epoch.npz").exists()
