"""Claims, comparisons and errata as tables for people: rounded, named in words, wrapped."""

import re

import pandas as pd
from pandas.io.formats.style import Styler

COLOURS = {"supported": "#1b7f4d", "contradicted": "#b3372b", "undecided": "#6b6b6b"}
ABSENT = "–"


def claims(table: pd.DataFrame) -> pd.DataFrame:
    """claims.csv with the columns Claim, Section, Statistic, Effect, p, This run, Published effect, Published."""
    return pd.DataFrame(
        {"Claim": table["claim"], "Section": table["section"], "Statistic": table["statistic"], **_numbers(table)}
    )


def comparisons(table: pd.DataFrame) -> pd.DataFrame:
    """claims_comparisons.csv, or what `lib.evaluation.claims.readings` gives, with the same columns as far as known."""
    known = {"Claim": "id", "Comparison": "comparison", "Statistic": "statistic"}
    shown = {name: table[column] for name, column in known.items() if column in table}
    notes = {"Note": table["note"].replace("", ABSENT)} if "note" in table else {}
    return pd.DataFrame(shown | _numbers(table) | notes)


def errata(table: pd.DataFrame) -> pd.DataFrame:
    """errata.csv with headings in words, without the ids."""
    names = {"title": "Slip", "section": "Where", "report_says": "The report says", "computed": "Computed"}
    names |= {"evidence": "Evidence", "consequence": "What follows"}
    return table[list(names)].rename(columns=names)


def table(shown: pd.DataFrame, widths: dict[str, int] | None = None, verdicts: list[str] | None = None) -> Styler:
    """Wrapped text, everything escaped, verdicts in colour beside their word.

    Args:
        shown: text only.
        widths: least width of a column, in em.
        verdicts: columns that hold verdicts.
    """
    styled = shown.reset_index(drop=True).style.format(escape="html").hide(axis="index")
    wrapped = {"white-space": "normal", "text-align": "left", "vertical-align": "top", "overflow-wrap": "break-word"}
    styled = styled.set_properties(**wrapped).set_table_styles([{"selector": "th", "props": "text-align: left"}])
    for column, width in (widths or {}).items():
        styled = styled.set_properties(subset=[column], **{"min-width": f"{width}em"})
    if verdicts:
        styled = styled.map(lambda word: f"color: {COLOURS.get(word, 'inherit')}; font-weight: 600", subset=verdicts)
    return styled.set_uuid("t" + re.sub(r"\W", "", "".join(shown.columns))[:20])


def _numbers(table: pd.DataFrame) -> dict[str, list[str]]:
    """The columns with numbers and verdicts, as text."""
    rows = table.to_dict("records")
    found = {"Effect [95 %]": [_effect(row) for row in rows], "p": [_p_value(row["p_value"]) for row in rows]}
    if "verdict" in table:
        published = [_signed(row["published_effect"], row["statistic"]) for row in rows]
        found |= {"This run": table["verdict"], "Published effect": published}
        found["Published"] = table["published_verdict"].replace("", ABSENT)
    return found


def _effect(row: dict) -> str:
    effect = _signed(row["effect"], row["statistic"])
    if pd.isna(row["low"]):
        return effect
    return f"{effect} [{_signed(row['low'], row['statistic'])}, {_signed(row['high'], row['statistic'])}]"


def _signed(value: float, statistic: str) -> str:
    if pd.isna(value):
        return ABSENT
    form = "+.3f" if "correlation" in statistic else "+.1f"
    return format(value, form).replace("-", "−")


def _p_value(value: float) -> str:
    return ABSENT if pd.isna(value) else f"{value:.3f}" if value >= 0.001 else "< 0.001"
