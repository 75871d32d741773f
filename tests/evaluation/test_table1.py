"""The ledger's columns, verdicts and settings, and its four forms."""

import dataclasses
import math
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from lib import files, params, paths
from lib.evaluation import runs, table1
from lib.evaluation.bootstrap import Resampler
from tests.evaluation import synthetic

ROWS = list(synthetic.SKILL)


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
        baselines = runs.baseline_rows(at, rows)
    return rows, baselines, table1.make_ledger(rows, baselines, ROWS, run="demo", draws=Resampler(200))


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
        value, low, high, published = (table[f"{score}{part}"] for part in ("", "_low", "_high", "_published"))
        assert value.between(low, high).equals(value.notna())
        assert math.isnan(value["CN3"])
        assert table.at["RN4", f"{score}_difference"] == pytest.approx(value["RN4"] - published["RN4"])


def test_seeds_give_mean_and_spread(made):
    rows, _, table = made
    line = table.set_index("id").loc["RN4"]
    both = [100 * rows["RN4"].test.scores()["accuracy"]]
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
    judged = table1.make_ledger(rows, baselines, ROWS, run="paper", draws=Resampler(200)).set_index("id")
    for name in ROWS[:-1]:
        low, high, published = (judged.at[name, f"accuracy{part}"] for part in ("_low", "_high", "_published"))
        within = low <= published + 0.5 and published - 0.5 <= high
        assert judged.at[name, "accuracy_verdict"] == ("inside" if within else "outside")


@pytest.mark.parametrize(
    ("published", "expected"), [(90, "inside"), (85, "inside"), (84, "outside"), (92, "inside"), (93, "outside")]
)
def test_the_verdict_allows_for_rounding(published, expected):
    assert table1.verdict(published, 85.4, 91.6, "paper") == expected


def test_settings_of_every_row_equal_the_published_table():
    published = runs.published_table()[list(runs.SETTINGS)]
    for name in (path.stem for path in params.EXPERIMENTS.glob("*.yaml")):
        assert table1.settings_of(name) == published.loc[name.partition("-")[0]].to_dict()


def test_the_ledger_survives_its_file(made, tmp_path):
    files.write_csv(tmp_path / "table1.csv", made[2])
    pd.testing.assert_frame_equal(table1.read_ledger(tmp_path / "table1.csv"), made[2])


def test_nothing_ran():
    table = table1.make_ledger({}, {}, ["RN1"], run="demo", draws=Resampler(100))
    assert table.at[0, "accuracy_verdict"] == "not run"
    assert table["free_params"].isna().all()
    assert np.isnan(table.at[0, "accuracy"])


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
    table = table1.make_ledger({name: row}, {}, [name], run="demo", draws=Resampler(100))
    assert table["transfer_learning"].tolist() == [said]


@pytest.fixture
def small():
    """Two rows that ran, one that did not, and a baseline; RN4 is the best of ours."""
    lines = {"id": ["RN3", "RN4", "CN1", "source-only"], "seeds": [1, 2, 0, 1]}
    lines |= {name: ["yes", "yes", "", ""] for name in runs.SETTINGS}
    lines |= {"free_params": [6147, 15240195, None, None], "free_params_published": [6146, 15240195, 3075, None]}
    for score in runs.SCORES:
        lines |= {score: [80.04, 91.0, np.nan, 99.0], f"{score}_low": [70.0, 88.0, np.nan, 98.0]}
        lines |= {f"{score}_high": [85.0, 95.0, np.nan, 100.0], f"{score}_published": [88, 90, 76, np.nan]}
        lines |= {f"{score}_difference": [-7.96, 1.0, np.nan, np.nan]}
        lines |= {f"{score}_verdict": ["outside", "inside", "not run", "not published"]}
        lines |= {f"{score}_mean": [80.04, 91.5, np.nan, 99.0], f"{score}_std": [np.nan, 0.7, np.nan, np.nan]}
    found = pd.DataFrame(lines)[table1.ledger_columns()]
    return found.astype({"free_params": "Int64", "free_params_published": "Int64"})


