"""What the terminal shows of a run, from what Snakemake and the notebooks print."""

import io
import re

import pytest
from rich.console import Console

from lib import files
from lib.paths import Paths
from workflow import DONE, STARTED, progress
from workflow.progress import Progress, usual_seconds

USUAL = {"00_data_preparation": 50.0, "04-RN1": 20.0, "04-RN2": 100.0, "10_claims": 30.0}
STATS = [
    "job count",
    "-----",
    "claims 1",
    "data_preparation 1",
    "experiment 1",
    "linear_stage 1",
    "report 1",
    "total 5",
]


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when a test says so."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def shown(own=True, terminal=False, usual=USUAL, at_once=1):
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80, highlight=False)
    result = Progress(io.StringIO(), usual, own, at_once, console)
    for line in STATS:
        result.of_snakemake(line)
    return result


def run(made, clock, label, seconds, *lines):
    for line in (STARTED, *lines):
        made.of_notebook(f"12:00:00  {label:<14} {line}")
    clock[0] += seconds
    made.of_notebook(f"12:00:09  {label:<14} {DONE}0:09")


def last(made):
    return made.console.file.getvalue().splitlines()[-1]


def test_first_it_says_how_many_notebooks_run_and_how_long_they_took_last_time(clock):
    assert last(shown()) == "4 notebooks to execute, about 3 minutes as last time"
    assert last(shown(at_once=2)) == "4 notebooks to execute, about 2 minutes as last time"
    assert last(shown(own=False)) == last(shown(usual={}, own=False)) == "4 notebooks to execute"


def test_each_line_is_numbered_and_the_last_one_says_what_is_left(clock):
    made = shown()
    run(made, clock, "00_data_preparation", 50)
    assert last(made) == "12:00:09  [1/4] 00_data_preparation done in 0:09; 1 of 4, about 2 minutes left"
    made.of_notebook("12:00:10  04-RN2         starts")
    made.of_notebook("12:00:10  04-RN2         linear epoch 1/8")
    assert last(made) == "12:00:10  [2/4] 04-RN2         linear epoch 1/8"
    assert made.log.getvalue() == made.console.file.getvalue()


def test_what_is_left_follows_the_pace_of_what_is_done(clock):
    made = shown()
    run(made, clock, "00_data_preparation", 100)  # twice as long as usual
    assert last(made).endswith("1 of 4, about 5 minutes left")


def test_of_another_run_s_seconds_only_the_ratios_count(clock):
    made = shown(own=False)
    made.of_notebook("12:00:00  00_data_preparation starts")
    assert made._left() == 0, "nothing is done from which the pace could be known"
    run(made, clock, "00_data_preparation", 500)
    assert made._left() == pytest.approx(1500)


def test_a_running_notebook_that_takes_longer_than_usual_has_nothing_left_rather_than_less(clock):
    made = shown()
    made.of_notebook("12:00:00  04-RN2         starts")
    clock[0] += 1000
    assert made._left() == pytest.approx(50 + 20 + 30)


def test_a_repeated_row_without_a_time_of_its_own_takes_what_rows_take(clock):
    made = shown()
    made.waiting = {"04": 2}
    run(made, clock, "04-RN1-seed2", 20)
    assert made._left() == pytest.approx((20 + 100) / 2)


def test_why_a_notebook_failed_is_shown_as_it_stands(clock):
    made = shown()
    made.of_notebook("04-RN2: cell 3 (In [2]) failed [red]")
    assert last(made) == "04-RN2: cell 3 (In [2]) failed [red]"


def test_where_jobs_print_elsewhere_the_steps_are_counted(clock):
    made = shown()
    made.of_snakemake("2 of 26 steps (8%) done")
    assert last(made) == "2 of 26 steps done"


def test_a_terminal_that_rewrites_lines_keeps_what_is_done_and_what_was_found_in_the_data(clock):
    made = shown(terminal=True)
    run(made, clock, "00_data_preparation", 50, "3 files are missing", "covidx: 100%|####| 3/3")
    made.of_notebook("12:00:10  04-RN2         starts")
    made.of_notebook("12:00:10  04-RN2         epoch 1/8 " + "long " * 40)
    with made.console.capture() as captured:
        made.console.print(made._lines())
    table = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", captured.get()).splitlines()
    assert [len(line) <= 80 for line in table] == [True, True], "a line each"
    assert table[0].startswith("[2/4] 04-RN2 epoch 1/8 long")
    assert "1 of 4, about 2 minutes left" in table[1]
    kept = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", made.console.file.getvalue())
    assert "3 files are missing" in kept
    assert "starts" not in kept.split("3 files are missing")[1]
    assert "100%" not in kept
    assert "100%" in made.log.getvalue()


def test_the_usual_seconds_are_the_last_run_s_else_the_reference_s(tmp_path, monkeypatch):
    monkeypatch.setattr("lib.paths.ROOT", tmp_path)
    at = Paths("demo")
    assert usual_seconds(at) == ({}, False)
    files.write_json(at.reference / "reference.json", {"seconds": {"04_experiment-RN1": 23.5}})
    assert usual_seconds(at) == ({"04-RN1": 23.5}, False)
    files.write_json(at.reference / "reference.json", {"seconds": [1]})
    assert usual_seconds(at) == ({}, False)
    (at.results / "benchmarks").mkdir(parents=True)
    (at.results / "benchmarks/04_experiment-RN1.tsv").write_text("s\th:m:s\tmax_rss\n12.5\t0:00:12\t100\n")
    (at.results / "benchmarks/04_experiment-RN2.tsv").write_text("s\th:m:s\n")
    assert usual_seconds(at) == ({"04-RN1": 12.5}, True)
