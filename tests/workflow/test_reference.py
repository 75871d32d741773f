"""`make reference`, and what the README shows of it."""

import sys

import pytest

from lib import paths
from lib.evaluation import table1
from lib.paths import Paths
from workflow import reference

LEDGER = Paths("demo").reference / "table1.csv"


def test_the_readme_s_table_is_what_the_reference_gives():
    text = reference.README.read_text(encoding="utf-8")
    assert (text.count(reference.BEGIN), text.count(reference.END)) == (1, 1)
    assert reference.with_table(text, table1.read_ledger(LEDGER)) == text
    assert "phantom data" in text


def test_a_table_shows_values_beside_the_published_and_leaves_what_has_no_value_empty(tmp_path):
    ledger = table1.read_ledger(LEDGER).set_index("id").loc[["RN2", "RN7", "majority"]].reset_index()
    ledger.loc[0, "covid_precision"], ledger.loc[0, "covid_precision_low"] = None, None
    ledger.loc[1, ["macro_f1", "macro_f1_low", "macro_f1_high"]] = [80.04, 70.0, 90.0]
    text = reference.with_table(f"before{reference.BEGIN}old{reference.END}after", ledger)
    assert text.startswith(f"before{reference.BEGIN}|")
    assert text.endswith(f"|{reference.END}after")
    header, _, first, second, last = text.partition("\n\n")[2].partition("\n\n")[0].splitlines()
    names, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in (header, first, second, last))
    rows = [dict(zip(names, line, strict=True)) for line in lines]
    assert rows[0]["Settings"] == "ImageNet stand-in, fine-tuning"
    assert (rows[0]["COVID-19 precision [95 %]"], rows[0]["COVID-19 precision, published"]) == ("", "84")
    assert (rows[1]["Macro F1 [95 %]"], rows[1]["Macro F1, published"]) == ("80.0 [70.0, 90.0]", "82")
    assert rows[1]["Settings"] == "from scratch, class weights"
    assert (rows[2]["Settings"], rows[2]["Macro F1, published"]) == ("", "")


def test_an_unfinished_run_and_an_unknown_one_are_refused_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    for run, words in (("demo", "run demo is not finished"), ("demos", "demos.yaml: no such file")):
        monkeypatch.setattr(sys, "argv", ["reference", "--run", run])
        with pytest.raises(SystemExit, match=words):
            reference.main()
