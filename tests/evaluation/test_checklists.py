"""Checklists: their file is held against the paper's sections and the notebooks, and no answer outlives its place."""

import re

import pytest
import yaml

from lib import files, paths
from lib.evaluation import checklists
from lib.evaluation.checklists import ABSENT, APART, FULL, NOT, PART

KNOWN = checklists.read_checklists()
ITEMS = [(name, item) for name, checklist in KNOWN.items() for item in checklist["items"]]
PAPER = {
    *("1", "2", "3", "3.1", "3.2", "4.1.1", "4.1.2", "4.2.1", "4.2.2", "4.2.3", "4.3.1", "4.3.2", "4.4.1", "4.4.2"),
    *("5.1", "5.2", "6", "Abstract", "References", "Table 1", "Figure 1", "Figure 2", "Figure 3", "Figure 4"),
    *("Figure 4b", "Figure 5"),
}
ITEM = {"item": 1, "asks": "Sources", "because": "none"}
THERE = {"90_data_sheet", "05_performance"}


def write(folder, times=1, **changed):
    """A file of one checklist with one item, changed."""
    item = {key: value for key, value in (ITEM | changed).items() if value is not None}
    checklist = {"title": "A", "source": "B", "address": "https://example.org", "note": "C"}
    checklist["items"] = [dict(item) for _ in range(times)]
    files.write_text(folder / "checklists.yaml", yaml.safe_dump({"mine": checklist}))
    return folder / "checklists.yaml"


def filled(phantoms=False, facts=None, **item):
    (line,) = checklists.fill_in({"items": [{"item": 7, "asks": "<Sources>"} | item]}, facts or {}, THERE, phantoms)
    return line


def test_the_checklists_are_whole():
    numbers = {name: [str(item["item"]) for of, item in ITEMS if of == name] for name in KNOWN}
    assert numbers["claim"] == [str(number) for number in range(1, 45)]  # Tejani et al., 2024
    groups = {"1": 3, "2": 2, "3": 5, "4": 5, "5": 6}  # models, theory, data, code, results of version 2.0
    assert numbers["mlrc"] == [f"{group}.{n}" for group, count in groups.items() for n in range(1, count + 1)]


@pytest.mark.parametrize(("name", "item"), ITEMS, ids=[f"{name}-{item['item']}" for name, item in ITEMS])
def test_every_place_is_in_the_paper_or_in_a_notebook(name, item):
    said = item.get("paper", "")
    named = re.findall(r"(?:Table|Figure) \d\w?|Abstract|References|(?<![\w.])\d(?:\.\d)*", _each_figure(said))
    assert set(named) <= PAPER
    assert bool(named) == bool(said)
    for place in item.get("here", []):
        stem, _, anchor = place.partition(".ipynb#")
        assert anchor in checklists.anchors(paths.NOTEBOOKS / f"{stem}.ipynb"), place


def _each_figure(said):
    """`Figures 2 and 4b` as `Figure 2 and Figure 4b`."""
    return re.sub(r"Figures (\w+) and (\w+)", r"Figure \1 and Figure \2", said)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"asks": None}, "mine 1: asks: missing"),
        ({"because": None}, "mine 1: because: missing; an item that names no place under `here` says why"),
        ({"pape": "Section 1"}, "mine 1: pape: unknown; expected one of item, asks, paper"),
        ({"paper": 4.2}, "mine 1: paper: found 4.2, expected text"),
        ({"lacks": "all"}, "mine 1: lacks: without `paper`"),
        ({"here": "90_data_sheet.ipynb#splits"}, "mine 1: here: found '90_data_sheet.ipynb#splits', expected a list"),
        ({"here": ["90_data_sheet.ipynb#nothing"]}, "the notebook has no heading and no cell of this name"),
        ({"here": ["no.ipynb#splits"]}, "mine 1: here: no.ipynb#splits: no such notebook"),
        ({"answer": "{0}"}, "mine 1: answer: {0}: expected a name in braces"),
        ({"answer": "{a"}, "mine 1: answer: expected '}'"),
        ({"patients": "yes"}, "mine 1: patients: found 'yes', expected true"),
        ({"not_applicable": "none"}, "mine 1: because: beside not_applicable; keep one of both"),
    ],
)
def test_a_wrong_item_is_named_with_what_is_expected(tmp_path, changed, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        checklists.read_checklists(write(tmp_path, **changed))


def test_a_number_used_twice_and_a_checklist_without_items_are_named(tmp_path):
    path = write(tmp_path, times=2)
    with pytest.raises(ValueError, match="mine 1: item: used twice"):
        checklists.read_checklists(path)
    files.write_text(path, "mine: {title: A, items: []}\n")
    with pytest.raises(ValueError, match="mine: found title, items; expected title, source, address, note, items"):
        checklists.read_checklists(path)


def test_an_answer_shows_the_run_s_values_as_text_and_leads_to_its_place():
    line = filled(here=["90_data_sheet.ipynb#how-were-they-collected"], answer="{n} rows.", facts={"n": "<b>2</b>"})
    assert line.here == (
        "&lt;b&gt;2&lt;/b&gt; rows. "
        '<a href="90_data_sheet.ipynb#how-were-they-collected">90 How were they collected?</a>.'
    )
    assert (line.asks, line.in_paper, line.in_run) == ("&lt;Sources&gt;", NOT, FULL)
    assert "not reported in the paper" in line.paper


def test_a_value_or_a_place_that_the_run_lacks_is_no_answer():
    lost = filled(here=["05_performance.ipynb#table-1"], answer="{n} rows.", facts={"n": None})
    assert lost.here.startswith("[not in this run] rows.")
    other = filled(here=["05_performance.ipynb#table-1", "91_model_card.ipynb#scores"], paper="Table 1")
    assert other.here.endswith("91 scores (not in this run).")
    assert (lost.in_run, other.in_run, other.in_paper) == (ABSENT, ABSENT, FULL)
    with pytest.raises(KeyError, match=r"7: answer: \{m\} is not read from a run; known are n"):
        filled(here=["05_performance.ipynb#table-1"], answer="{m}", facts={"n": 1})


def test_on_phantoms_what_is_said_of_patients_is_said_of_phantoms():
    about = {"here": ["90_data_sheet.ipynb#splits"], "patients": True}
    assert filled(phantoms=True, **about).here.startswith("<strong>For phantoms only.</strong>")
    assert not filled(**about).for_phantoms


def test_a_notebook_counts_where_its_last_execution_came_to_the_end(tmp_path):
    for name in ("04_experiment-RN1", "04_experiment-RN2.failed", "05_performance", "05_performance.failed"):
        (tmp_path / f"{name}.ipynb").touch()
    assert checklists.finished(tmp_path) == {"04_experiment"}
    assert checklists.finished(tmp_path / "none") == set()


def test_items_are_counted_by_who_answers_them():
    here = {"here": ["90_data_sheet.ipynb#splits"]}
    lines = [
        filled(paper="Section 1", **here),
        filled(paper="Section 1", lacks="much", because="a part", phantoms=True, patients=True, **here),
        filled(because="nobody knows"),
        filled(here=["91_model_card.ipynb#scores"]),
        filled(not_applicable="none"),
    ]
    assert [line.in_run for line in lines] == [FULL, PART, NOT, ABSENT, APART]
    assert checklists.in_one_sentence(lines) == (
        "Of 5 items the paper answers 1 in full and 1 in part; this run answers 1 in full and 1 in part (1 of them for "
        "phantoms only); not answered yet, since this run lacks something: 1; not applicable: 1; answered nowhere: 1."
    )
