"""Files are whole or not there."""

import errno
import os

import numpy as np
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


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A project's folder, in which files of a run are sealed."""
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setenv(files.STEP, "05_performance")
    return tmp_path / "results" / "demo"


def test_a_run_s_file_has_a_checksum_by_which_damage_is_found(run):
    files.write_text(run / "deep/table.csv", "a,b\n1,2\n")
    record = run / ".sums/deep/table.csv"
    assert record.read_text() == f"{files.sha256(run / 'deep/table.csv')} 05_performance\n"
    assert files.check(run / "deep/table.csv") == run / "deep/table.csv"
    (run / "deep/table.csv").write_text("a,b\n1,3\n")
    with pytest.raises(files.Damaged, match=r"table\.csv: its bytes are not those that were written; `make reproduce`"):
        files.check(run / "deep/table.csv")
    assert files.set_aside(run / "deep/table.csv") == run / "deep/table.csv.damaged"
    assert not record.exists()


@pytest.mark.parametrize(
    "name", ["results/published/x.csv", "data/real/x", "data/demo/phantoms/x", "README.md", "x/demo/y"]
)
def test_what_no_run_makes_has_none(run, name):
    files.write_text(run.parents[1] / name, "x")
    assert not list(run.parents[1].rglob(".sums"))


def test_a_file_that_grows_is_not_sealed_and_one_that_is_removed_is_forgotten(run):
    files.write_text(run / "a.csv", "x", sealed=False)
    assert files.seal_of(run / "a.csv") is not None
    assert not files.seal_of(run / "a.csv").exists()
    files.write_text(run / "b.csv", "x")
    files.remove(run / "b.csv")
    assert not files.seal_of(run / "b.csv").exists()


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "no; .* MB free: make room"), (errno.EACCES, "make its folder writable")]
)
def test_a_disk_that_is_full_or_closed_is_said_with_the_file_s_name(tmp_path, monkeypatch, number, words):
    def failing(*_):
        raise OSError(number, "no")

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match=words) as error:
        files.write_text(tmp_path / "table.csv", "x")
    assert error.value.errno == number
    assert error.value.filename == str(tmp_path / "table.csv")
    assert os.listdir(tmp_path) == []


def test_a_new_array_takes_its_room_before_it_is_written(tmp_path, monkeypatch):
    array = files.new_array(tmp_path / "a.npy", np.uint8, (3, 1000, 1000))
    assert array.shape == (3, 1000, 1000)
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= 3_000_000

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"No space left on device: 3\.0 MB are needed"):
        files.new_array(tmp_path / "b.npy", np.uint8, (3, 1000, 1000))
