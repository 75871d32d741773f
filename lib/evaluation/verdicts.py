"""One judged comparison, and how several make a claim's verdict (the rules stand in `params/claims.yaml`)."""

from dataclasses import dataclass

import numpy as np

SUPPORTED, CONTRADICTED, UNDECIDED, NOT_RUN = "supported", "contradicted", "undecided", "not run"
LEVEL = 0.95

NAN = float("nan")


@dataclass
class Finding:
    """What one comparison, or a claim as a whole, gave; the columns of claims.csv.

    Attributes:
        comparison: what is compared.
        statistic: of what, with its unit where that is not percentage points.
        effect: the difference or value.
        low, high: its 95 % interval.
        p_value: two-sided.
        verdict: supported, contradicted, undecided or not run.
        published_effect: the same effect in the published report.
        published_verdict: supported, contradicted, undecided, or "" where the report gives no number.
        note: what else a reader should know.
        evidence: the files that it comes from.
    """

    comparison: str
    statistic: str
    effect: float = NAN
    low: float = NAN
    high: float = NAN
    p_value: float = NAN
    verdict: str = NOT_RUN
    published_effect: float = NAN
    published_verdict: str = ""
    note: str = ""
    evidence: str = ""


def whole(findings: list[Finding], any_supports: bool = False) -> Finding:
    """The claim as a whole from its comparisons (at least one).

    Interval and p-value stand only where there is one comparison; the effect is the mean over
    comparisons of the same statistic.

    Args:
        findings: the comparisons.
        any_supports: one supported comparison is enough, and it takes all of them to contradict.
    """
    if len(findings) == 1:
        return findings[0]
    combined = _any if any_supports else _all
    same = len({one.statistic for one in findings}) == 1
    return Finding(
        comparison=", ".join(dict.fromkeys(one.comparison for one in findings)),
        statistic=", ".join(dict.fromkeys(one.statistic for one in findings)),
        effect=_mean([one.effect for one in findings]) if same else NAN,
        verdict=combined([one.verdict for one in findings]),
        published_effect=_mean([one.published_effect for one in findings]) if same else NAN,
        published_verdict=_published(combined, [one.published_verdict for one in findings]),
        note="; ".join(_in_words(one) for one in findings),
        evidence=", ".join(dict.fromkeys(file for one in findings for file in one.evidence.split(", ") if file)),
    )


def _all(verdicts: list[str]) -> str:
    if all(verdict == NOT_RUN for verdict in verdicts):
        return NOT_RUN
    if CONTRADICTED in verdicts:
        return CONTRADICTED
    return SUPPORTED if all(verdict == SUPPORTED for verdict in verdicts) else UNDECIDED


def _any(verdicts: list[str]) -> str:
    if all(verdict == NOT_RUN for verdict in verdicts):
        return NOT_RUN
    if SUPPORTED in verdicts:
        return SUPPORTED
    return CONTRADICTED if all(verdict == CONTRADICTED for verdict in verdicts) else UNDECIDED


def _published(combined, verdicts: list[str]) -> str:
    given = [verdict for verdict in verdicts if verdict]
    return combined(given) if given else ""


def _mean(values: list[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else NAN


def _in_words(one: Finding) -> str:
    """`RN3 − RN7: -1.2 [-3.0, +0.5] undecided (published -1)`."""
    form = "+.3f" if "correlation" in one.statistic else "+.1f"
    if np.isnan(one.effect):
        return f"{one.comparison}: not run" + _beside(one)
    bounds = "" if np.isnan(one.low) else f" [{one.low:{form}}, {one.high:{form}}]"
    more = f", {one.note}" if one.note else ""
    return f"{one.comparison}: {one.effect:{form}}{bounds} {one.verdict}{_beside(one)}{more}"


def _beside(one: Finding) -> str:
    return "" if np.isnan(one.published_effect) else f" (published {one.published_effect:+.3g})"
