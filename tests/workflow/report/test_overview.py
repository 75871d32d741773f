"""The first page's tables and its verdict at a glance."""

import pandas as pd
import pytest

from lib import files
from workflow.report import overview
from workflow.report import run as runs


@pytest.fixture
def run(at):
    at(only={"experiments", "audit", "table1"})
    return runs.read("demo")


def ledger(**changed):
    line = {"id": "RN4", "free_params": 6147, "free_params_published": 6146, "seeds": 1, "fine_tuning": "yes"}
    line |= {"accuracy": 88.04, "accuracy_low": 85.0, "accuracy_high": 91.0, "accuracy_published": 90.0}
    return pd.DataFrame([line | {"accuracy_verdict": "inside"} | changed])


def test_a_value_stands_with_its_interval_its_published_value_and_the_ledgers_verdict(run):
    table = overview.table1(run, ledger(), "files/table1.csv")
    shown = table.rows[0][-1]
    assert (shown.text, shown.interval, shown.published) == ("88.0", "[85.0, 91.0]", "90 (−2.0)")
    assert shown.verdict == "inside"
    assert table.rows[0][1].text == "yes"
    assert table.rows[0][2].published == "6,146"


def test_a_value_that_cannot_be_compared_bears_no_verdict(run):
    table = overview.table1(run, ledger(accuracy_verdict="not comparable"), "files/table1.csv")
    assert table.rows[0][-1].verdict == ""


def test_several_seeds_show_mean_and_spread(run):
    table = overview.table1(run, ledger(seeds=3, accuracy_mean=87.52, accuracy_std=1.25), "files/table1.csv")
    assert table.rows[0][-1].note == "3 seeds: 87.5 ± 1.2"


def test_the_best_is_sought_among_the_networks_as_they_are_shown(run):
    lines = [
        ledger(),
        ledger(id="RN3", accuracy=87.96),
        ledger(id="RN2", accuracy=80.0),
        ledger(id="majority", accuracy=99.0),
    ]
    table = overview.table1(run, pd.concat(lines), "files/table1.csv")
    best = {row[0].text: "best" in row[-1].marks for row in table.rows}
    assert best == {"RN4": True, "RN3": True, "RN2": False, "majority": False}


def test_agreement_counts_what_the_ledger_compares():
    frame = pd.concat([ledger(), ledger(accuracy_verdict="outside"), ledger(accuracy_verdict="not run")])
    assert overview.agreement(frame) == (1, 2)


def test_the_glance_says_that_phantoms_are_not_comparable(run):
    tiles = {tile.question: tile for tile in overview.tiles(run, ledger(accuracy_verdict="not comparable"), None)}
    assert tiles["Agrees with the paper?"].answer == "Not comparable"
    assert "nothing about COVID-19" in tiles["Rows trained"].note
    assert tiles["Rows trained"].answer == "3 of 11"


def test_the_glance_counts_agreement_and_claims(run):
    claims = pd.DataFrame({"verdict": ["supported", "contradicted", "undecided", "supported"]})
    tiles = {tile.question: tile for tile in overview.tiles(run, ledger(), claims)}
    assert tiles["Agrees with the paper?"].answer == "1 of 1"
    assert tiles["Claims supported"].answer == "2 of 4"
    assert tiles["Claims supported"].note == "In this run: 1 contradicted, 1 undecided."


def test_the_glance_sets_the_best_row_beside_guessing_from_the_source(run):
    tiles = {tile.question: tile for tile in overview.tiles(run, None, None)}
    assert tiles["Source-only baseline"].answer == "95 %"
    files.write_json(run.at.audit / "source_only.json", {"accuracy": 0.5, "covid_f1": None})
    assert "Source-only baseline" not in {tile.question for tile in overview.tiles(run, None, None)}
