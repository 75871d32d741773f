"""Claims and errata: each line of their CSV files as a titled statement with its quotation, verdicts and facts."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from lib.report import html
from lib.report.run import Run
from lib.report.tables import NONE, Cell, Table, cell, label, text

VERDICTS = ("supported", "contradicted", "undecided")
TITLES = ("claim", "title", "erratum", "what", "statement", "id")
QUOTES = ("quote", "quotation", "text")


@dataclass
class Statement:
    """One claim or erratum.

    Attributes:
        anchor: where it stands on its page.
        title: what it says.
        quote: the paper's words, or empty.
        facts: (name, value, verdict) triples; the verdict is empty where the value is none.
    """

    anchor: str
    title: str
    quote: str
    facts: list[tuple[str, str, str]]

    @property
    def verdicts(self) -> list[tuple[str, str, str]]:
        return [fact for fact in self.facts if fact[2]]


def read(frame: pd.DataFrame) -> list[Statement]:
    """The lines of claims.csv or errata.csv; columns beyond title and quotation become facts in the file's order."""
    title = next((name for name in TITLES if name in frame), frame.columns[0])
    quote = next((name for name in QUOTES if name in frame and name != title), None)
    used, statements = set(), []
    for number, line in enumerate(frame.to_dict("records"), 1):
        anchor = html.slug(str(line.get("id", line[title])))[:60]
        anchor = anchor if anchor not in used else f"{anchor}-{number}"
        used.add(anchor)
        others = [name for name in frame.columns if name not in (title, quote, "id")]
        facts = [_fact(name, line[name]) for name in others if text(line[name]) != NONE]
        said = text(line[quote]) if quote else NONE
        statements.append(Statement(anchor, text(line[title]), "" if said == NONE else said, facts))
    return statements


def _fact(name: str, value: Any) -> tuple[str, str, str]:
    word = text(value)
    return label(name), word, word.lower() if "verdict" in name else ""


def tallied(frame: pd.DataFrame) -> dict[str, int]:
    """How many claims this run supports, contradicts and leaves undecided; claims not judged count as undecided."""
    words = [str(value).strip().lower() for value in frame.get("verdict", pd.Series(dtype=object))]
    tally = {name: words.count(name) for name in VERDICTS}
    return tally | {"undecided": len(words) - tally["supported"] - tally["contradicted"]}


def table(run: Run, statements: list[Statement], source: str) -> Table:
    """Claims with their verdicts only; each leads to its place on the page of claims."""
    heads = list(dict.fromkeys(name for item in statements for name, _, _ in item.verdicts))
    rows = []
    for item in statements:
        given = {name: verdict for name, _, verdict in item.verdicts}
        verdicts = [Cell(given[name], verdict=given[name]) if name in given else cell(None) for name in heads]
        rows.append([Cell(item.title, href=f"claims.html#{item.anchor}"), *verdicts])
    return Table("Claims and verdicts.", ["Claim", *heads], rows, source=source, cell=made_in(run, "claims"))


def made_in(run: Run, name: str) -> str | None:
    """Address of the cell that made claims.csv or errata.csv."""
    found = run.cell(rf"\bat\.{name}\b", rf"\b{name}\.csv\b", rf"\b{name}\b")
    return found[0] if found else None
