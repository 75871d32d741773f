"""Reporting checklists: `params/checklists.yaml` holds their items, notebook 93 finds where a run answers them."""

import re
from html import escape
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

import pandas as pd
from pandas.io.formats.style import Styler

from lib import files, params, paths
from lib.evaluation.claims import wrapped
from lib.paths import ROOT, show

CHECKLISTS = ROOT / "params" / "checklists.yaml"
ABOUT = ("title", "source", "address", "note", "items")
KEYS = ("item", "asks", "paper", "lacks", "here", "answer", "because", "patients", "not_applicable")
ABSENT = "not in this run"
FULL, PART, NOT, APART = "in full", "in part", "not", "does not apply"


class Filled(NamedTuple):
    """One item as a run answers it.

    Attributes:
        item: its number.
        asks: what it asks for.
        paper: the paper's answer, as HTML.
        here: this companion's answer, as HTML.
        in_paper: FULL, PART, NOT or APART.
        in_run: the same, or ABSENT where the run lacks a place or a value of the answer.
        for_phantoms: whether the answer here is about phantoms only.
    """

    item: str
    asks: str
    paper: str
    here: str
    in_paper: str
    in_run: str
    for_phantoms: bool


def read_checklists(path: Path = CHECKLISTS) -> dict[str, dict[str, Any]]:
    """The checklists of the file by name, checked, also that every place is a heading or named cell of its notebook.

    Raises:
        lib.params.ParameterError: the file is missing, or is not readable as YAML.
        ValueError: one line for each thing that is wrong.
    """
    known = params.read_yaml(path)
    problems = []
    for name, checklist in known.items():
        if not isinstance(checklist, dict) or sorted(checklist) != sorted(ABOUT):
            found = ", ".join(checklist) if isinstance(checklist, dict) else repr(checklist)
            problems.append(f"{name}: found {found}; expected {', '.join(ABOUT)}")
        elif not isinstance(checklist["items"], list) or not checklist["items"]:
            problems.append(f"{name}: items: found {checklist['items']!r}, expected a list of items")
        else:
            problems += [f"{name} {wrong}" for item in checklist["items"] for wrong in _wrong(item)]
            used = [str(item.get("item")) for item in checklist["items"] if isinstance(item, dict)]
            problems += [f"{name} {item}: item: used twice" for item in sorted({i for i in used if used.count(i) > 1})]
    if problems:
        raise ValueError("\n".join(f"{show(path)}: {problem}" for problem in problems))
    return known


def _wrong(item: Any) -> list[str]:
    """What is wrong with an item, each with its number before it."""
    if not isinstance(item, dict):
        return [f"(no number): found {item!r}, expected an item with {', '.join(KEYS[:2])}"]
    found = [f"{key}: unknown; expected one of {', '.join(KEYS)}" for key in item if key not in KEYS]
    found += [f"{key}: missing" for key in KEYS[:2] if not item.get(key)]
    texts = {key: item[key] for key in KEYS if key in item and key not in ("item", "here", "patients")}
    found += [f"{key}: found {text!r}, expected text" for key, text in texts.items() if not isinstance(text, str)]
    here = item.get("here", [])
    if not isinstance(here, list) or not all(isinstance(place, str) for place in here):
        found.append(f"here: found {here!r}, expected a list of places such as [90_data_sheet.ipynb#splits]")
    else:
        found += [f"here: {place}: {problem}" for place in here if (problem := _nowhere(place))]
    if not isinstance(item.get("patients", False), bool):
        found.append(f"patients: found {item['patients']!r}, expected true")
    if "not_applicable" in item:
        more = [key for key in KEYS[2:-1] if key in item]
        found += [f"{', '.join(more)}: beside not_applicable; keep one of both"] if more else []
    elif not here and not item.get("because"):
        found.append("because: missing; an item that names no place under `here` says why")
    if "lacks" in item and not item.get("paper"):
        found.append("lacks: without `paper` nothing of it is reported there")
    try:
        names = [name for _, name, _, _ in Formatter().parse(str(item.get("answer", ""))) if name is not None]
        found += [f"answer: {{{name}}}: expected a name in braces" for name in names if not name.isidentifier()]
    except ValueError as error:
        found.append(f"answer: {error}")
    return [f"{item.get('item', '(no number)')}: {problem}" for problem in found]


def _nowhere(place: str) -> str:
    """Why a place is none, or ""."""
    stem, _, anchor = place.partition(".ipynb#")
    path = paths.NOTEBOOKS / f"{stem}.ipynb"
    if not path.is_file():
        return "no such notebook; expected NOTEBOOK.ipynb#heading"
    return "" if anchor in anchors(path) else "the notebook has no heading and no cell of this name"


