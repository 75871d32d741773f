"""What a study measured: lines of the tables that its notebooks write, and scores as such lines."""

from pathlib import Path
from typing import Any

import pandas as pd

from lib.evaluation import bootstrap, comparisons
from lib.evaluation.bootstrap import Resampler
from lib.evaluation.runs import Predictions, Row
from lib.paths import Paths

COLUMNS = (
    *("measure", "what", "row", "trained_on", "tested_on", "score"),
    *("value", "low", "high", "patients", "images", "note"),
)
"""Of a study's table: the id and words of a measure; the row, the images that it was trained and tested on; the score
in 0..1 (a difference in -1..1) with its 95 % interval, patients and images that it rests on, and what else to know.
What is undefined is empty."""


def score_line(test: Predictions, score: str, draws: Resampler, **about: str) -> dict:
    """A score of Table 1, or `covid_auc`, with its interval over patients, as a line of a study's table."""
    low, high = bootstrap.score_interval(draws.of(test), test, score)
    counted = {"patients": bootstrap.patients_behind(test, score), "images": len(test.labels)}
    return {"score": score, "value": test.scores()[score], "low": low, "high": high} | counted | about


def difference_line(one: Predictions, other: Predictions, score: str, draws: Resampler, **about: str) -> dict:
    """The difference of a score between two predictions of the same images, on the same resampled patients.

    Raises:
        ValueError: they are about different images.
    """
    value, drawn = comparisons.compare(Row("the first", one), Row("the second", other), score, draws)
    patients = min(bootstrap.patients_behind(test, score) for test in (one, other))
    low, high = bootstrap.difference_interval(drawn, value, patients)
    known = {"value": value, "low": low, "high": high, "patients": patients, "images": len(one.labels)}
    return {"score": score} | known | about


def as_table(lines: list[dict]) -> pd.DataFrame:
    """The lines as a table of `COLUMNS`."""
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"patients": "Int64", "images": "Int64"})


def read_table(path: Path) -> pd.DataFrame:
    """A table of `COLUMNS`; text stays text, and only numbers may be missing."""
    numbers = {name: [""] for name in ("value", "low", "high", "patients", "images")}
    text = dict.fromkeys(set(COLUMNS) - set(numbers), str)
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=numbers)


def read_parts(at: Paths, study: str) -> pd.DataFrame:
    """The tables that the notebooks of a study wrote, one after the other; empty where none is there."""
    parts = [read_table(path) for path in sorted((at.results / "studies" / study).glob("[!.]*.csv"))]
    return pd.concat(parts, ignore_index=True) if parts else as_table([])


def said(line: Any, form: str = ".1f") -> str:
    """A line's value in %, with its interval where there is one.

    Args:
        line: has value, low and high, as a row of a study's table has.
        form: of each number; "+.1f" for a difference.
    """
    if pd.isna(line.value):
        return "undefined"
    value, *ends = (format(100 * float(n), form) for n in (line.value, line.low, line.high) if not pd.isna(n))
    return f"{value} [{', '.join(ends)}]" if ends else value


def without_lungs(table: pd.DataFrame) -> str:
    """One sentence: how much of RN7's COVID-19 F1 is there without any lung; "" where it was not measured."""
    of = table[(table["measure"] == "view_covid_f1") & (table["trained_on"] == table["tested_on"])]
    of = of.set_index("trained_on")
    view = next((name for name in ("boxed_out", "centre_black") if name in of.index), None)
    if view is None or "full" not in of.index:
        return ""
    seen = {"boxed_out": "without the box around each lung", "centre_black": "without the centre of the image"}[view]
    patients = f"{int(of.at[view, 'patients'])} patients with COVID-19"
    whole, rest = said(of.loc["full"]), said(of.loc[view])
    return f"COVID-19 F1 of RN7 is {whole} % with whole images, and {rest} % {seen} ({patients})."
