"""What is checked before the DAG runs."""

import os
from types import SimpleNamespace

import pytest

from lib import files, paths
from workflow import intact


@pytest.fixture
def at(tmp_path, monkeypatch):
    """A run in which the step 05 left a table and its notebook, and the report a page."""
    for module in (paths, files):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    at = paths.Paths("demo")
    for step, names in (
        ("05_performance", ["table1.csv", "notebooks/05_performance.ipynb"]),
        ("report", ["report/index.html"]),
    ):
        monkeypatch.setenv(files.STEP, step)
        for name in names:
            files.write_text(at.results / name, "whole")
    monkeypatch.delenv(files.STEP)
    return at


def test_a_whole_run_is_left_alone(at):
    assert intact.make_room(at) == []
    assert (at.notebooks / "05_performance.ipynb").is_file()


@pytest.mark.parametrize("damage", ["flip", "folder", "loop"])
def test_what_is_damaged_is_set_aside_with_the_mark_of_its_step(at, damage):
    at.table1.unlink()
    if damage == "flip":
        at.table1.write_text("wholf")
    elif damage == "folder":
        at.table1.mkdir()
    else:
        at.table1.symlink_to(at.table1)
    assert intact.make_room(at) == ["results/demo/table1.csv: damaged; set aside as table1.csv.damaged, made again"]
    assert not os.path.lexists(at.table1)
    assert os.path.lexists(at.results / "table1.csv.damaged")
    assert not (at.notebooks / "05_performance.ipynb").exists()
    assert (at.report / "index.html").exists()
    assert intact.make_room(at) == []


def test_several_files_of_a_step_may_be_damaged_and_its_notebook_too(at):
    for path in (at.table1, at.notebooks / "05_performance.ipynb", at.report / "index.html"):
        path.write_text("")
    assert len(intact.make_room(at)) == 3
    assert not (at.notebooks / "05_performance.ipynb").exists()
    at.table1.write_text("again")
    assert intact.make_room(at) == []


def test_a_step_s_files_and_its_mark_may_be_lost_in_any_order(at):
    os.environ[files.STEP] = "00_first"
    for name in ("a.csv", "z.csv", "notebooks/00_first.ipynb"):
        files.write_text(at.results / name, "x")
    del os.environ[files.STEP]
    (at.results / "a.csv").unlink()
    (at.results / "z.csv").unlink()
    assert intact.make_room(at) == ["results/demo/a.csv, results/demo/z.csv: gone; made again"]
    assert not (at.notebooks / "00_first.ipynb").exists()


def test_what_was_deleted_is_missed_and_a_page_brings_the_report_again(at):
    at.table1.unlink()
    files.write_text(at.report / "x.html", "x")
    os.environ[files.STEP] = "report"
    files.write_text(at.report / "y.html", "y")
    del os.environ[files.STEP]
    (at.report / "y.html").unlink()
    said = intact.make_room(at)
    assert said == ["results/demo/report/y.html, results/demo/table1.csv: gone; made again"]
    assert not (at.report / "index.html").exists()
    assert not (at.notebooks / "05_performance.ipynb").exists()


@pytest.mark.parametrize("damage", ["empty", "folder", "bytes"])
def test_a_checksum_that_cannot_be_read_has_its_file_made_again_by_the_step_of_those_beside_it(at, damage):
    record = files.seal_of(at.table1)
    record.unlink()
    if damage == "folder":
        record.mkdir()
    else:
        record.write_bytes(b"" if damage == "empty" else b"\xff" * 70)
    os.environ[files.STEP] = "05_performance"
    files.write_text(at.results / "table1.md", "x")
    del os.environ[files.STEP]
    assert intact.make_room(at) == ["results/demo/table1.csv: damaged; set aside as table1.csv.damaged, made again"]
    assert not (at.notebooks / "05_performance.ipynb").exists()
    assert (at.report / "index.html").exists()
    assert intact.make_room(at) == []


def test_a_file_in_place_of_a_folder_is_set_aside_and_everything_made_again(at):
    at.figures.mkdir(parents=True)
    (at.figures / files.SUMS).write_text("")
    assert intact.make_room(at) == ["figures/demo/.sums: no folder; set aside as .sums.damaged"]
    assert not (at.notebooks / "05_performance.ipynb").exists()


