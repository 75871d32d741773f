"""Figures of what tells the source, and of the floors."""

import numpy as np
import pandas as pd
import pytest

from lib.figures import floors


def test_what_is_undefined_is_not_drawn():
    columns = ["measure", "score", "value", "low", "high"]
    lines = pd.DataFrame([["source_full", "balanced_accuracy", 0.4, np.nan, np.nan]], columns=columns)
    figure = floors.sources_seen(lines, {"full": "the whole image", "border": "the border"}, 4)
    left, right = figure.axes
    drawn = [line.get_xdata()[0] for line in left.lines if line.get_marker() == "o"]
    assert drawn == pytest.approx([40])
    assert not [line for line in right.lines if line.get_marker() == "o" and len(line.get_xdata())]


def test_floors_are_named_beside_the_rows_and_no_name_covers_another():
    rows = pd.DataFrame({"value": [0.9, 0.8], "low": [0.8, np.nan], "high": [0.95, np.nan]}, index=["RN4", "RN7"])
    found = {"majority": 0.2, "source-only": 0.5, "file shape": 0.5, "image statistics": 0.51}
    figure = floors.floors_below(rows, pd.Series(found), (0.28, 0.4), "Macro F1")
    (axes,) = figure.axes
    heights = {text.get_text(): text.xyann[1] for text in axes.texts}
    assert [name for name in heights if name.startswith("majority")] == ["majority, 20"]
    assert "labels shuffled, 28 to 40" in heights
    assert len(heights) == 5
    assert np.diff(sorted(heights.values())).min() > 4
