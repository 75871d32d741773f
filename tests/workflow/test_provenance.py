"""Provenance from what a run left."""

import json
import shutil
import subprocess
import tomllib

import pytest

from lib import files, params, paths
from workflow import provenance

PARAMETERS = """\
# Header of the file.

# The run
run: demo  # the run's name
# sources: merged; lists
covidx_layout: sources

# Rows
# rows of Table 1
experiments: [RN1, RN2]
text: "a # b"  # our choice: quoted
"""


@pytest.fixture
def at(tmp_path, monkeypatch):
    shutil.copy(paths.ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return paths.Paths("demo")


def executed(at, name, cells=(), **papermill):
    files.write_json(at.notebooks / f"{name}.ipynb", {"metadata": {"papermill": papermill}, "cells": list(cells)})


def cell(seconds, *tags):
    return {"metadata": {"tags": tags, "papermill": {"duration": seconds}}}


def test_each_parameter_keeps_its_comment_and_section(tmp_path):
    path = tmp_path / "demo.yaml"
    path.write_text(PARAMETERS)
    assert provenance.commented(path) == [
        {"key": "run", "value": "demo", "comment": "the run's name", "section": "The run"},
        {"key": "covidx_layout", "value": "sources", "comment": "sources: merged; lists", "section": "The run"},
        {"key": "experiments", "value": ["RN1", "RN2"], "comment": "rows of Table 1", "section": "Rows"},
        {"key": "text", "value": "a # b", "comment": "our choice: quoted", "section": "Rows"},
    ]


@pytest.mark.parametrize("path", sorted([*params.RUNS.glob("*.yaml"), *params.EXPERIMENTS.glob("*.yaml")]), ids=str)
def test_every_parameter_of_the_project_has_a_comment(path):
    entries = provenance.commented(path)
    assert entries
    assert [entry["key"] for entry in entries if not entry["comment"]] == []


def test_values_that_the_notebooks_got_win_over_the_file_and_all_are_told(at):
    executed(at, "00_a", parameters={"image_size": 32, "run": "demo", "ig_steps": 32})
    executed(at, "01_b", parameters={"image_size": 32, "experiment": "RN4", "ig_steps": 48})
    executed(at, "04_experiment-RN4-trial_001", parameters={"image_size": 32, "ig_steps": 64})  # drawn, not given
    its = {"experiment": "RN8-stretched", "brightness": "as_published", "image_size": 32}  # that row's file sets it
    executed(at, "04_experiment-RN8-stretched", parameters=its)
    entries = {entry["key"]: entry for entry in provenance.collect("demo")["parameters"]}
    in_file = params.read_yaml(params.RUNS / "demo.yaml")["image_size"]
    assert (entries["image_size"]["value"], entries["image_size"]["file_value"]) == (32, in_file)
    assert entries["ig_steps"]["value"] == "32 / 48"
    assert entries["run"]["file_value"] is None
    assert entries["brightness"]["value"] == "as_described"
    assert "experiment" not in entries, "what makes a row is not a parameter of the run"


def test_steps_join_durations_with_benchmarks(at):
    executed(at, "00_a", duration=12.34)
    executed(at, "04_experiment-RN4", [cell(3.0), cell(30.26, "training"), cell(None, "training")], duration=50)
    executed(at, "05_b")
    executed(at, "11_overview", duration=1.0)
    executed(at, "92_provenance", duration=1.0)
    folder = at.results / "benchmarks" / "rows"
    files.write_text(folder / "04_experiment-RN4.tsv", "s\th:m:s\tmax_rss\tcpu_time\n61.5\t0:01:01\t1234.5\t-\n")
    files.write_text(folder / "other.tsv", "s\tmax_rss\n2.5\tNA\n")
    files.write_text(folder / "empty.tsv", "s\tmax_rss\n")
    assert provenance.steps(at) == [
        {"step": "00_a", "seconds": 12.3, "training_seconds": 0.0, "memory_mb": None},
        {"step": "04_experiment-RN4", "seconds": 61.5, "training_seconds": 30.3, "memory_mb": 1234.5},
        {"step": "05_b", "seconds": None, "training_seconds": 0.0, "memory_mb": None},
        {"step": "empty", "seconds": None, "training_seconds": 0.0, "memory_mb": None},
        {"step": "other", "seconds": 2.5, "training_seconds": 0.0, "memory_mb": None},
    ]


def test_the_code_is_named_by_commit_and_changes_are_told_and_without_git_the_version_alone(tmp_path):
    version = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert provenance.code_version(tmp_path) == {"version": version, "commit": None, "changed": None}

    def git(*arguments):
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "x").write_text("1")
    git("add", "x")
    git("commit", "-q", "-m", "first")
    version = provenance.code_version(tmp_path)
    assert (version["commit"], version["changed"]) == (git("rev-parse", "HEAD"), False)
    (tmp_path / "x").write_text("2")
    assert provenance.code_version(tmp_path)["changed"] is True


def test_the_file_is_written_with_data_and_packages_and_equal_runs_give_equal_files(at):
    executed(at, "00_a", duration=1.5, parameters={"run": "demo"})
    files.write_text(at.covidx / "index.csv", "abc")
    provenance.write("demo")
    first = at.provenance.read_bytes()
    provenance.write("demo")
    assert at.provenance.read_bytes() == first
    record = json.loads(first)
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, the example "abc"
    assert record["data"] == [{"file": "data/demo/covidx/index.csv", "bytes": 3, "sha256": digest}]
    assert {"python", "tensorflow", "keras", "pylibjpeg"} <= set(record["packages"])
    assert record["packages"]["keras"].startswith("3.")
    assert record["hardware"]["cores"] >= 1
