"""What a study measured: lines of the tables that its notebooks write, and scores as such lines."""

import pandas as pd

from lib.evaluation import bootstrap
from lib.evaluation.bootstrap import Resampler
from lib.evaluation.runs import Predictions
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
    if not one.same_images(other):
        raise ValueError(f"{about}: found different test images, expected the same")
    values = [test.scores()[score] for test in (one, other)]
    value = float("nan") if None in values else values[0] - values[1]
    patients = min(bootstrap.patients_behind(test, score) for test in (one, other))
    spreads = [bootstrap.spread(draws.of(one), test, score) for test in (one, other)]
    low, high = bootstrap.difference_interval(spreads[0] - spreads[1], value, patients)
    known = {"value": value, "low": low, "high": high, "patients": patients, "images": len(one.labels)}
    return {"score": score} | known | about


def as_table(lines: list[dict]) -> pd.DataFrame:
    """The lines as a table of `COLUMNS`."""
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"patients": "Int64", "images": "Int64"})


def read_parts(at: Paths, study: str) -> pd.DataFrame:
    """The tables that the notebooks of a study wrote, one after the other; empty where none is there."""
    parts = sorted((at.results / "studies" / study).glob("*.csv"))
    text = dict.fromkeys(("measure", "what", "row", "trained_on", "tested_on", "score", "note"), str)
    tables = [
        pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"value": [""], "low": [""], "high": [""]})
        for path in parts
    ]
    return pd.concat(tables, ignore_index=True) if tables else as_table([])
