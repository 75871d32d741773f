"""What a run left behind is read as it is, and what is wrong with it is said."""

import numpy as np
import pandas as pd
import pytest

from lib.data.labels import CHEST_CLASSES
from lib.evaluation import runs
from tests.evaluation import synthetic


def test_rows_that_have_not_run_are_absent(at):
    synthetic.write(at, experiments=("RN4", "CN2"), patients=20)
    (at.experiment("CN2") / "metrics.json").unlink()
    rows = runs.read_rows(at, ["CN2", "RN1", "RN4"], [1])
    assert list(rows) == ["RN4"]
    assert rows["RN4"].metrics["accuracy"] == pytest.approx(rows["RN4"].test.scores()["accuracy"])


def test_repeats_with_further_seeds_are_found(at):
    synthetic.write(at, experiments=("RN4",), patients=20)
    index = pd.read_csv(at.covidx / "index.csv")
    synthetic.write_row(at, "RN4", index, seed=9, folder=at.experiment("RN4", 2))
    row = runs.read_row(at, "RN4", [1, 2, 3])
    assert len(row.repeats) == 1
    assert row.repeats[0].same_images(row.test)
    assert not np.array_equal(row.repeats[0].probabilities, row.test.probabilities)


def test_baselines_are_read_and_drawn_up_where_the_run_has_what_they_need(at):
    assert runs.baseline_rows(at, {}) == {}  # without what they need
    synthetic.write(at, experiments=("RN4",), patients=40)
    found = runs.baseline_rows(at, runs.read_rows(at, ["RN4"], [1]))
    assert list(found) == ["source-only", "majority"]
    train = pd.read_csv(at.covidx / "index.csv").query("split == 'train'")["label"]
    assert set(found["majority"].test.predicted) == {CHEST_CLASSES.index(train.mode()[0])}
    assert found["majority"].test.probabilities[0, 0] == pytest.approx((train == "covid-19").mean())


def test_predictions_are_ordered_by_image(tmp_path):
    table = pd.DataFrame({"image_id": ["b", "a"], "group_id": ["2", "1"], "label": ["normal", "covid-19"]})
    table = table.assign(**{"covid-19": [0.1, 0.9], "normal": [0.9, 0.1], "pneumonia": 0.0})
    table.to_csv(tmp_path / "predictions.csv", index=False)
    found = runs.read_predictions(tmp_path / "predictions.csv")
    assert found.images.tolist() == ["a", "b"]
    assert found.labels.tolist() == [0, 1]
    assert found.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="normal"), "normal missing"),
        (lambda table: table.assign(label="flu"), "labels flu"),
        (lambda table: table.assign(label=None), "empty"),
        (lambda table: pd.concat([table, table]), "an image twice"),
        (lambda table: table[:0], "no image"),
    ],
)
def test_bad_predictions_are_named(tmp_path, change, message):
    table = pd.DataFrame({"image_id": ["a"], "group_id": ["1"], "label": ["normal"]})
    change(table.assign(**dict.fromkeys(CHEST_CLASSES, 0.3))).to_csv(tmp_path / "predictions.csv", index=False)
    with pytest.raises(ValueError, match=message):
        runs.read_predictions(tmp_path / "predictions.csv")
