"""Table 1 as a ledger: our value, its 95 % interval, the published value, the difference, and a verdict.

The rule of the verdict, the same for the claims about published values (`params/claims.yaml`):

- `inside`: the published value, rounded to whole percent as it is, may lie inside our 95 % interval: some number that
  rounds to it does;
- `outside`: no number that rounds to it lies inside;
- `not comparable`: the row was not made as the paper's was (`lib.evaluation.standing` says what differs);
- `undefined`: the score has no value, as the precision of a row that never predicts COVID-19;
- `too few patients`: fewer than `bootstrap.LEAST_PATIENTS` stand behind the score, so that it has no interval;
- `not run`: the row has no results in this run;
- `not published`: the row is not in the report's Table 1.

The interval is a bootstrap over the patients of the test set. It says how far another test set of this kind may move
the value, not how far another training would; for that, `NAME_mean` and `NAME_std` give mean and standard deviation
over the run's seeds.
"""

import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from lib import files, params
from lib.evaluation import bootstrap
from lib.evaluation.runs import SCORE_NAMES, SCORES, SETTINGS, Row, published_table
from lib.evaluation.standing import PRETRAINED, STAND_IN, Standing, pretrained_on

ROUNDING = 0.5  # percentage points: the published values are whole percents
SETTING_NAMES = dict(zip(SETTINGS, ("Transfer learning", "Class weights", "Augmentation", "Fine-tuning"), strict=True))
BASELINES = ("source-only", "majority")
TERMINAL_NAMES = {"COVID-19 precision": "C19 prec.", "COVID-19 recall": "C19 recall", "COVID-19 F1": "C19 F1"}
TERMINAL_NAMES |= {"ours [95 %]": "ours 95 %", "publ.": "publ"}
COUNTS = dict.fromkeys(("free_params", "free_params_published", *(f"{score}_patients" for score in SCORES)), "Int64")
ABSENT = "–"
LATEX_SIGNS = {"–": "--", "−": "$-$", "±": "$\\pm$", "✓": "\\checkmark", "✗": "$\\times$"}


def make_ledger(
    rows: dict[str, Row],
    baselines: dict[str, Row],
    experiments: list[str],
    *,
    standing: Standing,
    draws: bootstrap.Resampler,
) -> pd.DataFrame:
    """One row for each of `experiments` in their order, then the baselines.

    Args:
        rows: the rows that have been run.
        baselines: the rows `source-only` and `majority`, where they exist.
        experiments: ids that the run asks for.
        standing: the run's data, by which rows are comparable with the published ones or not.
        draws: the resampled patients.

    Returns:
        Columns id, the four settings, free_params, free_params_published, then for each score NAME, NAME_low,
        NAME_high, NAME_published, then NAME_difference, NAME_verdict and NAME_patients (how many stand behind it),
        seeds, and NAME_mean and NAME_std over the seeds, and data, in words. Scores are in percent; missing and
        undefined values are NaN.
    """
    published = published_table()
    asked = {name: rows.get(name) for name in experiments} | baselines
    lines = [_line(name, row, published, standing, draws) for name, row in asked.items()]
    return pd.DataFrame(lines, columns=ledger_columns()).assign(data=standing.data).astype(COUNTS)


def ledger_columns() -> list[str]:
    """The ledger's columns, in their order."""
    return [
        *("id", *SETTINGS, "free_params", "free_params_published"),
        *(f"{score}{part}" for score in SCORES for part in ("", "_low", "_high", "_published")),
        *(f"{score}{part}" for score in SCORES for part in ("_difference", "_verdict", "_patients")),
        "seeds",
        *(f"{score}{part}" for score in SCORES for part in ("_mean", "_std")),
        "data",
    ]


def read_ledger(path: Path) -> pd.DataFrame:
    """The ledger from table1.csv, as `make_ledger` returned it; what an older file lacks is missing in every line."""
    table = pd.read_csv(path, dtype={name: str for name in ("id", *SETTINGS)}).reindex(columns=ledger_columns())
    table[list(SETTINGS)] = table[list(SETTINGS)].fillna("")
    return table.astype(COUNTS)


def caption(table: pd.DataFrame, run: str) -> str:
    """What a reader of the ledger must know, in sentences: the data, what stood in for ImageNet, what is comparable."""
    judged = table[[f"{score}_verdict" for score in SCORES]]
    stood_in = table.loc[table["transfer_learning"] == STAND_IN, "id"]
    comparable = judged.isin(["inside", "outside"]).any(axis=1)
    parts = [
        f"Table 1, run {run}, on {table['data'].iloc[0]}.",
        "Percent, with 95 % intervals over patients, published values and differences.",
        f"Below {bootstrap.LEAST_PATIENTS} patients behind a value there is no interval, but their number n.",
    ]
    if len(stood_in):
        parts.append(f"{', '.join(stood_in)} were pretrained on skin images in place of ImageNet.")
    if not comparable.any():
        parts.append("No row was made as the paper's: compare with the published values in form only.")
    return " ".join(parts)


