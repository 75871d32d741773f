"""What stands before and behind the DAG."""

import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from snakemake.cli import get_argument_parser, parse_config

from lib import files, params, paths
from lib.data import DataError
from lib.evaluation import bootstrap, reference, runs, standing, table1
from lib.paths import ROOT, Paths
from tests.evaluation import synthetic
from workflow import dag, provenance
from workflow.front import (
    at_once,
    complaint,
    ending,
    executes,
    follow,
    overrides,
    plan,
    slow_files,
    snakemake_command,
    without_accounting,
)
from workflow.progress import Progress


def command(changes=None, first=(), extra=()):
    return snakemake_command("demo", changes or {}, 2, 4, first=[*first], profile="local", extra=[*extra])


def test_set_is_read_as_yaml_data_becomes_an_absolute_folder_and_a_piece_without_a_value_is_refused():
    found = overrides("covidx_layout=sources seeds=[1,2] cache_activations=false", "here")
    there = str(Path.cwd() / "here")
    assert found == {"covidx_layout": "sources", "seeds": [1, 2], "cache_activations": False, "data": there}
    with pytest.raises(params.ParameterError, match="found 'epochs', expected key=value"):
        overrides("epochs", "")


def test_further_arguments_win_and_a_file_among_them_is_a_target_and_nothing_else():
    asked = command(first=["last.csv"], extra=["--cores", "1", "results/demo/table1.csv"])
    arguments = get_argument_parser().parse_args(asked[3:])
    assert set(arguments.targets) == {"results/demo/table1.csv"}
    assert set(arguments.prioritize) == {"last.csv"}
    assert arguments.cores == 1


def test_set_reaches_the_snakefile_as_it_was_given():
    changes = {"epochs": 3, "seeds": [1, 2], "data": "/a b/c=d: {e}", "cache_activations": False, "l2": 0.5}
    asked = command(changes)
    config = parse_config(asked[asked.index("--config") + 1 : asked.index("--cores")])
    assert dag.unpacked(config["set"]) == changes


@pytest.mark.parametrize("extra", ["-n", "-np", "--dryrun", "--summary", "--list-changes code", "--touch", "--lint"])
def test_what_runs_no_step_is_told_from_what_does(extra):
    assert not executes(command(extra=extra.split()))
    assert executes(command(extra=["--rerun-triggers", "mtime"]))
    assert executes(command(extra=["results/demo/table1.csv"]))


def test_an_argument_that_snakemake_does_not_take_is_named():
    with pytest.raises(ValueError, match=r"SNAKEMAKE_ARGS: .*--no-such-thing"):
        executes(command(extra=["--no-such-thing"]))


@pytest.mark.parametrize(
    ("sacct", "expected"),
    [
        ("exit 0", []),
        ("echo Slurm accounting storage is disabled >&2; exit 1", ["--slurm-status-command", "squeue"]),
        (None, ["--slurm-status-command", "squeue"]),  # not installed
    ],
)
def test_squeue_is_asked_for_finished_jobs_where_sacct_does_not_work(tmp_path, monkeypatch, sacct, expected):
    if sacct:
        (tmp_path / "sacct").write_text(f"#!/bin/sh\n{sacct}\n")
        (tmp_path / "sacct").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert without_accounting() == expected
    call = snakemake_command("demo", {}, 2, 4, first=[], profile="slurm", extra=[])
    assert call[-len(expected) :] == expected or not expected
    assert ("squeue" in call) == bool(expected)
    assert "squeue" not in command()


def test_a_cluster_gives_jobs_their_cores_and_this_machine_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    call = snakemake_command("demo", {}, 7, 4, first=[], profile="slurm", extra=["--slurm-status-command", "sacct"])
    asked = get_argument_parser().parse_args(call[3:])
    assert (asked.jobs, asked.cores) == (7, None)
    assert asked.slurm_status_command == "sacct"  # the user's word is the last
    assert {"cpus=4", "gpus=0", "run=demo"} <= set(asked.config)


def test_what_takes_longest_is_made_first():
    rows = {name: params.load("demo", name) for name in ("RN3", "RN7", "CN3")}
    expected = ["results/demo/experiments/RN7/metrics.json", "results/demo/experiments/CN3/metrics.json"]
    assert slow_files(Paths("demo"), rows) == [*expected, "results/demo/explanations/scorecard.csv"]
    assert slow_files(Paths("demo"), {"RN3": rows["RN3"]}) == []