def test_phantoms_that_are_gone_are_made_again(at):
    os.environ[files.STEP] = "00_data_preparation"
    files.write_text(at.notebooks / "00_data_preparation.ipynb", "x")
    files.write_text(at.covidx / "index.csv", "x")
    del os.environ[files.STEP]
    assert intact.make_room(at) == []
    assert intact.make_room(at, generated=True) == ["data/demo/phantoms: gone; made again"]
    assert not (at.notebooks / "00_data_preparation.ipynb").exists()


@pytest.mark.parametrize("record", [None, b"{", b"[]", b'{"rule": "performance"}'])
def test_a_notebook_without_a_record_of_its_parameters_is_made_again(at, tmp_path, monkeypatch, record):
    """Snakemake would take it for up to date, whatever the parameters are now."""
    monkeypatch.setattr(intact, "ROOT", tmp_path)
    kept = tmp_path / ".snakemake/metadata" / "cmVzdWx0cy9kZW1vL25vdGVib29rcy8wNV9wZXJmb3JtYW5jZS5pcHluYg=="
    kept.parent.mkdir(parents=True)
    kept.write_text('{"params": []}')
    assert intact.unknown(at) == []
    kept.unlink()
    if record is not None:
        kept.write_bytes(record)
    assert intact.unknown(at) == ["05_performance: nobody knows with which parameters; made again"]
    assert not (at.notebooks / "05_performance.ipynb").exists()
    assert intact.unknown(at) == []


def test_what_was_set_aside_before_gives_way_to_what_is_set_aside_now(at):
    (at.results / "table1.csv.damaged").write_text("earlier")
    at.table1.unlink()
    at.table1.mkdir()
    intact.make_room(at)
    assert (at.results / "table1.csv.damaged").is_dir()


def given(folder, cache, name="data"):
    intact._of.cache_clear()
    checked = SimpleNamespace(**{name: str(folder)})
    return intact.content(checked, [name], cache).get(name)


def test_the_user_s_data_are_known_by_content(tmp_path):
    root, cache = tmp_path / "data", tmp_path / "cache"
    folder = root / "covidx-lists"
    (folder / "images").mkdir(parents=True)
    (folder / "train.txt").write_text("1 a.png normal\n2 b.png covid\n")
    (folder / "images/a.png").write_bytes(b"a")
    os.mkfifo(folder / "images/pipe.png")
    first = given(root, cache)
    os.utime(folder / "train.txt")  # a new time alone changes nothing
    assert given(root, cache) == first
    before = (folder / "train.txt").stat()
    (folder / "train.txt").write_text("1 a.png covid\n2 b.png normal\n")  # the same size
    os.utime(folder / "train.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    second = given(root, cache)
    assert second != first
    (folder / "images/a.png").rename(folder / "images/b.png")
    assert given(root, cache) not in (first, second)
    (cache / "data.json").write_text("[]")
    assert given(root, cache) not in (first, second)


@pytest.mark.timeout(20)
def test_the_user_s_data_may_be_linked_and_what_is_not_read_is_no_input(tmp_path):
    root, cache, elsewhere = tmp_path / "data", tmp_path / "cache", tmp_path / "elsewhere"
    (elsewhere / "lists/images").mkdir(parents=True)
    root.mkdir()
    (root / "covidx-lists").symlink_to(elsewhere / "lists")
    (elsewhere / "pictures").mkdir()
    (elsewhere / "lists/train").symlink_to(elsewhere / "pictures")
    (elsewhere / "pictures/a.png").write_bytes(b"a")
    (elsewhere / "pictures/circle").symlink_to(elsewhere / "lists")
    found = [given(root, cache)]
    for path in (elsewhere / "pictures/a.png", elsewhere / "lists/train.txt", root / "masks/cohen/a.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"b")
        found.append(given(root, cache))
    assert len(set(found)) == 4
    (root / "phantoms.json").write_text("{}")
    assert given(root, cache) not in found
    last = given(root, cache)
    (root / "notes.txt").write_text("mine")
    assert given(root, cache) == last


def test_words_name_no_files_and_a_missing_file_is_an_empty_one(tmp_path):
    assert given("phantoms", tmp_path) is None
    assert given("example", tmp_path, "own_image") is None
    missing = given(tmp_path / "x.png", tmp_path, "own_image")
    (tmp_path / "x.png").write_bytes(b"x")
    assert missing != given(tmp_path / "x.png", tmp_path, "own_image")