def write_ledger(table: pd.DataFrame, target: Path, caption: str) -> None:
    """Writes the ledger as CSV to `target`, and as Markdown, LaTeX and HTML beside it."""
    files.write_csv(target, table)
    files.write_text(target.with_suffix(".md"), f"{caption}\n\n{to_markdown(table)}\n")
    files.write_text(target.with_suffix(".tex"), to_latex(table, caption))
    files.write_text(target.with_suffix(".html"), styler(table, caption).to_html() + "\n")


def inside(published: float, low: float, high: float) -> bool:
    """Whether some number that rounds to the published whole percent lies in [low, high]; all in percent."""
    return low - ROUNDING <= published <= high + ROUNDING


def verdict(published: float, value: float, low: float, high: float, unlike: pd.DataFrame) -> str:
    """The rule of the module's head for a row that was run; values in percent, `unlike` as `Standing.differences`."""
    if np.isnan(published):
        return "not published"
    if len(unlike):
        return "not comparable"
    if np.isnan(value):
        return "undefined"
    if np.isnan(low):
        return "too few patients"
    return "inside" if inside(published, low, high) else "outside"


def settings_of(experiment: str) -> dict[str, str]:
    """Table 1's four settings of a row, from its parameter file; "" where a setting does not apply."""
    path = params.EXPERIMENTS / f"{experiment}.yaml"
    if not path.is_file():
        return dict.fromkeys(SETTINGS, "")
    defaults = {name: params.Params.model_fields[name].default for name in params.EXPERIMENT_KEYS}
    values = defaults | params.of_row(experiment)
    says = {name: "yes" if values[name] else "no" for name in SETTINGS[1:]}
    if values["pretraining"] == "none":
        says["fine_tuning"] = ""
    return {"transfer_learning": PRETRAINED[values["pretraining"]]} | says


def display_table(table: pd.DataFrame, whole: bool = False) -> pd.DataFrame:
    """The ledger as text: index id, columns (setting, "") and (score, ours [95 %] / publ. / diff.).

    "ours" is `value [low, high]` in percent, `value [n = 7]` where too few patients give no interval, a dash where the
    score is not defined, or "not run"; in whole percents without brackets if `whole`.
    """
    shown = pd.DataFrame(index=pd.Index(table["id"], name="ID"))
    for name in SETTINGS:
        shown[SETTING_NAMES[name], ""] = table[name].replace("", ABSENT).to_numpy()
    for part, column in (("ours", "free_params"), ("published", "free_params_published")):
        shown["Free parameters", part] = [_number(value, "{:,.0f}") for value in table[column]]
    for score, name in SCORE_NAMES.items():
        shown[name, "ours [95 %]"] = [_ours(row, score, whole) for _, row in table.iterrows()]
        shown[name, "publ."] = [_number(value, "{:.0f}") for value in table[f"{score}_published"]]
        shown[name, "diff."] = [_difference(row, score) for _, row in table.iterrows()]
    shown.columns = pd.MultiIndex.from_tuples(shown.columns)
    return shown


def best(table: pd.DataFrame) -> pd.DataFrame:
    """True where a value is the best of its column among the trained rows (not the baselines); as `display_table`.

    Our values and the published ones are compared each among themselves, as shown (one decimal, whole percents); of
    ours only those that have an interval.
    """
    shown = display_table(table)
    marks = pd.DataFrame(False, index=shown.index, columns=shown.columns)
    trained = ~table["id"].isin(BASELINES).to_numpy()
    for score, name in SCORE_NAMES.items():
        for column, part in ((score, "ours [95 %]"), (f"{score}_published", "publ.")):
            known = table[f"{score}_low"].notna() if column == score else True
            values = table[column].astype(float).round(1).where(trained & known)
            marks[name, part] = (values == values.max()).to_numpy()
    return marks


def styler(table: pd.DataFrame, caption: str = "", part: str = "all") -> Styler:
    """The ledger as a pandas Styler with the best of each column in bold; everything in it is escaped in HTML.

    `part` is `settings` (and free parameters), `scores`, or `all` of both.
    """
    shown, marks = display_table(table), best(table)
    is_score = shown.columns.get_level_values(0).isin(SCORE_NAMES.values())
    keep = {"settings": ~is_score, "scores": is_score, "all": is_score | ~is_score}[part]
    styled = _escaped(shown.loc[:, keep], marks.loc[:, keep], "html", "font-weight: bold")
    styled = styled.set_properties(**{"white-space": "nowrap"}).map_index(lambda _: "white-space: nowrap")
    return styled.set_caption(html.escape(caption)).set_table_attributes('class="ledger"').set_uuid(f"table1-{part}")


