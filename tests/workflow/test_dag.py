import pytest

from lib import params
from lib.paths import Paths
from workflow import dag
from workflow.front import overrides, slow_files, snakemake_command


def test_a_notebook_depends_on_what_it_imports_and_on_what_that_imports():
    files = dag.sources("04_experiment")
    assert files[0] == "notebooks/04_experiment.ipynb"
    assert {"lib/training/experiment.py", "lib/training/stage.py", "lib/models/freezing.py", "lib/files.py"} <= set(
        files
    )
    assert not [file for file in files if file.startswith(("lib/report/", "lib/phantoms/"))]


def test_only_listed_parameters_are_passed():
    values = dag.values("04_experiment", params.load("demo", "RN6"), seed=4)
    assert values["experiment"] == "RN6"
    assert values["continues"] == "RN5"
    assert values["seed"] == 4
    assert "phantom_images" not in values
    assert "bootstrap_samples" not in values


def test_set_is_read_as_yaml():
    found = overrides("covidx_layout=sources seeds=[1,2] cache_activations=false", "")
    assert found == {"covidx_layout": "sources", "seeds": [1, 2], "cache_activations": False}


def test_data_becomes_an_absolute_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert overrides("", "here") == {"data": str(tmp_path / "here")}


def test_a_piece_of_set_without_a_value_is_refused():
    with pytest.raises(params.ParameterError, match="found 'epochs', expected key=value"):
        overrides("epochs", "")


def test_further_arguments_stand_last_so_that_they_win():
    command = snakemake_command("demo", {"epochs": 3}, 2, 4, ["last.csv"], ["--cores", "1"])
    assert command[-2:] == ["--cores", "1"]


def test_a_file_asked_for_is_a_target_and_nothing_else():
    from snakemake.cli import get_argument_parser

    command = snakemake_command("demo", {}, 2, 4, ["last.csv"], ["results/demo/table1.csv"])
    arguments = get_argument_parser().parse_args(command[3:])
    assert set(arguments.targets) == {"results/demo/table1.csv"}
    assert set(arguments.prioritize) == {"last.csv"}


def test_set_reaches_the_snakefile_as_it_was_given():
    from snakemake.cli import parse_config

    changes = {"epochs": 3, "seeds": [1, 2], "data": "/a b/c=d: {e}", "cache_activations": False, "l2": 0.5}
    command = snakemake_command("demo", changes, 2, 4, [], [])
    config = parse_config(command[command.index("--config") + 1 : command.index("--quiet")])
    assert dag.unpacked(config["set"]) == changes


def test_what_takes_longest_is_made_first():
    rows = {name: params.load("demo", name) for name in ("RN3", "RN8", "CN3")}
    expected = ["results/demo/experiments/RN8/metrics.json", "results/demo/experiments/CN3/metrics.json"]
    assert slow_files(Paths("demo"), rows) == [*expected, "results/demo/explanations/scorecard.csv"]
    assert slow_files(Paths("demo"), {"RN3": rows["RN3"]}) == []
