"""Findings: what one comparison gave, the rules that decide it, and rows of Table 1 compared by them.

The rules stand in the header of `params/claims.yaml`; rows are compared with each other and with the published values.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from lib.data.labels import CHEST_CLASSES
from lib.evaluation import bootstrap, metrics
from lib.evaluation.runs import SCORE_NAMES, Row, published_areas, published_confusion, published_table
from lib.evaluation.standing import Standing
from lib.evaluation.table1 import ROUNDING, inside, verdict
from lib.paths import Paths, show

VERDICTS = ("supported", "contradicted", "undecided", "not testable", "not run")
SUPPORTED, CONTRADICTED, UNDECIDED, NOT_TESTABLE, NOT_RUN = VERDICTS
STATISTICS = SCORE_NAMES | {"covid_auc": "COVID-19 ROC area"}
NAN = float("nan")


@dataclass
class Finding:
    """What one comparison, or a claim as a whole, gave; columns of claims.csv.

    Attributes:
        comparison: what is compared.
        statistic: of what.
        unit: of effect and interval: "points" (percentage points), "%" or "" (a correlation).
        effect: the difference or value.
        low, high: its 95 % interval.
        p_value: two-sided.
        verdict: one of VERDICTS.
        patients: how many it rests on (`bootstrap.patients_behind`, the fewer of two rows).
        published_effect: the same effect in the published report.
        published_low, published_high: its interval, or the bounds that rounding leaves.
        published_verdict: supported, contradicted, undecided, or "" where the report gives no number.
        note: what else a reader should know, in sentences.
        rows: the rows that were judged.
        evidence: the files that it comes from.
    """

    comparison: str
    statistic: str
    unit: str = "points"
    effect: float = NAN
    low: float = NAN
    high: float = NAN
    p_value: float = NAN
    verdict: str = NOT_RUN
    patients: int | None = None
    published_effect: float = NAN
    published_low: float = NAN
    published_high: float = NAN
    published_verdict: str = ""
    note: str = ""
    rows: str = ""
    evidence: str = ""

    def add(self, sentence: str) -> None:
        """One more sentence of the note."""
        self.note = f"{self.note} {sentence}".strip()

    def few(self) -> bool:
        """Whether too few patients stand behind it for a verdict, which it then says."""
        if self.patients is None or self.patients >= bootstrap.LEAST_PATIENTS:
            return False
        self.verdict = UNDECIDED
        self.add(f"Rests on {self.patients} patients, fewer than {bootstrap.LEAST_PATIENTS}: no interval, no verdict.")
        return True


def decide(expects: str, effect: float, low: float, high: float, p_value: float, margin: float = 0.0) -> str:
    """Verdict of a difference between two rows; effect, interval and margin in percentage points."""
    sign = 1 if expects in ("higher", "not lower") else -1
    effect, worst = sign * effect, min(sign * low, sign * high)
    clear = p_value < 1 - bootstrap.LEVEL and effect != 0
    if expects.startswith("not"):
        return SUPPORTED if worst > -margin else CONTRADICTED if clear and effect < 0 else UNDECIDED
    return UNDECIDED if not clear else SUPPORTED if effect > 0 else CONTRADICTED


def decide_published(expects: str, low: float, high: float, margin: float = 0.0) -> str:
    """The same for a difference of published values, of which only interval or bounds are known; "" where none are."""
    if np.isnan(low):
        return ""
    worst, best = (low, high) if expects in ("higher", "not lower") else (-high, -low)
    bar = -margin if expects.startswith("not") else 0.0
    return SUPPORTED if worst > bar else CONTRADICTED if best < 0 else UNDECIDED


def beside(low: float, high: float, bar: float) -> str:
    """Where an interval lies: above `bar` supports, below contradicts; without one it stays undecided."""
    return SUPPORTED if low > bar else CONTRADICTED if high < bar else UNDECIDED


def either(holds: bool) -> str:
    """The verdict of what has no interval."""
    return SUPPORTED if holds else CONTRADICTED


def combine(verdicts: list[str], any_supports: bool = False) -> str:
    """One verdict from several: a single one decides one way, and it takes all of them to decide the other.

    The one that is enough is `supported` if `any_supports`, otherwise `contradicted`.
    """
    if len(set(verdicts)) == 1:
        return verdicts[0]
    if set(verdicts) <= {NOT_RUN, NOT_TESTABLE}:
        return NOT_TESTABLE
    enough = SUPPORTED if any_supports else CONTRADICTED
    return enough if enough in verdicts else UNDECIDED


def whole(findings: list[Finding], any_supports: bool = False) -> Finding:
    """The claim as a whole from its comparisons (at least one); `any_supports` as `combine`.

    Interval and p-value stand only where there is one comparison; the effect is the mean over
    comparisons of the same statistic.
    """
    if len(findings) == 1:
        return findings[0]
    table = pd.DataFrame(findings)
    means = table[["effect", "published_effect"]].mean() if table["statistic"].nunique() == 1 else {}
    published = [verdict for verdict in table["published_verdict"] if verdict]
    patients = table["patients"].dropna()
    return Finding(
        comparison=", ".join(table["comparison"].unique()),
        statistic=", ".join(table["statistic"].unique()),
        unit=findings[0].unit,
        verdict=combine(table["verdict"].tolist(), any_supports),
        patients=int(patients.min()) if len(patients) else None,
        published_verdict=combine(published, any_supports) if published else "",
        note=" ".join(_in_words(one) for one in findings),
        rows=_joined(table["rows"]),
        evidence=_joined(table["evidence"]),
        **means,
    )


def _joined(lists: pd.Series) -> str:
    return ", ".join(dict.fromkeys(one for several in lists for one in several.split(", ") if one))


def _in_words(one: Finding) -> str:
    """`RN3 − RN7: -1.2 [-3.0, +0.5], undecided.` and its note."""
    form = "+.1f" if one.unit else "+.3f"
    said = "" if np.isnan(one.effect) else f" {one.effect:{form}}"
    said += "" if np.isnan(one.low) else f" [{one.low:{form}}, {one.high:{form}}]"
    return f"{one.comparison}:{said}{',' * bool(said)} {one.verdict}. {one.note}".strip()


@dataclass
class Judging:
    """What the claims are judged from.

    Attributes:
        at: the run's files.
        rows: rows and baselines that have been run, by id.
        draws: the resampled patients behind each interval.
        steps: m of Integrated Gradients in this run.
        explained: the row whose network is explained.
        standing: the run's data.
        published: Table 1 as published, in percent.
    """

    at: Paths
    rows: dict[str, Row]
    draws: bootstrap.Resampler
    steps: int
    explained: str = ""
    standing: Standing = field(default_factory=Standing)
    published: pd.DataFrame = field(default_factory=published_table)

    def published_value(self, name: str, score: str) -> float:
        """In percent, or nan."""
        if score == "covid_auc":
            return 100 * published_areas().get(name, NAN)
        return float(self.published.at[name, score]) if name in self.published.index else NAN

    def ran(self, finding: Finding, *names: str) -> list[Row]:
        """The rows, with their files as the finding's evidence; empty, with a note, where one has not been run."""
        finding.rows = ", ".join(names)
        if missing := [name for name in names if name not in self.rows]:
            finding.add(f"{' and '.join(missing)} not run.")
            return []
        baseline = {"source-only": self.at.audit / "source_only_predictions.csv"}
        paths = [baseline.get(name, self.at.experiment(name) / "predictions.csv") for name in names]
        finding.evidence = ", ".join(map(show, paths))
        return [self.rows[name] for name in names]


