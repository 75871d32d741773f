"""Files are whole or not there."""

import os

import pandas as pd
import pytest

from lib import files


def interrupted(target):
    with files.replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError("disk")


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="disk"):
        interrupted(target)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_the_target_appears_only_when_the_block_has_ended(tmp_path):
    target = tmp_path / "deep" / "model.keras"
    with files.replacing(target) as temporary:
        temporary.write_bytes(b"weights")
        assert not target.exists()
        assert temporary.suffix == ".keras"
        assert temporary.parent == target.parent
    assert target.read_bytes() == b"weights"
    assert os.listdir(target.parent) == ["model.keras"]
    assert target.stat().st_mode & 0o777 == 0o644


def test_json_is_the_same_whatever_the_order_of_its_keys(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": 1, "a": [0.1, None, "é"]})
    files.write_json(tmp_path / "b.json", {"a": [0.1, None, "é"], "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert files.read_json(tmp_path / "a.json") == {"a": [0.1, None, "é"], "b": 1}


def test_json_refuses_what_other_readers_cannot_read(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(tmp_path / "a.json", {"auc": float("nan")})
    assert os.listdir(tmp_path) == []


def test_csv_keeps_every_digit_and_no_row_index(tmp_path):
    third = 1 / 3
    files.write_csv(tmp_path / "t.csv", pd.DataFrame({"id": ["007"], "value": [third]}, index=[5]))
    assert (tmp_path / "t.csv").read_bytes() == f"id,value\n007,{third!r}\n".encode()
    assert pd.read_csv(tmp_path / "t.csv", float_precision="round_trip")["value"][0] == third
