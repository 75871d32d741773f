"""Values as readers see them."""

import numpy as np
import pandas as pd
import pytest

from lib.report import statements, tables


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (True, "yes"),
        (np.bool_(False), "no"),
        (15240195, "15,240,195"),
        (-3, "−3"),
        (0.0, "0"),
        (0.5, "0.5"),
        (0.0123456, "0.0123"),
        (0.00001234, "1.2e−05"),
        (12.3456, "12.35"),
        (123.456, "123.5"),
        (6147.0, "6,147"),
        (float("inf"), "∞"),
        ([1, 2], "1, 2"),
        ("  ", "–"),
    ],
)
def test_values_are_readable(value, shown):
    assert tables.text(value) == shown


def test_whole_numbers_with_a_gap_stay_whole():
    table = tables.from_frame(pd.DataFrame({"id": ["a", "b"], "images": [3.0, np.nan]}), "Counts.")
    assert [row[1].text for row in table.rows] == ["3", "–"]
    assert table.numeric == [False, True]


def test_long_tables_say_how_much_is_left_out():
    table = tables.from_frame(pd.DataFrame({"id": range(50)}), "Rows.", limit=40)
    assert (len(table.rows), table.more) == (40, 10)


def test_headers_speak_the_papers_language():
    assert [tables.label(name) for name in ("covid_f1", "id", "p", "free_params")] == [
        "COVID-19 F1",
        "ID",
        "p",
        "Free params",
    ]


def test_claims_without_a_known_verdict_count_as_undecided():
    frame = pd.DataFrame({"verdict": ["supported", "Contradicted", "not run", None]})
    assert statements.tallied(frame) == {"supported": 1, "contradicted": 1, "undecided": 2}


def test_statements_keep_every_column_as_a_fact_and_have_anchors_of_their_own():
    frame = pd.DataFrame(
        {
            "id": ["a b", "a b"],
            "quote": ["said", None],
            "verdict": ["supported", "undecided"],
            "published_verdict": ["contradicted", None],
            "p": [0.01, np.nan],
        }
    )
    first, second = statements.read(frame)
    assert (first.anchor, second.anchor) == ("a-b", "a-b-2")
    assert first.quote == "said"
    assert first.facts == [
        ("Verdict", "supported", "supported"),
        ("Published verdict", "contradicted", "contradicted"),
        ("p", "0.01", ""),
    ]
    assert second.quote == ""
    assert second.facts == [("Verdict", "undecided", "undecided")]