def compare(one: Row, other: Row, score: str, draws: bootstrap.Resampler) -> tuple[float, np.ndarray]:
    """The difference of a score between two rows in 0..1, and its (B,) bootstrap values; nan where it is undefined.

    Raises:
        ValueError: the rows were tested on different images.
    """
    if not one.test.same_images(other.test):
        names = f"{one.name} and {other.name}"
        raise ValueError(f"{names}: found different test images, expected the same; run both on the same data")
    values = [row.test.scores()[score] for row in (one, other)]
    spreads = [bootstrap.spread(draws.of(one.test), row.test, score) for row in (one, other)]
    return NAN if None in values else values[0] - values[1], spreads[0] - spreads[1]


def measured(finding: Finding, pair: list[Row], score: str, draws: bootstrap.Resampler) -> bool:
    """Fills in effect, interval, p-value and patients of a difference; False where these do not carry a verdict."""
    value, spread = compare(*pair, score, draws)
    finding.patients = min(bootstrap.patients_behind(row.test, score) for row in pair)
    finding.effect = 100 * value
    if np.isnan(value):
        finding.verdict = UNDECIDED
        finding.add(_undefined(score, [row for row in pair if row.test.scores()[score] is None]))
        return False
    if finding.few():
        return False
    ends = bootstrap.difference_interval(spread, value, finding.patients)
    finding.low, finding.high = (100 * end for end in ends)
    finding.p_value = bootstrap.p_value(spread)
    return True