@pytest.mark.parametrize(
    ("asked", "threads", "cores", "memory_gb", "expected"),
    [
        (0, 1, 2, 24, (2, 2)),
        (0, 1, 16, 128, (16, 16)),
        (0, 1, 8, 8, (2, 2)),  # memory for two
        (0, 4, 2, 24, (1, 4)),  # more threads than cores: the bytes count, not the speed
        (3, 1, 2, 24, (3, 3)),
        (0, 0, 8, 64, (1, 8)),  # one notebook takes all cores
        (2, 0, 8, 64, (2, 8)),
    ],
)
def test_notebooks_run_at_once_as_cores_and_memory_allow_and_each_keeps_its_threads(
    asked, threads, cores, memory_gb, expected
):
    assert at_once(asked, threads, cores, memory_gb) == expected


@pytest.mark.parametrize("name", ["local", "slurm"])
def test_a_profile_holds_options_that_snakemake_knows(name):
    file = ROOT / "workflow" / "profiles" / name / "config.yaml"
    arguments = get_argument_parser(profiles=[file.parent]).parse_args([])
    for option in yaml.safe_load(file.read_text(encoding="utf-8")):
        assert getattr(arguments, option.replace("-", "_")), option
    assert arguments.keep_going
    assert arguments.executor == ("slurm" if name == "slurm" else None)


def planned(at, jobs=1, **changes):
    return plan(at, params.load("demo", None, changes), {"RN3": params.load("demo", "RN3", changes)}, jobs, 64)


@pytest.mark.parametrize(("free_gb", "ends"), [(10, "make room, or set JOBS=16"), (1, "make room")])
def test_jobs_that_need_more_disk_than_there_is_are_told_how_many_fit(tmp_path, monkeypatch, free_gb, ends):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, free_gb * 10**9))
    with pytest.raises(OSError, match=f"{free_gb}.0 GB free, about .* GB are needed with JOBS=500: {ends}$"):
        planned(Paths("demo"), jobs=500)


@pytest.mark.parametrize(
    ("layout", "words"),
    [("lists", "covidx-lists: expected train.txt, test.txt"), ("sources", "covidx-sources: none of the five")],
)
def test_data_without_the_chosen_layout_are_refused_before_anything_runs(tmp_path, monkeypatch, layout, words):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    for name in ("covidx-lists", "ham10000"):
        (tmp_path / "data" / name).mkdir(parents=True)
    with pytest.raises(DataError, match=words):
        planned(Paths("demo"), data=str(tmp_path / "data"), covidx_layout=layout)


def test_an_own_image_that_is_too_large_to_be_read_is_refused_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    with (tmp_path / "x.png").open("wb") as file:
        file.truncate(4 * 2**30)
    with pytest.raises(
        params.ParameterError, match=r"own_image: found 'x\.png', 4,096 MiB; at most 512 are read; give a"
    ):
        planned(Paths("demo"), own_image="x.png")