def anchors(notebook: Path) -> dict[str, str]:
    """Headings of a notebook and names of its cells: what a link may lead to (words joined by hyphens) -> its text."""
    found = {}
    for cell in files.read_json(notebook)["cells"]:
        source = "".join(cell["source"]) if cell["cell_type"] == "markdown" else ""
        name = cell["metadata"].get("name", "").replace("-", " ")
        for text in filter(None, [*re.findall(r"^#+ +(.+)$", source, re.MULTILINE), name]):
            found.setdefault(re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-"), text.replace("`", ""))
    return found


def finished(folder: Path) -> set[str]:
    """The notebooks that a run has executed to their end; of one that is executed for each row, one row is enough."""
    stopped = {path.name.removesuffix(".failed.ipynb") for path in folder.glob("[!.]*.failed.ipynb")}
    whole = {path.stem for path in folder.glob("[!.]*.ipynb") if not path.stem.endswith(".failed")}
    return {stem.partition("-")[0] for stem in whole - stopped}


def fill_in(checklist: dict[str, Any], facts: dict[str, Any], there: set[str], phantoms: bool) -> list[Filled]:
    """Every item with its answers.

    Args:
        checklist: as `read_checklists`.
        facts: values of the run by the names that answers have in braces; None where the run has none.
        there: the notebooks of this run, as `finished`.
        phantoms: whether its images are phantoms.

    Raises:
        KeyError: an answer names a value that is not among `facts`.
    """
    return [_filled(item, facts, there, phantoms) for item in checklist["items"]]


def _filled(item: dict[str, Any], facts: dict[str, Any], there: set[str], phantoms: bool) -> Filled:
    head = escape(str(item["item"])), escape(item["asks"])
    if "not_applicable" in item:
        return Filled(*head, f"<em>{APART}</em>", escape(item["not_applicable"]) + ".", APART, APART, False)
    paper, lacks = escape(item.get("paper", "")), escape(item.get("lacks", ""))
    in_paper = PART if lacks else FULL if paper else NOT
    said = f"{paper}. Left open: {lacks}." if lacks else paper or "<em>not reported in the paper</em>"
    places, because = item.get("here", []), escape(item.get("because", ""))
    for_phantoms = phantoms and item.get("patients", False)
    parts = ["<strong>For phantoms only.</strong>"] * for_phantoms
    names = [name for _, name, _, _ in Formatter().parse(item.get("answer", "")) if name]
    unknown = [name for name in names if name not in facts]
    if unknown:
        raise KeyError(f"{item['item']}: answer: {{{unknown[0]}}} is not read from a run; known are {', '.join(facts)}")
    values = {name: f"[{ABSENT}]" if facts[name] is None else facts[name] for name in names}
    parts += [escape(item["answer"].format(**values))] if "answer" in item else []
    parts += [", ".join(_linked(place, there) for place in places) + "."] * bool(places)
    parts += [f"{'Left open' if places else '<em>Not answered</em>'}: {because}."] * bool(because)
    lost = any(facts[name] is None for name in names) or any(_stem(place) not in there for place in places)
    in_run = NOT if not places else ABSENT if lost else PART if because else FULL
    return Filled(*head, said, " ".join(parts), in_paper, in_run, for_phantoms)


def _stem(place: str) -> str:
    return place.partition(".ipynb#")[0]


def _linked(place: str, there: set[str]) -> str:
    """A place as a link, seen from notebooks/; without one where the run does not have it."""
    stem, _, anchor = place.partition(".ipynb#")
    text = escape(f"{stem.partition('_')[0]} {anchors(paths.NOTEBOOKS / f'{stem}.ipynb')[anchor]}")
    return f'<a href="{escape(place)}">{text}</a>' if stem in there else f"{text} ({ABSENT})"


def in_one_sentence(lines: list[Filled]) -> str:
    """How many items the paper answers, and this run."""
    papers, runs = ([line[place] for line in lines] for place in (4, 5))
    phantoms = sum(line.for_phantoms and line.in_run in (FULL, PART) for line in lines)
    nowhere = sum(line.in_paper == NOT and line.in_run == NOT for line in lines)
    said = [f"Of {len(lines)} items the paper answers {papers.count(FULL)} in full and {papers.count(PART)} in part"]
    said.append(f"this run answers {runs.count(FULL)} in full and {runs.count(PART)} in part")
    said[-1] += f" ({phantoms} of them for phantoms only)" if phantoms else ""
    said += [f"not answered yet, since this run lacks something: {runs.count(ABSENT)}"] if ABSENT in runs else []
    said += [f"not applicable: {runs.count(APART)}"] if APART in runs else []
    return "; ".join([*said, f"answered nowhere: {nowhere}"]) + "."


def checklist_styler(lines: list[Filled]) -> Styler:
    """A line an item."""
    cells = [(f"<strong>{line.item}</strong> {line.asks}", line.paper, line.here) for line in lines]
    widths = {"What the item asks": 10, "In the paper": 10, "Here": 22}
    return wrapped(pd.DataFrame(cells, columns=list(widths)), widths, escaped=True)
