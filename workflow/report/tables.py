"""Tables of the report from the run's CSV files: values as a reader wants them, every one escaped by the template."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

NONE = "–"


@dataclass
class Cell:
    """One cell: its text, where it leads, further lines in small print, and marks (`number`, `best`, a verdict)."""

    text: str
    href: str | None = None
    note: str = ""
    interval: str = ""
    published: str = ""
    marks: tuple[str, ...] = ()
    verdict: str = ""


@dataclass
class Table:
    """A table with a caption; the first cell of each row is its header.

    Attributes:
        caption: what the table shows.
        columns: header texts.
        rows: lists of cells, as long as `columns`.
        numeric: for each column, whether it holds numbers.
        source: the file it comes from, relative to the page, or None.
        cell: the notebook's cell that made it, as an address, or None.
        more: number of the rows that are left out here and stand in the file.
    """

    caption: str
    columns: list[str]
    rows: list[list[Cell]]
    numeric: list[bool] = field(default_factory=list)
    source: str | None = None
    cell: str | None = None
    more: int = 0

    def __post_init__(self):
        self.numeric = self.numeric or [
            bool(self.rows) and all("number" in row[place].marks or row[place].text == NONE for row in self.rows)
            for place in range(len(self.columns))
        ]


def text(value: Any) -> str:
    """A value as text: yes and no, thousands separated, about three significant digits, a dash for nothing."""
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NaT or value is pd.NA:
        return NONE
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float | np.floating):
        return _decimal(float(value)).replace("-", "−")
    if isinstance(value, list | tuple):
        return ", ".join(map(text, value))
    return str(value).strip() or NONE


def _decimal(value: float) -> str:
    if not np.isfinite(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if value == int(value) and size >= 1000:
        return f"{int(value):,}"
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    if size >= 1 or size == 0:
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{value:.3g}" if size >= 0.001 else f"{value:.1e}"


def cell(value: Any) -> Cell:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
    return Cell(text(value), marks=("number",) if number else ())


def label(column: str) -> str:
    """A column's name as a header: `covid_f1` becomes `COVID-19 F1`."""
    words = {
        "id": "ID",
        "f1": "F1",
        "auc": "AUC",
        "covid": "COVID-19",
        "sha256": "SHA-256",
        "ece": "ECE",
    }
    parts = [words.get(part.lower(), part) for part in str(column).replace("_", " ").split()]
    joined = " ".join(parts)
    return joined if joined[:2] in ("p", "p ") else joined[:1].upper() + joined[1:]


def from_frame(
    frame: pd.DataFrame,
    caption: str,
    *,
    limit: int = 40,
    source: str | None = None,
    made_in: str | None = None,
    first: Callable[[Any], Cell] = cell,
) -> Table:
    """A table of a frame's first `limit` rows; whole numbers that a gap made decimal are shown whole.

    Args:
        frame: the values; its first column heads the rows.
        caption: what the table shows.
        limit: rows shown at most.
        source: address of the file, seen from the page.
        made_in: address of the notebook's cell.
        first: makes the row's header cell.
    """
    shown = frame.head(limit)
    columns = [_whole(shown[name]) for name in shown.columns]
    rows = [
        [first(column[row]) if place == 0 else cell(column[row]) for place, column in enumerate(columns)]
        for row in range(len(shown))
    ]
    names = [label(name) for name in frame.columns]
    return Table(caption, names, rows, source=source, cell=made_in, more=max(len(frame) - limit, 0))


def _whole(series: pd.Series) -> list[Any]:
    values = series.tolist()
    if pd.api.types.is_float_dtype(series):
        known = [value for value in values if not np.isnan(value)]
        if known and all(float(value).is_integer() for value in known) and len(known) < len(values):
            return [None if np.isnan(value) else int(value) for value in values]
    return values
