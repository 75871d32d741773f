import numpy as np
import pandas as pd

from lib.figures import training


def test_an_undefined_score_is_a_gap_in_its_curve():
    """As a row has it whose network called no image COVID-19 in two epochs; None is how `validate` says so."""
    names = [name for columns in training.CURVES.values() for name in columns]
    columns = {f"{part}{name}": [0.5, 0.6, 0.7] for name in names for part in ("", "val_")}
    history = pd.DataFrame(columns | {"stage": "linear", "epoch": [1, 2, 3], "best": [False, False, True]})
    history["val_covid_precision"] = pd.Series([None, None, 0.5], dtype=object)
    figure = training.learning_curves(history, "RN1")
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[-1].lines}
    np.testing.assert_array_equal(lines["precision, validation"], [np.nan, np.nan, 0.5])


def test_the_losses_that_are_compared_are_the_plain_ones():
    """`loss` holds class weights and penalties on the training side only."""
    assert training.CURVES["Cross entropy"] == ["cross_entropy"]
    assert not any("loss" in columns for columns in training.CURVES.values())
