"""The ledger for people: HTML, LaTeX, Markdown and the terminal, all from one table object."""

import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from lib import files
from lib.evaluation.runs import SCORE_NAMES, SCORES, SETTINGS

SETTING_NAMES = {
    "transfer_learning": "Transfer learning",
    "class_weights": "Class weights",
    "augmentation": "Augmentation",
    "fine_tuning": "Fine-tuning",
}
BASELINES = ("source-only", "majority")
ABSENT = "–"
LATEX_SIGNS = {"–": "--", "−": "$-$", "±": "$\\pm$", "✓": "\\checkmark", "✗": "$\\times$"}


def display(table: pd.DataFrame) -> pd.DataFrame:
    """The ledger as text: index id, columns (setting, "") and (score, ours [95 %] / publ. / diff.).

    "ours" is `value [low, high]` in percent, or "not run".
    """
    shown = pd.DataFrame(index=pd.Index(table["id"], name="ID"))
    for name in SETTINGS:
        shown[SETTING_NAMES[name], ""] = table[name].replace("", ABSENT).to_numpy()
    shown["Free parameters", "ours"] = [_whole(value) for value in table["free_params"]]
    shown["Free parameters", "published"] = [_whole(value) for value in table["free_params_published"]]
    for score in SCORES:
        name = SCORE_NAMES[score]
        shown[name, "ours [95 %]"] = [_ours(row, score) for _, row in table.iterrows()]
        shown[name, "publ."] = [_number(value, "{:.0f}") for value in table[f"{score}_published"]]
        shown[name, "diff."] = [_difference(row, score) for _, row in table.iterrows()]
    shown.columns = pd.MultiIndex.from_tuples(shown.columns)
    return shown


def best(table: pd.DataFrame) -> pd.DataFrame:
    """True where a value is the best of its column among the trained rows (not the baselines); shape as `display`.

    Our values and the published ones are compared each among themselves, as shown (one decimal, whole percents).
    """
    shown = display(table)
    marks = pd.DataFrame(False, index=shown.index, columns=shown.columns)
    trained = ~table["id"].isin(BASELINES).to_numpy()
    for score in SCORES:
        for column, part in ((score, "ours [95 %]"), (f"{score}_published", "publ.")):
            values = table[column].astype(float).round(1).where(trained)
            marks[SCORE_NAMES[score], part] = (values == values.max()).to_numpy()
    return marks


def styler(table: pd.DataFrame, caption: str = "", part: str = "all") -> Styler:
    """The ledger as a pandas Styler with the best of each column in bold; everything in it is escaped in HTML.

    Args:
        table: the ledger.
        caption: above it.
        part: `settings` (and free parameters), `scores`, or `all` of both.
    """
    shown, marks = display(table), best(table)
    is_score = shown.columns.get_level_values(0).isin(SCORE_NAMES.values())
    keep = {"settings": ~is_score, "scores": is_score, "all": is_score | ~is_score}[part]
    shown, marks = shown.loc[:, keep], marks.loc[:, keep]
    styled = shown.style.format(escape="html").format_index(escape="html")
    styled = styled.apply(lambda _: np.where(marks, "font-weight: bold", ""), axis=None)
    styled = styled.set_properties(**{"white-space": "nowrap"}).map_index(lambda _: "white-space: nowrap")
    return styled.set_caption(html.escape(caption)).set_table_attributes('class="ledger"').set_uuid(f"table1-{part}")


def threshold_styler(table: pd.DataFrame) -> Styler:
    """`curves.threshold_table` with three figures of each threshold and everything else in percent."""
    styled = table.style.hide(axis="index").set_uuid("threshold")
    shares = [name for name in table if name not in ("id", "threshold")]
    return styled.format("{:.1%}", subset=shares).format("{:.3g}", subset=[c for c in table if c == "threshold"])


def to_html(table: pd.DataFrame, caption: str = "") -> str:
    """An HTML table with header cells for rows and columns; the report's style sheet gives it its look."""
    return styler(table, caption).to_html()