def test_display_says_value_interval_seeds_and_verdict(small):
    shown = table1.display_table(small)
    assert shown.loc["RN3", ("Accuracy", "ours [95 %]")] == "80.0 [70.0, 85.0]"
    assert shown.loc["RN4", ("Accuracy", "ours [95 %]")] == "91.0 [88.0, 95.0]; 2 seeds 91.5 ± 0.7"
    assert shown.loc["CN1", ("Accuracy", "ours [95 %]")] == "not run"
    assert shown.loc["RN3", ("Accuracy", "diff.")] == "−8.0 ✗"
    assert shown.loc["RN4", ("Accuracy", "diff.")] == "+1.0 ✓"
    assert shown.loc["RN4", ("Free parameters", "ours")] == "15,240,195"
    assert shown.loc["source-only", ("Accuracy", "publ.")] == "–"


def test_the_best_trained_row_is_marked_and_no_baseline(small):
    marks = table1.best(small)
    assert marks[("Accuracy", "ours [95 %]")].tolist() == [False, True, False, False]
    assert marks[("Accuracy", "publ.")].tolist() == [False, True, False, False]
    assert not marks["Free parameters"].to_numpy().any()


def test_html_can_be_read_back_and_is_bold_once_a_column(small):
    text = table1.styler(small).to_html()
    body = BeautifulSoup(text, "html.parser").tbody
    assert [row.th.text for row in body("tr")] == ["RN3", "RN4", "CN1", "source-only"]
    assert {len(row("td")) for row in body("tr")} == {4 + 2 + 15}
    rules = text.split("</style>")[0].split("}")
    (bold,) = (rule for rule in rules if "font-weight: bold" in rule)
    assert bold.count("#") == 2 * len(runs.SCORES)
    assert table1.styler(small).to_html() == text


def test_labels_are_escaped(small):
    small.loc[0, "id"] = "<script>|_&"
    assert "<script>" not in table1.styler(small, "<script>").to_html()
    assert r"\_\&" in table1.to_latex(small, "50 % & more")
    assert r"50 \% \& more" in table1.to_latex(small, "50 % & more")
    assert re.search(r"\| <script>\\\|_& +\|", table1.to_markdown(small))


def test_parts_of_the_table(small):
    settings, scores = (table1.styler(small, part=part).data for part in ("settings", "scores"))
    assert settings.columns.get_level_values(0).tolist() == [*table1.SETTING_NAMES.values(), *["Free parameters"] * 2]
    assert scores.shape == (4, 15)


def test_markdown_has_as_many_cells_in_every_line(small):
    lines = table1.to_markdown(small).splitlines()
    assert {line.count("|") for line in lines} == {23}
    assert "**91.0 [88.0, 95.0]; 2 seeds 91.5 ± 0.7**" in lines[3]


def test_latex_holds_no_sign_that_pdflatex_lacks(small):
    text = table1.to_latex(small, "Table 1")
    assert text.isascii()
    assert text.count("{") == text.count("}")
    assert r"\textbf{91.0 [88.0, 95.0]; 2 seeds 91.5 $\pm$ 0.7}" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(small, tmp_path):
    packages = "".join(rf"\usepackage{{{name}}}" for name in ("booktabs", "graphicx", "amssymb"))
    head, foot = r"\documentclass{article}" + packages + r"\begin{document}", r"\end{document}"
    (tmp_path / "t.tex").write_text(f"{head}\n{table1.to_latex(small, 'A & B')}\n{foot}")
    subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, capture_output=True)


def test_terminal_is_narrow_and_complete(small):
    text = table1.to_terminal(small)
    assert max(map(len, text.splitlines())) <= 110
    assert re.search(r"RN4 +91 +88-95 +90 ", text)
    assert re.search(r"CN1 +not run +76 ", text)
    assert re.search(r"source-only +99 +98-100 +–", text)


def test_write_makes_all_four_files(small, tmp_path):
    table1.write_ledger(small, tmp_path / "table1.csv", "Table 1")
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".md", ".tex", ".html"}
    assert (tmp_path / "table1.md").read_text().startswith("Table 1\n\n| ID ")
