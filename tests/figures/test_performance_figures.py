"""The performance figures draw what they are given."""

import numpy as np
import pytest

from lib import paths
from lib.evaluation import curves, runs
from lib.evaluation.bootstrap import Resampler
from lib.figures import performance
from tests.evaluation import synthetic


@pytest.fixture
def row(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    at = paths.Paths("demo")
    synthetic.write(at, experiments=("RN4",), patients=30)
    return runs.read_row(at, "RN4", [1])


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_figure_4a_names_areas_and_chance(row):
    roc = curves.covid_roc(row.test, Resampler(100))
    (axes,) = performance.figure_4a({"RN4": roc, "CN2": roc, "RN1": roc}, runs.published_areas()).axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[0].startswith(f"RN4: area {roc.area:.2f} [{roc.area_low:.2f}, {roc.area_high:.2f}]")
    assert labels[0].endswith("published 0.99")
    assert labels[1].endswith("published 0.96")
    assert labels[2].endswith("]")  # the report draws no curve of RN1
    assert labels[3] == "chance: area 0.50"
    assert np.array_equal(axes.lines[0].get_ydata(), roc.true)


def test_figure_4b_shows_counts_and_row_shares_beside_the_published():
    matrix = np.array([[8, 2, 0], [0, 0, 0], [1, 1, 1200]])
    figure = performance.figure_4b(matrix, "RN4", runs.published_confusion())
    ours, published = figure.axes[:2]
    assert texts(ours) == ["8", "2", "0", "0", "0", "0", "1", "1", "1,200"]
    assert "1,221" in texts(published)
    shares = ours.collections[0].get_array().reshape(3, 3)
    assert shares[0].tolist() == [0.8, 0.2, 0]
    assert shares[1].tolist() == [0, 0, 0]  # a class without images
    assert len(performance.figure_4b(np.eye(3, dtype=int), "RN1").axes) == 2  # the matrix and its colour bar


def test_a_row_s_sheet(row):
    threshold = curves.choose_threshold(row.validation)
    prevalence = curves.prevalence_table(row.test, threshold, Resampler(100))
    known = curves.class_curves(row.test), curves.calibration(row.test)
    figure = performance.row_figure("RN4", row.test.confusion, *known, prevalence, row.history)
    titles = [axes.get_title() for axes in figure.axes]
    assert len(titles) == 8
    assert f"expected error {100 * known[1][1]:.1f} %" in titles[3]


def test_a_sheet_says_what_is_missing(row):
    known = curves.class_curves(row.test), curves.calibration(row.test)
    figure = performance.row_figure("RN4", row.test.confusion, *known, None, None)
    said = [text for axes in figure.axes for text in texts(axes)]
    assert said.count("no history") == 3
    assert any("no validation set" in text for text in said)
