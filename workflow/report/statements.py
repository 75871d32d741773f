"""Claims and errata: each line of their CSV files as a titled statement with its quotation, verdicts and facts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lib import paths
from lib.evaluation.verdicts import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED
from workflow.report import html
from workflow.report.run import Run
from workflow.report.tables import NONE, Cell, Table, cell, label, text

TITLES = ("claim", "title", "erratum", "what", "statement", "id")
QUOTES = ("quote", "quotation", "text")
FILES = ("evidence", "file", "files", "source")
VERDICT_NAMES = {"verdict": "This run", "published_verdict": "Published Table 1"}


@dataclass
class Fact:
    """One thing said of a statement: its value as text, as a verdict, or as files with their addresses."""

    name: str
    value: str = ""
    verdict: str = ""
    files: tuple[tuple[str, str], ...] = ()


@dataclass
class Statement:
    """One claim or erratum.

    Attributes:
        anchor: where it stands on its page.
        title: what it says.
        quote: the paper's words, or empty.
        facts: what else its line says, verdicts first.
    """

    anchor: str
    title: str
    quote: str
    facts: list[Fact]

    @property
    def verdicts(self) -> list[Fact]:
        return [fact for fact in self.facts if fact.verdict]


def read(frame: pd.DataFrame, address: Callable[[Path], str]) -> list[Statement]:
    """The lines of claims.csv or errata.csv; columns beyond title and quotation become facts in the file's order.

    Args:
        frame: the file.
        address: gives the address of a file of the run and has it copied beside the pages.
    """
    title = next((name for name in TITLES if name in frame), frame.columns[0])
    quote = next((name for name in QUOTES if name in frame and name != title), None)
    used, statements = set(), []
    for number, line in enumerate(frame.to_dict("records"), 1):
        anchor = html.slug(str(line.get("id", line[title])))[:60]
        anchor = anchor if anchor not in used else f"{anchor}-{number}"
        used.add(anchor)
        said = text(line[quote]) if quote else NONE
        others = {name: value for name, value in line.items() if name not in (title, quote, "id")}
        statements.append(Statement(anchor, text(line[title]), "" if said == NONE else said, _facts(others, address)))
    return statements


def _facts(line: dict[str, Any], address: Callable[[Path], str]) -> list[Fact]:
    interval = ""
    if not any(text(line.get(name)) == NONE for name in ("effect", "low", "high")):
        interval = f" [{text(line['low'])}, {text(line['high'])}]"
    facts = []
    for name, value in line.items():
        word = text(value)
        if word == NONE or (interval and name in ("low", "high")):
            continue
        if "verdict" in name:
            facts.append(Fact(VERDICT_NAMES.get(name, label(name)), word, verdict=word.lower()))
        elif name in FILES and (found := _files(word, address)):
            facts.append(Fact(label(name), word, files=found))
        else:
            facts.append(Fact(label(name), word + (interval if name == "effect" else "")))
    return sorted(facts, key=lambda fact: not fact.verdict)


def _files(names: str, address: Callable[[Path], str]) -> tuple[tuple[str, str], ...]:
    """Names and addresses where every one of the names, separated by commas, is a file of the project; else none."""
    found = [name.strip() for name in names.split(",")]
    there = [(paths.ROOT / name).resolve() for name in found]
    if not all(path.is_file() and path.is_relative_to(paths.ROOT.resolve()) for path in there):
        return ()
    return tuple((name, address(paths.ROOT / name)) for name in found)


def tallied(frame: pd.DataFrame) -> dict[str, int]:
    """How many claims this run supports, contradicts, leaves undecided, and could not judge."""
    words = [str(value).strip().lower() for value in frame.get("verdict", pd.Series(dtype=object))]
    tally = {name: words.count(name) for name in (SUPPORTED, CONTRADICTED, UNDECIDED)}
    return tally | {NOT_RUN: len(words) - sum(tally.values())}


def table(run: Run, statements: list[Statement], source: str) -> Table:
    """Claims with their verdicts only; each leads to its place on the page of claims."""
    heads = list(dict.fromkeys(fact.name for item in statements for fact in item.verdicts))
    rows = []
    for item in statements:
        given = {fact.name: fact.verdict for fact in item.verdicts}
        verdicts = [Cell(given[name], verdict=given[name]) if name in given else cell(None) for name in heads]
        rows.append([Cell(item.title, href=f"claims.html#{item.anchor}"), *verdicts])
    caption = "Verdicts from this run, and from the published Table 1 alone."
    return Table(caption, ["Claim", *heads], rows, source=source, cell=made_in(run, "claims"))


def made_in(run: Run, name: str) -> str | None:
    """Address of the cell that made claims.csv or errata.csv."""
    found = run.cell(rf"\bat\.{name}\b", rf"\b{name}\.csv\b", rf"\b{name}\b")
    return found[0] if found else None
