"""Table 1 as a ledger: our value, its 95 % interval, the published value, the difference, and a verdict.

The rule of the verdict, written before any row was run:

- `inside`: the published value, rounded to whole percent as it is, may lie inside our 95 % interval: some number that
  rounds to it does;
- `outside`: no number that rounds to it lies inside;
- `not comparable`: the run is not `paper`, so size, epochs or data differ from the report's;
- `not run`: the row has no results in this run;
- `not published`: the row is not in the report's Table 1.

The interval is a bootstrap over the patients of the test set. It says how far another test set of this kind may move
the value, not how far another training would; for that, `NAME_mean` and `NAME_std` give mean and standard deviation
over the run's seeds.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib import params
from lib.evaluation import bootstrap
from lib.evaluation.runs import SCORES, SETTINGS, Row, published_table

ROUNDING = 0.5  # percentage points: the published values are whole percents
TRANSFER_LEARNING = {"imagenet": "ImageNet", "ham10000": "HAM10000", "none": ""}
STAND_IN = "ImageNet stand-in"
"""Transfer learning of a row that a run without ImageNet weights pretrained on its skin images instead."""


def ledger(
    rows: dict[str, Row], baselines: dict[str, Row], experiments: list[str], *, run: str, samples: int, seed: int = 1
) -> pd.DataFrame:
    """One row for each of `experiments` in their order, then the baselines.

    Args:
        rows: the rows that have been run.
        baselines: the rows `source-only` and `majority`, where they exist.
        experiments: ids that the run asks for.
        run: the run's name; only `paper` is compared with the published values.
        samples: number of bootstrap resamples.
        seed: of the resamples.

    Returns:
        Columns id, the four settings, free_params, free_params_published, then for each score NAME, NAME_low,
        NAME_high, NAME_published, then NAME_difference and NAME_verdict, seeds, and NAME_mean and NAME_std over the
        seeds. Scores are in percent; missing values are NaN.
    """
    published = published_table()
    drawn = {}
    lines = [_line(name, rows.get(name), published, run, samples, seed, drawn) for name in experiments]
    lines += [_line(name, row, published, run, samples, seed, drawn) for name, row in baselines.items()]
    table = pd.DataFrame(lines, columns=columns())
    for name in ("free_params", "free_params_published"):
        table[name] = table[name].astype("Int64")
    return table


def columns() -> list[str]:
    """The ledger's columns, in their order."""
    return [
        *("id", *SETTINGS, "free_params", "free_params_published"),
        *(f"{score}{part}" for score in SCORES for part in ("", "_low", "_high", "_published")),
        *(f"{score}{part}" for score in SCORES for part in ("_difference", "_verdict")),
        "seeds",
        *(f"{score}{part}" for score in SCORES for part in ("_mean", "_std")),
    ]


def read(path: Path) -> pd.DataFrame:
    """The ledger from table1.csv, as `ledger` returned it."""
    table = pd.read_csv(path, dtype={name: str for name in ("id", *SETTINGS)})
    table[list(SETTINGS)] = table[list(SETTINGS)].fillna("")
    return table.astype({"free_params": "Int64", "free_params_published": "Int64"})


def verdict(published: float, low: float, high: float, run: str) -> str:
    """The rule of the module's head; all values in percent."""
    if np.isnan(published):
        return "not published"
    if np.isnan(low):
        return "not run"
    if run != "paper":
        return "not comparable"
    return "inside" if low - ROUNDING <= published <= high + ROUNDING else "outside"


def long_form(table: pd.DataFrame) -> pd.DataFrame:
    """The ledger with one line a row and score: id, score, ours, low, high, published, difference, verdict."""
    parts = {"": "ours", "_low": "low", "_high": "high", "_published": "published", "_difference": "difference"}
    lines = [
        {"id": row["id"], "score": score}
        | {name: row[score + part] for part, name in parts.items()}
        | {"verdict": row[f"{score}_verdict"]}
        for _, row in table.iterrows()
        for score in SCORES
    ]
    return pd.DataFrame(lines)


def settings_of(experiment: str) -> dict[str, str]:
    """Table 1's four settings of a row, from its parameter file; "" where a setting does not apply."""
    path = params.EXPERIMENTS / f"{experiment}.yaml"
    if not path.is_file():
        return dict.fromkeys(SETTINGS, "")
    values = {name: params.Params.model_fields[name].default for name in params.EXPERIMENT_KEYS} | params.read_yaml(
        path
    )
    pretrained = values["pretraining"] != "none"
    says = {name: "yes" if values[name] else "no" for name in ("class_weights", "augmentation", "fine_tuning")}
    return {
        "transfer_learning": TRANSFER_LEARNING[values["pretraining"]],
        **says,
        "fine_tuning": says["fine_tuning"] if pretrained else "",
    }


def pretrained_on(settings: dict[str, Any]) -> str:
    """What a row was pretrained on, from its parameters `pretraining` and `imagenet_weights`; "" from scratch."""
    stands_in = settings["pretraining"] == "imagenet" and settings.get("imagenet_weights") == "stand_in"
    return STAND_IN if stands_in else TRANSFER_LEARNING[settings["pretraining"]]


def _line(name, row, published, run, samples, seed, drawn) -> dict:
    is_published = name in published.index
    line = {"id": name, **settings_of(name), "seeds": 0}
    if row and "pretraining" in row.settings:
        line["transfer_learning"] = pretrained_on(row.settings)
    line["free_params"] = row.metrics.get("free_params") if row else None
    line["free_params_published"] = int(published.at[name, "free_params"]) if is_published else None
    ours, intervals, repeats = _values(row, samples, seed, drawn) if row else ({}, {}, pd.DataFrame())
    line["seeds"] = len(repeats)
    for score in SCORES:
        value, (low, high) = ours.get(score, np.nan), intervals.get(score, (np.nan, np.nan))
        expected = float(published.at[name, score]) if is_published else np.nan
        line |= {score: value, f"{score}_low": low, f"{score}_high": high, f"{score}_published": expected}
        line |= {f"{score}_difference": value - expected, f"{score}_verdict": verdict(expected, low, high, run)}
        if len(repeats):
            line[f"{score}_mean"] = repeats[score].mean()
            line[f"{score}_std"] = repeats[score].std(ddof=1) if len(repeats) > 1 else np.nan
    return line


def _values(row: Row, samples: int, seed: int, drawn: dict) -> tuple[dict, dict, pd.DataFrame]:
    """Scores, intervals and the scores of every seed, in percent; rows on the same images share their resamples."""
    test = row.test
    key = (tuple(test.images), tuple(test.groups), test.labels.tobytes())
    if key not in drawn:
        drawn[key] = bootstrap.draw(test.groups, test.labels, samples, seed)
    found = bootstrap.score_intervals(drawn[key], test.labels, test.probabilities)
    intervals = {score: (100 * low, 100 * high) for score, (low, high) in found.items()}
    every = [row.scores(), *(Row(row.name, other).scores() for other in row.repeats)]
    repeats = pd.DataFrame(every)[list(SCORES)] * 100
    return repeats.iloc[0].to_dict(), intervals, repeats


def read_ledger(path):
    """Stop-gap."""
    return read(path)


def to_terminal(table):
    """Stop-gap."""
    from lib.evaluation import render

    return render.to_terminal(table)


make_ledger = ledger