def _undefined(score: str, rows: list[Row]) -> str:
    """Why a score has no value."""
    why = "never predicted" if score == "covid_precision" else "not in the test set"
    return f"{STATISTICS[score]} is not defined for {' and '.join(row.name for row in rows)}: COVID-19 is {why}."


def readings(judging: Judging) -> pd.DataFrame:
    """Rows that were run as described and as published: the differences, as comparisons; empty where there are none."""
    found = []
    for described in (name for name in judging.rows if name.endswith("-described")):
        published = described.removesuffix("-described")
        for score in ("macro_f1", "covid_f1") if published in judging.rows else ():
            finding = Finding(f"{described} − {published}", STATISTICS[score], verdict="")
            measured(finding, judging.ran(finding, described, published), score, judging.draws)
            found.append(finding)
    return pd.DataFrame(found, columns=list(Finding.__dataclass_fields__))


def between_rows(claim: dict, judging: Judging) -> list[Finding]:
    """A score's difference for each two rows of the claim, with p-values adjusted for their number (Holm)."""
    score, expects, margin = claim["score"], claim["expects"], claim.get("margin", 0.0)
    found, run = [], []
    for one, other in claim["comparisons"]:
        finding = Finding(f"{one} − {other}", STATISTICS[score])
        ends = published_difference(*(judging.published_value(name, score) for name in (one, other)), score)
        finding.published_effect, finding.published_low, finding.published_high = ends
        finding.published_verdict = decide_published(expects, *ends[1:], margin)
        found.append(finding)
        pair = judging.ran(finding, one, other)
        if pair and measured(finding, pair, score, judging.draws):
            finding.add(_over_seeds(pair, score))
            run.append(finding)
    for finding, p_value in zip(run, bootstrap.holm([one.p_value for one in run]), strict=True):
        finding.p_value = p_value
        finding.verdict = decide(expects, finding.effect, finding.low, finding.high, p_value, margin)
    return found


def published_difference(one: float, other: float, score: str) -> tuple[float, float, float]:
    """The difference of two published values in percentage points, and between which ends it lies.

    Recall and accuracy are shares of 92 and of 2,325 images (Figure 4b), so their difference has a 95 % interval:
    Newcombe's (1998, method 10) from the Wilson intervals of both, images and rows taken as independent. Of other
    scores only the rounding to whole percents is known.
    """
    difference, counts = one - other, published_confusion()
    images = {"covid_recall": counts[0].sum(), "accuracy": counts.sum()}.get(score)
    if images is None or np.isnan(difference):
        return difference, difference - 2 * ROUNDING, difference + 2 * ROUNDING
    ends = [
        stats.binomtest(round(images * value / 100), images).proportion_ci(method="wilson") for value in (one, other)
    ]
    (low, high), (other_low, other_high) = ((100 * end.low, 100 * end.high) for end in ends)
    below, above = np.hypot(one - low, other_high - other), np.hypot(high - one, other - other_low)
    return difference, float(difference - below), float(difference + above)