@pytest.fixture
def at(tmp_path, monkeypatch):
    """A made-up run with two rows and its table1.csv."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)  # provenance reads the versions of what it names
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    at = Paths("demo")
    synthetic.write(at, experiments=("RN4", "CN2"), patients=20)
    rows, given = runs.read_rows(at, ["RN4", "CN2", "CN3"], [1]), {"draws": bootstrap.Resampler(100)}
    given["standing"] = standing.read_standing(at)
    table = table1.make_ledger(rows, runs.baseline_rows(at, rows), ["RN4", "CN2", "CN3"], **given)
    files.write_csv(at.table1, table)
    return at


def test_the_ending_shows_the_table_with_baselines_and_counts_the_claims_once_judged(at):
    text = ending(at)
    for name in ("RN4", "CN2", "CN3", "source-only", "majority", "not run"):
        assert name in text
    assert "Claims" not in text
    assert "on phantoms, generated pictures: " in text
    assert "in form only" in text
    assert "Not as in the paper (its value): data phantoms, generated pictures (COVIDx, chest X-rays), " in text
    assert text.endswith("Report: results/demo/report/index.html")
    assert max(map(len, text.splitlines())) <= 110
    lines = "supported,contradicted,phantoms\n" * 2 + "not testable,contradicted,phantoms\n"
    at.claims.write_text("verdict,published_verdict,data\n" + lines)
    text = ending(at)
    assert "Claims, by this run, on phantoms:\n  2 supported, 0 contradicted, 0 undecided, 1 not testable" in text
    assert "0 supported, 3 contradicted, 0 undecided" in text


def test_the_ending_says_whether_the_run_gave_what_its_reference_did(at):
    assert "\n\nThere is no reference of run demo; `make reference RUN=demo` makes this run one.\n\nRep" in ending(at)
    synthetic.write_row(at, "CN3", pd.read_csv(at.covidx / "index.csv"), seed=3)  # a finished run has all its rows
    at.claims.write_text("id,verdict,published_verdict,data\none,supported,,phantoms\n")
    files.write_text(at.figures / reference.FIGURE, "picture")
    provenance.write("demo")
    reference.write(at)
    assert "\n\nThe same as the reference, byte for byte: 3 of 3 rows, table1.csv and claims.csv.\n\nRep" in ending(at)
    at.claims.write_text("id,verdict,published_verdict,data\none,undecided,,phantoms\n")
    text = ending(at)
    assert "3 of 3 rows are, table1.csv is, claims.csv is not.\nVerdicts (here / in the reference): one und" in text
    assert "No difference in settings, data, versions or processor was found; the code is the same" in text


def test_what_snakemake_itself_says_goes_to_its_log_and_the_steps_to_the_terminal(tmp_path, capfd):
    log = tmp_path / "snakemake.log"
    snakemake = "import sys; print('step'); print('noise', file=sys.stderr); sys.exit(3)"
    with log.open("w") as said, Progress(io.StringIO(), {}, own=False, at_once=1) as progress:
        assert follow([sys.executable, "-c", snakemake], progress, said, local=True) == 3
    assert capfd.readouterr().out == "step\n"
    assert complaint(log) == "noise"
    log.write_text("CalledProcessError in file x:\nCommand 'python -m workflow.execute a b' returned non-zero\n")
    assert complaint(log) == ""  # the step has said why
    log.write_text("CalledProcessError in file x:\nCommand 'python -m workflow.report --run demo' returned non-zero\n")
    (tmp_path / "report.log").write_text("no notebook\n")
    assert complaint(log) == "no notebook"


def door_with_a_child(ignored=()):
    """The front door, told to ignore some signals, over a stand-in for Snakemake that has a child of its own."""
    child = "import subprocess, sys, time; subprocess.Popen(['sleep', '300']); print('up', flush=True); time.sleep(300)"
    door = "import io, sys; from workflow.front import Progress, follow\n"
    door += "with Progress(io.StringIO(), {}, own=False, at_once=1) as shown:\n"
    door += f"    follow([sys.executable, '-c', {child!r}], shown, io.StringIO(), local=True)"

    def as_told():  # and not as the tests themselves were started
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)

    running = subprocess.Popen(
        [sys.executable, "-c", door], cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=as_told
    )
    assert running.stdout.readline() == "up\n"
    return running


@pytest.mark.parametrize(
    ("number", "ignored"),
    [
        *((number, ()) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)),
        (signal.SIGTERM, (signal.SIGINT,)),  # a shell's script that starts it with &
    ],
)
def test_ending_the_front_door_ends_what_it_started(number, ignored):
    running = door_with_a_child(ignored)
    running.send_signal(number)
    assert running.wait(timeout=60) != 0
    assert running.stdout.read() == ""  # ends when the last process that holds it has gone


def test_a_run_under_nohup_outlives_its_terminal():
    running = door_with_a_child(ignored=(signal.SIGHUP,))
    running.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(timeout=2)
    running.terminate()
    assert running.wait(timeout=60) != 0


def test_a_step_ends_with_its_front_door(tmp_path):
    step = "import time; from workflow import execute; execute.end_with_the_front_door(); print(1, flush=True)"
    step += "; time.sleep(300)"
    door = subprocess.Popen(["sleep", "300"])
    environment = os.environ | {"COMPANION_FRONT": str(door.pid)}
    running = subprocess.Popen([sys.executable, "-c", step], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    assert running.stdout.readline() == b"1\n"
    assert running.poll() is None
    door.kill()
    door.wait()
    assert running.wait(timeout=30) == 1
