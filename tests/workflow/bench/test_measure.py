"""A row's numbers, and the table of measurements before there is one."""

import time
from functools import partial

import pytest

from workflow.bench import measure


def test_a_row_is_the_median_between_its_extremes():
    row = measure.ratio_row("a", [3.0, 1.0, 2.5], True)
    assert row == {"name": "a", "ratio": 2.5, "low": 1.0, "high": 3.0, "equal": True}


def test_ratio_is_the_plain_ways_time_over_ours_and_equal_compares_results():
    calls = []

    def way(name, sleep, result=1):
        calls.append(name)
        time.sleep(sleep)
        return result

    ours, plain = partial(way, "ours", 0.02), partial(way, "plain", 0.06)
    row = measure.compare_speed("name", ours, plain, 2, lambda a, b: a == b)
    assert calls == ["ours", "plain", "ours", "plain", "plain", "ours"], "in turn, after one untimed call each"
    # sleeps may take longer on a busy machine, but a third of the time is never more than the whole
    assert 1 < row["low"] <= row["ratio"] <= row["high"]
    assert row["equal"] is True
    assert measure.compare_speed("name", ours, partial(plain, 2), 1, lambda a, b: a == b)["equal"] is False
    assert measure.compare_speed("name", ours, plain, 1)["equal"] is None


def test_missing_values_are_read_as_empty_text_and_without_measurements_the_command_is_named(tmp_path):
    path = tmp_path / "bench.csv"
    with pytest.raises(FileNotFoundError, match="no such file; `make bench` measures"):
        measure.read_bench(path)
    path.write_text("name,ratio,equal\nfirst,2.5,True\nsecond,1.5,\n")
    assert measure.read_bench(path)["equal"].tolist() == ["True", ""]
