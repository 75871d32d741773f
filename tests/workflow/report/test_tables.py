"""Values as readers see them."""

import numpy as np
import pandas as pd
import pytest

from lib import paths
from workflow.report import statements, tables


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


def test_claims_without_a_known_verdict_count_as_not_run():
    frame = pd.DataFrame({"verdict": ["supported", "Contradicted", "not run", None]})
    assert statements.tallied(frame) == {"supported": 1, "contradicted": 1, "undecided": 0, "not run": 2}


def test_statements_keep_every_column_as_a_fact_verdicts_first_and_have_anchors_of_their_own():
    frame = pd.DataFrame(
        {
            "id": ["a b", "a b"],
            "claim": ["First", "Second"],
            "quote": ["said", None],
            "effect": [2.0, 3.0],
            "low": [1.0, np.nan],
            "high": [3.5, np.nan],
            "p_value": [0.01, np.nan],
            "verdict": ["supported", "undecided"],
            "published_verdict": ["contradicted", None],
        }
    )
    first, second = statements.read(frame, str)
    assert [(item.anchor, item.title, item.quote) for item in (first, second)] == [
        ("a-b", "First", "said"),
        ("a-b-2", "Second", ""),
    ]
    assert [(fact.name, fact.value, fact.verdict) for fact in first.facts] == [
        ("This run", "supported", "supported"),
        ("Published Table 1", "contradicted", "contradicted"),
        ("Effect", "2 [1, 3.5]", ""),
        ("p value", "0.01", ""),
    ]
    assert [(fact.name, fact.value) for fact in second.facts] == [("This run", "undecided"), ("Effect", "3")]


def test_evidence_leads_to_its_files_where_they_are_there(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("x")
    frame = pd.DataFrame({"id": ["x", "y"], "evidence": ["a.csv, b.csv", "a.csv, gone.csv"]})
    there, gone = (item.facts[0] for item in statements.read(frame, lambda path: f"files/{path.name}"))
    assert there.files == (("a.csv", "files/a.csv"), ("b.csv", "files/b.csv"))
    assert (gone.files, gone.value) == ((), "a.csv, gone.csv")