def to_latex(table: pd.DataFrame, caption: str = "") -> str:
    """A LaTeX table as wide as the text; needs the packages booktabs, graphicx and amssymb. The best are bold."""
    marks = best(table)
    styled = display(table).style.format(escape="latex").format_index(escape="latex")
    styled = styled.format_index(escape="latex", axis="columns")
    styled = styled.apply(lambda _: np.where(marks, "textbf: --rwrap;", ""), axis=None)
    text = styled.to_latex(hrules=True, multicol_align="c")
    for sign, command in LATEX_SIGNS.items():
        text = text.replace(sign, command)
    lines = ["\\begin{table}", "\\centering", *([f"\\caption{{{_latex(caption)}}}"] if caption else [])]
    lines += ["\\resizebox{\\textwidth}{!}{%", text.strip() + "}", "\\end{table}"]
    return "\n".join(lines) + "\n"


def to_markdown(table: pd.DataFrame) -> str:
    """A Markdown table with one header line; the best of each column is bold."""
    shown, marks = display(table), best(table)
    heads = ["ID", *(f"{name}, {part}" if part else name for name, part in shown.columns)]
    lines = [heads, ["---"] * len(heads)]
    for (name, row), (_, bold) in zip(shown.iterrows(), marks.iterrows(), strict=True):
        lines.append([name, *(f"**{text}**" if is_best else text for text, is_best in zip(row, bold, strict=True))])
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def to_terminal(table: pd.DataFrame) -> str:
    """The ledger in at most 110 columns: our value, its interval, and the published value, for each score."""
    short = {"accuracy": "Accuracy", "macro_f1": "Macro F1", "covid_precision": "C19 precision"}
    short |= {"covid_recall": "C19 recall", "covid_f1": "C19 F1"}
    width = max(11, *(len(name) for name in table["id"]))
    head = f"{'':{width}}" + "".join(f"  {short[score]:^16}" for score in SCORES)
    under = f"{'':{width}}" + "  ours   95 %  publ" * len(SCORES)
    lines = [head, under, "-" * len(under)]
    for _, row in table.iterrows():
        cells = []
        for score in SCORES:
            if np.isnan(row[score]):
                ours = f"{'not run':^11}"
            else:
                ours = f"{row[score]:4.0f} {row[f'{score}_low']:3.0f}-{row[f'{score}_high']:<3.0f}"
            cells.append(f"  {ours:<12} {_number(row[f'{score}_published'], '{:.0f}'):>3}")
        lines.append(f"{row['id']:{width}}" + "".join(cells))
    return "\n".join(lines)


def write(table: pd.DataFrame, target: Path, caption: str) -> None:
    """Writes the ledger as CSV to `target`, and as Markdown, LaTeX and HTML beside it."""
    files.write_csv(target, table)
    files.write_text(target.with_suffix(".md"), f"{caption}\n\n{to_markdown(table)}")
    files.write_text(target.with_suffix(".tex"), to_latex(table, caption))
    files.write_text(target.with_suffix(".html"), to_html(table, caption) + "\n")


def _ours(row: pd.Series, score: str) -> str:
    if np.isnan(row[score]):
        return "not run"
    text = f"{row[score]:.1f} [{row[f'{score}_low']:.1f}, {row[f'{score}_high']:.1f}]"
    if row["seeds"] > 1:
        text += f"; {row['seeds']} seeds {row[f'{score}_mean']:.1f} ± {row[f'{score}_std']:.1f}"
    return text


def _difference(row: pd.Series, score: str) -> str:
    """The difference, with its verdict where there is one."""
    mark = {"inside": " ✓", "outside": " ✗"}.get(row[f"{score}_verdict"], "")
    return _number(row[f"{score}_difference"], "{:+.1f}").replace("-", "−") + mark


def _number(value: float, form: str) -> str:
    return ABSENT if pd.isna(value) else form.format(value)


def _whole(value) -> str:
    return ABSENT if pd.isna(value) else f"{int(value):,}"


def _latex(text: str) -> str:
    """The text with LaTeX's own signs escaped."""
    text = text.replace("\\", "\\textbackslash ")
    return re.sub(r"([&%$#_{}])", r"\\\1", text)
