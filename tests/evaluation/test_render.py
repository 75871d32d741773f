"""One table object, four forms."""

import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from lib.evaluation import render, runs, table1


@pytest.fixture
def table():
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
    found = pd.DataFrame(lines)[table1.columns()]
    return found.astype({"free_params": "Int64", "free_params_published": "Int64"})


def test_display_says_value_interval_seeds_and_verdict(table):
    shown = render.display(table)
    assert shown.loc["RN3", ("Accuracy", "ours [95 %]")] == "80.0 [70.0, 85.0]"
    assert shown.loc["RN4", ("Accuracy", "ours [95 %]")] == "91.0 [88.0, 95.0]; 2 seeds 91.5 ± 0.7"
    assert shown.loc["CN1", ("Accuracy", "ours [95 %]")] == "not run"
    assert shown.loc["RN3", ("Accuracy", "diff.")] == "−8.0 ✗"
    assert shown.loc["RN4", ("Accuracy", "diff.")] == "+1.0 ✓"
    assert shown.loc["RN4", ("Free parameters", "ours")] == "15,240,195"
    assert shown.loc["source-only", ("Accuracy", "publ.")] == "–"


def test_the_best_trained_row_is_marked_and_no_baseline(table):
    marks = render.best(table)
    assert marks[("Accuracy", "ours [95 %]")].tolist() == [False, True, False, False]
    assert marks[("Accuracy", "publ.")].tolist() == [False, True, False, False]
    assert not marks["Free parameters"].to_numpy().any()


def test_html_can_be_read_back_and_is_bold_once_a_column(table):
    text = render.to_html(table)
    body = BeautifulSoup(text, "html.parser").tbody
    assert [row.th.text for row in body("tr")] == ["RN3", "RN4", "CN1", "source-only"]
    assert {len(row("td")) for row in body("tr")} == {4 + 2 + 15}
    rules = text.split("</style>")[0].split("}")
    (bold,) = (rule for rule in rules if "font-weight: bold" in rule)
    assert bold.count("#") == 2 * len(runs.SCORES)


def test_equal_tables_give_equal_html(table):
    assert render.to_html(table, "a") == render.to_html(table, "a")
    tuned = pd.DataFrame({"id": ["RN4"], "threshold": [0.99987], "recall, tuned": [0.5]})
    assert render.threshold_styler(tuned).to_html() == render.threshold_styler(tuned).to_html()
    assert "50.0%" in render.threshold_styler(tuned).to_html()


def test_labels_are_escaped(table):
    table.loc[0, "id"] = "<script>|_&"
    assert "<script>" not in render.to_html(table, "<script>")
    assert r"\_\&" in render.to_latex(table, "50 % & more")
    assert r"50 \% \& more" in render.to_latex(table, "50 % & more")
    assert r"| <script>\|_& |" in render.to_markdown(table)


def test_parts_of_the_table(table):
    settings, scores = (render.styler(table, part=part).data for part in ("settings", "scores"))
    assert settings.columns.get_level_values(0).tolist() == [*render.SETTING_NAMES.values(), *["Free parameters"] * 2]
    assert scores.shape == (4, 15)


def test_markdown_has_as_many_cells_in_every_line(table):
    lines = render.to_markdown(table).splitlines()
    assert {line.count(" | ") for line in lines} == {21}
    assert "**91.0 [88.0, 95.0]; 2 seeds 91.5 ± 0.7**" in lines[3]


def test_latex_holds_no_sign_that_pdflatex_lacks(table):
    text = render.to_latex(table, "Table 1")
    assert text.isascii()
    assert text.count("{") == text.count("}")
    assert r"\textbf{91.0 [88.0, 95.0]; 2 seeds 91.5 $\pm$ 0.7}" in text


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(table, tmp_path):
    packages = "".join(rf"\usepackage{{{name}}}" for name in ("booktabs", "graphicx", "amssymb"))
    head, foot = r"\documentclass{article}" + packages + r"\begin{document}", r"\end{document}"
    (tmp_path / "t.tex").write_text(f"{head}\n{render.to_latex(table, 'A & B')}\n{foot}")
    subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, capture_output=True)


def test_terminal_is_narrow_and_complete(table):
    text = render.to_terminal(table)
    assert max(map(len, text.splitlines())) <= 110
    assert re.search(r"RN4 +91 +88-95 +90 ", text)
    assert re.search(r"CN1 +not run +76 ", text)
    assert re.search(r"source-only +99 +98-100 +–", text)


def test_write_makes_all_four_files(table, tmp_path):
    render.write(table, tmp_path / "table1.csv", "Table 1")
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".md", ".tex", ".html"}
    assert (tmp_path / "table1.md").read_text().startswith("Table 1\n\n| ID |")
