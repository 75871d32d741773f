"""CONTRIBUTING.md's table against the tree."""

import re

import pytest

from lib.paths import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROWS = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith("| ")][2:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_is_named_stands_where_the_table_says(row):
    _, where, what = row
    path, word = re.match(r"`([^`]+)`", where)[1], re.fullmatch(r"`([^`]+)`", what)[1]
    assert re.search(rf"\b{re.escape(word)}\b", (ROOT / path).read_text(encoding="utf-8")), f"{path}: no {word}"


def test_there_are_many_ways_in():
    assert len(ROWS) >= 15
    assert len({row[0] for row in ROWS}) == len(ROWS)
