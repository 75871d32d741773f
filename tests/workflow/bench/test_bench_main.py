"""The table of measurements, before there is one."""

import pytest

from workflow.bench import measure as bench


def test_without_measurements_the_command_that_makes_them_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file; `make bench` measures"):
        bench.read(tmp_path / "bench.csv")


def test_missing_values_are_read_as_empty_text(tmp_path):
    path = tmp_path / "bench.csv"
    path.write_text("name,ratio,equal\nfirst,2.5,True\nsecond,1.5,\n")
    assert bench.read(path)["equal"].tolist() == ["True", ""]
