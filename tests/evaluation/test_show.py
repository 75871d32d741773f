"""What `make reproduce` ends with."""

import subprocess
import sys

import pandas as pd
import pytest

from lib import files, paths
from lib.evaluation import runs, show, table1
from tests.evaluation import synthetic


@pytest.fixture
def at(tmp_path, monkeypatch):
    """A made-up run with two rows and its table1.csv."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    at = paths.Paths("demo")
    synthetic.write(at, experiments=("RN4", "CN2"), patients=20)
    rows = runs.read_rows(at, ["RN4", "CN2", "CN3"], [1])
    table = table1.ledger(rows, runs.baselines(at, rows), ["RN4", "CN2", "CN3"], run="demo", samples=100)
    files.write_csv(at.table1, table)
    return at


def test_table_with_baselines_and_no_claims_yet(at):
    text = show.summary(at)
    for name in ("RN4", "CN2", "CN3", "source-only", "majority", "not run"):
        assert name in text
    assert "Claims" not in text
    assert "in form only" in text
    assert max(map(len, text.splitlines())) <= 110


def test_claims_are_tallied(at):
    claims = pd.DataFrame(
        {"verdict": ["supported", "undecided", "supported", ""], "published_verdict": ["contradicted"] * 4}
    )
    files.write_csv(at.claims, claims)
    text = show.summary(at)
    assert "2 supported, 0 contradicted, 1 undecided, 1 not judged" in text
    assert "0 supported, 4 contradicted, 0 undecided" in text


def test_a_run_without_a_table_is_told_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match="make reproduce RUN=mine"):
        show.summary(paths.Paths("mine"))


def test_the_command_fails_plainly_and_loads_no_network_library():
    code = "import sys, lib.evaluation.show, lib.figures.performance; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    command = [sys.executable, "-m", "lib.evaluation.show", "--run", "no-such-run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "make reproduce RUN=no-such-run" in done.stderr
    assert "Traceback" not in done.stderr