def with_published(claim: dict, judging: Judging) -> list[Finding]:
    """Our value minus the published one, for each row and score of the claim."""
    names = claim.get("rows") or [claim["row"]]
    return [_value(name, score, judging) for name in names for score in claim["scores"]]


def _value(name: str, score: str, judging: Judging) -> Finding:
    """Ours minus the published value; beside it, what Figure 4b gives minus what the text says."""
    published = judging.published_value(name, score)
    finding = Finding(f"{name} − published", STATISTICS[score])
    if name == "RN4" and score in SCORE_NAMES:
        drawn = 100 * float(metrics.from_confusion(published_confusion())[score])
        finding.published_effect = drawn - published
        finding.published_low, finding.published_high = drawn - published - ROUNDING, drawn - published + ROUNDING
        finding.published_verdict = either(inside(published, drawn, drawn))
    if ran := judging.ran(finding, name):
        test = ran[0].test
        finding.patients = bootstrap.patients_behind(test, score)
        value = test.scores()[score]
        ends = (100 * end for end in bootstrap.score_interval(judging.draws.of(test), test, score))
        finding.effect = NAN if value is None else 100 * value - published
        finding.low, finding.high = (end - published for end in ends)
        unlike = judging.standing.differences(ran[0])
        lies = verdict(published, finding.effect, finding.low + published, finding.high + published, unlike)
        known = {"inside": SUPPORTED, "outside": CONTRADICTED, "not comparable": NOT_TESTABLE}
        finding.verdict = known.get(lies, UNDECIDED)
        if lies == "not comparable":
            finding.add(f"Not comparable, since {len(unlike)} settings are not the paper's.")
        elif finding.verdict == UNDECIDED and not finding.few():
            finding.add(_undefined(score, ran))
    return finding


def weakest_class(claim: dict, judging: Judging) -> list[Finding]:
    """The smallest recall over the classes, in percent."""
    name, least = claim["row"], claim["least"]
    finding = Finding(name, "smallest recall over the classes", unit="%")
    counts = published_confusion()
    weakest = int(np.argmin(np.diag(counts) / counts.sum(axis=1)))
    images, right = int(counts[weakest].sum()), int(counts[weakest, weakest])
    ends = stats.binomtest(right, images).proportion_ci(method="wilson")
    finding.published_effect = 100 * right / images
    finding.published_low, finding.published_high = 100 * float(ends.low), 100 * float(ends.high)
    finding.published_verdict = beside(finding.published_low, finding.published_high, least)
    if ran := judging.ran(finding, name):
        test = ran[0].test
        finding.patients = bootstrap.patients_behind(test, "macro_f1")
        finding.effect = 100 * float(_smallest_recall(test.confusion))
        if not finding.few():
            drawn = bootstrap.confusions(judging.draws.of(test), test.labels, test.predicted, len(CHEST_CLASSES))
            spread = _smallest_recall(drawn)
            finding.low, finding.high = (100 * end for end in bootstrap.interval(spread))
            if finding.low == finding.high:
                ends = bootstrap.exact_interval(finding.effect / 100, finding.patients)
                finding.low, finding.high = (100 * end for end in ends)
            finding.verdict = beside(finding.low, finding.high, least)
    return [finding]


def _smallest_recall(matrix: np.ndarray) -> np.ndarray:
    """(...) in 0..1 from (..., K, K) counts, over the classes that occur."""
    return np.nanmin(metrics.ratio(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1)), axis=-1)


def _over_seeds(pair: list[Row], score: str) -> str:
    """How the difference varies over the run's seeds; "" with one, or where it is not defined."""
    values = [[test.scores()[score] for test in (row.test, *row.repeats)] for row in pair]
    found = [100 * (one - other) for one, other in zip(*values, strict=False) if None not in (one, other)]
    if len(found) < 2:
        return ""
    return f"Over {len(found)} seeds: mean {np.mean(found):+.1f}, standard deviation {np.std(found, ddof=1):.1f}."
