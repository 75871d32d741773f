"""Figures of explanations hold what they should, and stay out of pyplot's way."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from lib.explainers import controls, scorecard
from lib.figures import explanations


def texts(figure) -> str:
    parts = [figure.get_suptitle()]
    for ax in figure.axes:
        drawn = [ax.title, ax.xaxis.label, *ax.texts, *ax.get_yticklabels(), *ax.get_xticklabels()]
        parts += [text.get_text() for text in drawn]
    return "\n".join(parts)


def one(predicted="covid-19", truth="covid-19") -> explanations.Explained:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (32, 32, 1), dtype=np.uint8)
    return explanations.Explained(
        image, generator.random((32, 32)), generator.random((32, 32)), predicted, 0.934, truth
    )


def test_figure_5_shows_original_and_both_overlays_with_prediction_and_truth():
    figure = explanations.figure_5(one("covid-19", "pneumonia"))
    assert "Prediction: COVID-19 (0.93)" in texts(figure)
    assert "Ground truth: Pneumonia" in texts(figure)
    shown = [ax.get_title() for ax in figure.axes if ax.images]
    assert shown == ["Original", "Grad-CAM", "Integrated Gradients"]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), one().image[..., 0])
    assert figure.axes[0].images[0].get_clim() == (0, 255)
    assert "truth" not in texts(explanations.figure_5(one(truth=""))).lower()


def test_a_map_without_evidence_says_so():
    empty = dataclasses.replace(one(), grad_cam=np.zeros((32, 32)))
    assert texts(explanations.figure_5(empty)).count("no evidence for the class") == 1
    assert "no evidence" not in texts(explanations.figure_5(one()))


def test_gallery_marks_wrong_predictions():
    figure = explanations.gallery_figure([one(), one("normal", "covid-19")], ["surest right", "surest wrong"])
    assert "surest right" in texts(figure)
    assert "predicted Normal" in texts(figure)
    colours = {text.get_text(): text.get_color() for ax in figure.axes for text in ax.texts}
    assert (colours["surest wrong"], colours["surest right"]) == (explanations.WRONG, "black")


def test_overlay_leaves_unmarked_pixels_as_they_are():
    image = np.arange(16, dtype=np.uint8).reshape(4, 4) * 16
    levels = np.zeros((4, 4))
    levels[0, 0] = 1
    found = explanations.coloured_over(image, levels)
    expected = np.repeat(image[..., None] / 255, 3, axis=-1)
    np.testing.assert_allclose(found.reshape(-1, 3)[1:], expected.reshape(-1, 3)[1:])
    assert np.ptp(found[0, 0]) > 0.2


def test_levels_of_integrated_gradients_show_the_stated_share():
    values = np.random.default_rng(0).random((40, 40))
    levels = explanations.integrated_gradients_levels(values)
    # SHOWN is the percentile up to which nothing is shown
    assert (levels > 0).mean() == pytest.approx(1 - explanations.SHOWN / 100, abs=0.01)
    assert (levels == 1).mean() == pytest.approx(1 - explanations.SATURATED / 100, abs=0.005)


@pytest.mark.parametrize("levels", [explanations.grad_cam_levels, explanations.integrated_gradients_levels])
def test_an_empty_map_colours_nothing(levels):
    assert (levels(np.zeros((8, 8))) == 0).all()


def rows(measure, method, classes):
    values = {"value": 0.5, "low": 0.4, "high": 0.6, "chance": 0.2, "images": 9, "other_image": 0.3, "patients": 9}
    return [{"measure": measure, "method": method, "class": of, **values} for of in classes]


def test_scorecard_names_measures_methods_and_numbers_of_images():
    table = pd.DataFrame(
        rows("rank_correlation", "both", ["all", "covid-19"]) + rows("lungs_share", "grad_cam", ["all", "covid-19"])
    )
    figure = explanations.scorecard_figure(table)
    for words in ("Rank correlation of the two methods", "inside the lungs", "Grad-CAM, COVID-19 (n = 9)"):
        assert words in texts(figure)


def test_every_measure_and_method_of_the_scorecard_has_words_and_a_colour():
    pairs = [(name, method) for name in scorecard.MEASURES for method in scorecard.METHODS]
    table = pd.DataFrame([row for pair in pairs for row in rows(*pair, ["all"])])
    assert len(explanations.scorecard_figure(table).axes[0].get_yticks()) == len(pairs)


def test_a_line_without_an_interval_is_a_point_and_the_axis_says_why():
    table = pd.DataFrame(rows("lungs_share", "grad_cam", ["all", "covid-19"]))
    assert "no interval" not in texts(explanations.scorecard_figure(table))
    table.loc[1, ["low", "high"]] = np.nan
    figure = explanations.scorecard_figure(table)
    assert "fewer than 18 patients: no interval" in texts(figure)
    drawn = [line.get_xdata() for line in figure.axes[0].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(np.ravel(drawn), [0.5, 0.5])
    explanations.randomisation_figure(table.assign(measure="randomised_similarity"))


def test_steps_curves_are_the_means_beside_the_tolerance():
    table = pd.DataFrame(
        {
            "experiment": ["RN4"] * 6,
            "image_id": list("aabbcc"),
            "steps": [5, 50] * 3,
            "completeness_error": [0.1, 0.01, 0.2, 0.02, 0.9, 0.03],
            "rank_correlation": [0.9, 1] * 3,
            "agreement": [0.2, 0.2] * 3,
        }
    )
    figure = explanations.steps_figure(table, 50, tolerance=0.05)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [0.4, 0.02])
    assert any(np.allclose(line.get_ydata(), 0.05) for line in figure.axes[0].lines)
    assert figure.axes[2].get_legend_handles_labels()[1] == ["RN4"]


def test_curves_and_randomisation_draw_every_method():
    points = np.ones((3, len(controls.FRACTIONS)))
    curves = {method: {"deletion": points, "insertion": points} for method in ("grad_cam", "integrated_gradients")}
    blind = np.stack([0.2 * points, 0.4 * points])  # two random maps: 0.3 with a deviation of 0.1 * sqrt(2)
    curves["chance"] = {"deletion": blind, "insertion": blind}
    figure = explanations.deletion_insertion_figure(curves)
    assert [len(ax.lines) for ax in figure.axes] == [2, 2]
    band = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (pytest.approx(0.3 - 0.2 * 2**0.5), pytest.approx(0.3 + 0.2 * 2**0.5))
    made = []
    measured = [name for name in scorecard.MEASURES if name.startswith("randomised_")]
    for measure in measured:
        for method in ("grad_cam", "integrated_gradients"):
            made += rows(measure, method, ["logits", "conv1"])
    figure = explanations.randomisation_figure(pd.DataFrame(made))
    assert "conv1" in texts(figure)
    assert [len(ax.containers) for ax in figure.axes] == [2] * len(measured)