def _escaped(shown: pd.DataFrame, marks: pd.DataFrame, language: str, bold: str) -> Styler:
    styled = shown.style.format(escape=language).format_index(escape=language)
    styled = styled.format_index(escape=language, axis="columns")
    return styled.apply(lambda _: np.where(marks, bold, ""), axis=None)


def to_latex(table: pd.DataFrame, caption: str = "") -> str:
    """A LaTeX table as wide as the text; needs the packages booktabs, graphicx and amssymb. The best are bold."""
    styled = _escaped(display_table(table), best(table), "latex", "textbf: --rwrap;")
    text = styled.to_latex(hrules=True, multicol_align="c").strip()
    for sign, command in LATEX_SIGNS.items():
        text = text.replace(sign, command)
    escaped = re.sub(r"([&%$#_{}])", r"\\\1", caption)
    above = f"\\caption{{{escaped}}}\n" if caption else ""
    return f"\\begin{{table}}\n\\centering\n{above}\\resizebox{{\\textwidth}}{{!}}{{%\n{text}}}\n\\end{{table}}\n"


def to_markdown(table: pd.DataFrame) -> str:
    """A Markdown table with one header line; the best of each column is bold."""
    shown = display_table(table)
    shown = shown.mask(best(table), "**" + shown + "**").reset_index()
    shown.columns = [", ".join(filter(None, pair)) for pair in shown.columns]
    shown = shown.map(lambda text: text.replace("|", "\\|"))
    return shown.to_markdown(index=False, tablefmt="github", disable_numparse=True)


def to_terminal(table: pd.DataFrame) -> str:
    """The ledger in at most 110 columns: our value, its interval, and the published value, in whole percents."""
    shown = display_table(table, whole=True).drop(columns=[*SETTING_NAMES.values(), "Free parameters"], level=0)
    shown = shown.drop(columns="diff.", level=1).rename(columns=TERMINAL_NAMES)
    return shown.rename_axis(index=None).to_string()


def _line(name: str, row: Row | None, published: pd.DataFrame, standing: Standing, draws: bootstrap.Resampler) -> dict:
    is_published = name in published.index
    line = {"id": name, **settings_of(name), "seeds": 0}
    line["free_params_published"] = int(published.at[name, "free_params"]) if is_published else None
    if row:
        tests = [row.test, *row.repeats]
        repeats = 100 * pd.DataFrame([test.scores() for test in tests], dtype=float)
        unlike = standing.differences(row)
        line |= {"free_params": row.metrics.get("free_params"), "seeds": len(tests)}
        if "pretraining" in row.settings:
            line["transfer_learning"] = pretrained_on(row.settings)
    for score in SCORES:
        value, low, high = np.nan, np.nan, np.nan
        expected = float(published.at[name, score]) if is_published else np.nan
        lies = "not run" if is_published else "not published"
        if row:
            value = repeats.at[0, score]
            low, high = (100 * end for end in bootstrap.score_interval(draws.of(row.test), row.test, score))
            line |= {f"{score}_mean": repeats[score].mean(), f"{score}_std": repeats[score].std(ddof=1)}
            line[f"{score}_patients"] = bootstrap.patients_behind(row.test, score)
            lies = verdict(expected, value, low, high, unlike)
        line |= {score: value, f"{score}_low": low, f"{score}_high": high, f"{score}_published": expected}
        line |= {f"{score}_difference": value - expected, f"{score}_verdict": lies}
    return line


def _ours(row: pd.Series, score: str, whole: bool) -> str:
    if np.isnan(row[score]):
        return ABSENT if row["seeds"] else "not run"
    if np.isnan(row[f"{score}_low"]):
        text = ("{:.0f} n={}" if whole else "{:.1f} [n = {}]").format(row[score], row[f"{score}_patients"])
    else:
        form = "{:.0f} {:.0f}-{:.0f}" if whole else "{:.1f} [{:.1f}, {:.1f}]"
        text = form.format(*(row[score + part] for part in ("", "_low", "_high")))
    if row["seeds"] > 1 and not whole:
        text += f"; {row['seeds']} seeds {row[f'{score}_mean']:.1f} ± {row[f'{score}_std']:.1f}"
    return text


def _difference(row: pd.Series, score: str) -> str:
    """The difference, with its verdict where there is one."""
    mark = {"inside": " ✓", "outside": " ✗"}.get(row[f"{score}_verdict"], "")
    return _number(row[f"{score}_difference"], "{:+.1f}").replace("-", "−") + mark


def _number(value: float, form: str) -> str:
    return ABSENT if pd.isna(value) else form.format(value)
