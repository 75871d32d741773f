"""The ledger's columns, verdicts and settings."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from lib import files, params, paths
from lib.evaluation import runs, table1
from tests.evaluation import synthetic

ROWS = ["RN1", "RN2", "RN3", "RN4", "RN5", "RN6", "RN7", "RN8", "CN1", "CN2", "CN3"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A made-up run: the rows, the baselines and the ledger over them; CN3 has not run, RN4 has a second seed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "ROOT", tmp_path_factory.mktemp("project"))
        at = paths.Paths("demo")
        synthetic.write(at, experiments=ROWS[:-1], patients=30)
        index = pd.read_csv(at.covidx / "index.csv")
        synthetic.write_row(at, "RN4", index, seed=99, folder=at.experiment("RN4", 2))
        rows = runs.read_rows(at, ROWS, [1, 2])
        baselines = runs.baselines(at, rows)
    return rows, baselines, table1.ledger(rows, baselines, ROWS, run="demo", samples=200)


def test_the_ledger_has_the_contract_s_columns_and_rows(made):
    table = made[2]
    assert table["id"].tolist() == [*ROWS, "source-only", "majority"]
    expected = ["id", "transfer_learning", "class_weights", "augmentation", "fine_tuning"]
    expected += ["free_params", "free_params_published"]
    for score in ("accuracy", "macro_f1", "covid_precision", "covid_recall", "covid_f1"):
        expected += [score, f"{score}_low", f"{score}_high", f"{score}_published"]
    assert table.columns[: len(expected)].tolist() == expected


def test_values_are_percent_inside_their_intervals(made):
    rows, _, table = made
    table = table.set_index("id")
    assert table.at["RN4", "accuracy"] == pytest.approx(100 * rows["RN4"].metrics["accuracy"])
    for score in runs.SCORES:
        ran = table.drop("CN3")
        assert (ran[f"{score}_low"] <= ran[score]).all()
        assert (ran[score] <= ran[f"{score}_high"]).all()
        assert math.isnan(table.at["CN3", score])
        assert table.at["RN4", f"{score}_difference"] == pytest.approx(
            table.at["RN4", score] - table.at["RN4", f"{score}_published"]
        )


def test_seeds_give_mean_and_spread(made):
    rows, _, table = made
    line = table.set_index("id").loc["RN4"]
    both = [100 * rows["RN4"].scores()["accuracy"]]
    both += [100 * (repeat.predicted == repeat.labels).mean() for repeat in rows["RN4"].repeats]
    assert line["seeds"] == 2
    assert line["accuracy_mean"] == pytest.approx(sum(both) / 2)
    assert line["accuracy_std"] == pytest.approx(abs(both[0] - both[1]) / math.sqrt(2))
    assert math.isnan(table.set_index("id").at["RN1", "accuracy_std"])


def test_only_the_paper_run_is_judged(made):
    rows, baselines, table = made
    verdicts = table.set_index("id")["accuracy_verdict"]
    assert set(verdicts[ROWS[:-1]]) == {"not comparable"}
    assert verdicts["CN3"] == "not run"
    assert verdicts["majority"] == "not published"
    judged = table1.ledger(rows, baselines, ROWS, run="paper", samples=200).set_index("id")
    for name in ROWS[:-1]:
        low, high, published = (judged.at[name, f"accuracy{part}"] for part in ("_low", "_high", "_published"))
        within = low <= published + 0.5 and published - 0.5 <= high
        assert judged.at[name, "accuracy_verdict"] == ("inside" if within else "outside")


@pytest.mark.parametrize(
    ("published", "expected"), [(90, "inside"), (85, "inside"), (84, "outside"), (92, "inside"), (93, "outside")]
)
def test_the_verdict_allows_for_rounding(published, expected):
    assert table1.verdict(published, 85.4, 91.6, "paper") == expected


def test_settings_equal_the_published_table():
    published = runs.published_table()
    for name in ROWS:
        assert table1.settings_of(name) == published.loc[name, list(runs.SETTINGS)].to_dict()


def test_every_parameter_file_of_a_row_has_settings():
    for path in params.EXPERIMENTS.glob("*.yaml"):
        assert table1.settings_of(path.stem)["class_weights"] in ("yes", "no")


def test_rows_on_the_same_images_share_their_resamples(made):
    rows, _, table = made
    alone = table1.ledger({"RN7": rows["RN7"]}, {}, ["RN7"], run="demo", samples=200)
    assert alone.at[0, "accuracy_low"] == table.set_index("id").at["RN7", "accuracy_low"]


def test_the_ledger_survives_its_file(made, tmp_path):
    files.write_csv(tmp_path / "table1.csv", made[2])
    pd.testing.assert_frame_equal(table1.read(tmp_path / "table1.csv"), made[2])


def test_nothing_ran():
    table = table1.ledger({}, {}, ["RN1"], run="demo", samples=100)
    assert table.at[0, "accuracy_verdict"] == "not run"
    assert table["free_params"].isna().all()
    assert np.isnan(table.at[0, "accuracy"])


def test_long_form_has_a_line_a_row_and_score(made):
    long = table1.long_form(made[2])
    assert len(long) == 13 * 5
    line = long.query("id == 'RN2' and score == 'covid_f1'").iloc[0]
    assert line["published"] == 77


@pytest.mark.parametrize(
    ("pretraining", "weights", "said"),
    [
        ("imagenet", "stand_in", "ImageNet stand-in"),
        ("imagenet", "imagenet", "ImageNet"),
        ("imagenet", "weights/resnet.h5", "ImageNet"),
        ("none", "stand_in", ""),
    ],
)
def test_weights_that_stand_in_for_imagenet_s_are_called_so(made, pretraining, weights, said):
    name = "RN7" if pretraining == "none" else "RN3"
    settings = {"pretraining": pretraining, "imagenet_weights": weights}
    row = dataclasses.replace(made[0][name], settings=settings)
    table = table1.ledger({name: row}, {}, [name], run="demo", samples=100)
    assert table["transfer_learning"].tolist() == [said]
