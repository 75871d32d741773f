"""Findings: what one comparison gave, the rules that decide it, and rows of Table 1 compared by them.

The rules stand in the header of `params/claims.yaml`; rows are compared with each other and with the published values.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lib.data.labels import CHEST_CLASSES
from lib.evaluation import bootstrap, metrics
from lib.evaluation.runs import SCORE_NAMES, Row, published_areas, published_confusion, published_table
from lib.evaluation.table1 import inside, verdict
from lib.paths import Paths, show

SUPPORTED, CONTRADICTED, UNDECIDED, NOT_RUN = VERDICTS = ("supported", "contradicted", "undecided", "not run")
STATISTICS = SCORE_NAMES | {"covid_auc": "area under the ROC curve for COVID-19"}
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


def decide(expects: str, effect: float, low: float, high: float, p_value: float, margin: float = 0.0) -> str:
    """Verdict of a difference between two rows; effect, interval and margin in percentage points."""
    sign = 1 if expects in ("higher", "not lower") else -1
    effect, worst = sign * effect, min(sign * low, sign * high)
    clear = p_value < 1 - bootstrap.LEVEL and effect != 0
    if expects.startswith("not"):
        return SUPPORTED if worst > -margin else CONTRADICTED if clear and effect < 0 else UNDECIDED
    return UNDECIDED if not clear else SUPPORTED if effect > 0 else CONTRADICTED


def decide_published(expects: str, effect: float, margin: float = 0.0) -> str:
    """The same for a difference of published values, which has no interval; "" where there is none."""
    if np.isnan(effect):
        return ""
    if expects.startswith("not") and abs(effect) < margin:
        return SUPPORTED
    if effect == 0:
        return UNDECIDED
    return SUPPORTED if (effect > 0) == (expects in ("higher", "not lower")) else CONTRADICTED


def beside(low: float, high: float, bar: float) -> str:
    """Where an interval lies: above `bar` supports, below contradicts."""
    return SUPPORTED if low > bar else CONTRADICTED if high < bar else UNDECIDED


def either(holds: bool) -> str:
    """The verdict of what has no interval."""
    return SUPPORTED if holds else CONTRADICTED


def combine(verdicts: list[str], any_supports: bool = False) -> str:
    """One verdict from several: a single one decides one way, and it takes all of them to decide the other.

    The one that is enough is `supported` if `any_supports`, otherwise `contradicted`.
    """
    if set(verdicts) <= {NOT_RUN}:
        return NOT_RUN
    enough, needs_all = (SUPPORTED, CONTRADICTED) if any_supports else (CONTRADICTED, SUPPORTED)
    return enough if enough in verdicts else needs_all if set(verdicts) == {needs_all} else UNDECIDED


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
    return Finding(
        comparison=", ".join(table["comparison"].unique()),
        statistic=", ".join(table["statistic"].unique()),
        verdict=combine(table["verdict"].tolist(), any_supports),
        published_verdict=combine(published, any_supports) if published else "",
        note="; ".join(_in_words(one) for one in findings),
        evidence=", ".join(dict.fromkeys(file for files in table["evidence"] for file in files.split(", ") if file)),
        **means,
    )


def _in_words(one: Finding) -> str:
    """`RN3 − RN7: -1.2 [-3.0, +0.5] undecided (published -1)`."""
    form = "+.3f" if "correlation" in one.statistic else "+.1f"
    published = "" if np.isnan(one.published_effect) else f" (published {one.published_effect:+.3g})"
    if np.isnan(one.effect):
        return f"{one.comparison}: not run{published}"
    bounds = "" if np.isnan(one.low) else f" [{one.low:{form}}, {one.high:{form}}]"
    more = f", {one.note}" if one.note else ""
    return f"{one.comparison}: {one.effect:{form}}{bounds} {one.verdict}{published}{more}"


@dataclass
class Judging:
    """What the claims are judged from.

    Attributes:
        at: the run's files.
        rows: rows and baselines that have been run, by id.
        draws: the resampled patients behind each interval.
        steps: m of Integrated Gradients in this run.
        ready_made: the split was not drawn but taken from lists.
        published: Table 1 as published, in percent.
    """

    at: Paths
    rows: dict[str, Row]
    draws: bootstrap.Resampler
    steps: int
    ready_made: bool = False
    published: pd.DataFrame = field(default_factory=published_table)

    def published_value(self, name: str, score: str) -> float:
        """In percent, or nan."""
        if score == "covid_auc":
            return 100 * published_areas().get(name, NAN)
        return float(self.published.at[name, score]) if name in self.published.index else NAN

    def ran(self, finding: Finding, *names: str) -> list[Row]:
        """The rows, with their files as the finding's evidence; empty, with a note, where one has not been run."""
        if missing := [name for name in names if name not in self.rows]:
            finding.note = f"{' and '.join(missing)} not run"
            return []
        baseline = {"source-only": self.at.audit / "source_only_predictions.csv"}
        paths = [baseline.get(name, self.at.experiment(name) / "predictions.csv") for name in names]
        finding.evidence = ", ".join(map(show, paths))
        return [self.rows[name] for name in names]


def compare(one: Row, other: Row, score: str, draws: bootstrap.Resampler) -> tuple[float, np.ndarray]:
    """The difference of a score between two rows in percentage points, and its (B,) bootstrap values.

    Raises:
        ValueError: the rows were tested on different images.
    """
    if not one.test.same_images(other.test):
        names = f"{one.name} and {other.name}"
        raise ValueError(f"{names}: found different test images, expected the same; run both on the same data")
    values = [row.test.scores()[score] for row in (one, other)]
    spreads = [bootstrap.spread(draws.of(one.test), row.test, score) for row in (one, other)]
    return 100 * (values[0] - values[1]), 100 * (spreads[0] - spreads[1])


def readings(judging: Judging) -> pd.DataFrame:
    """Rows that were run as described and as published: the differences, as comparisons; empty where there are none."""
    found = []
    for described in (name for name in judging.rows if name.endswith("-described")):
        published = described.removesuffix("-described")
        for score in ("macro_f1", "covid_f1") if published in judging.rows else ():
            effect, spread = compare(judging.rows[described], judging.rows[published], score, judging.draws)
            low, high = bootstrap.interval(spread)
            line = {"comparison": f"{described} − {published}", "statistic": STATISTICS[score], "effect": effect}
            found.append(line | {"low": low, "high": high, "p_value": bootstrap.p_value(spread)})
    return pd.DataFrame(found, columns=["comparison", "statistic", "effect", "low", "high", "p_value"])


def between_rows(claim: dict, judging: Judging) -> list[Finding]:
    """A score's difference for each two rows of the claim, with p-values adjusted for their number (Holm)."""
    score, expects, margin = claim["score"], claim["expects"], claim.get("margin", 0.0)
    found, run, p_values = [], [], []
    for one, other in claim["comparisons"]:
        effect = judging.published_value(one, score) - judging.published_value(other, score)
        finding = Finding(f"{one} − {other}", STATISTICS[score], published_effect=effect)
        finding.published_verdict = decide_published(expects, effect, margin)
        found.append(finding)
        if pair := judging.ran(finding, one, other):
            finding.effect, spread = compare(*pair, score, judging.draws)
            finding.low, finding.high = bootstrap.interval(spread)
            finding.note = _over_seeds(pair, score)
            run.append(finding)
            p_values.append(bootstrap.p_value(spread))
    for finding, p_value in zip(run, bootstrap.holm(p_values), strict=True):
        finding.p_value = p_value
        finding.verdict = decide(expects, finding.effect, finding.low, finding.high, p_value, margin)
    return found


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
        finding.published_verdict = either(inside(published, drawn, drawn))
    if ran := judging.ran(finding, name):
        test = ran[0].test
        ends = bootstrap.score_interval(judging.draws.of(test), test, score)
        value, low, high = (100 * x for x in (test.scores()[score], *ends))
        finding.effect, finding.low, finding.high = value - published, low - published, high - published
        finding.note = f"ours {value:.1f} [{low:.1f}, {high:.1f}], published {published:g}"
        lies = verdict(published, low, high, judging.at.run)
        finding.verdict = {"inside": SUPPORTED, "outside": CONTRADICTED}.get(lies, UNDECIDED)
        if lies == "not comparable":
            finding.note += "; only the run paper is comparable"
    return finding


def weakest_class(claim: dict, judging: Judging) -> list[Finding]:
    """The smallest recall over the classes, in percent."""
    name, least = claim["row"], claim["least"]
    finding = Finding(name, "smallest recall over the classes, %")
    finding.published_effect = float(_smallest_recall(published_confusion()))
    finding.published_verdict = either(finding.published_effect > least)
    if ran := judging.ran(finding, name):
        test = ran[0].test
        drawn = bootstrap.confusions(judging.draws.of(test), test.labels, test.predicted, len(CHEST_CLASSES))
        spread = _smallest_recall(drawn)
        finding.effect = float(_smallest_recall(test.confusion))
        finding.low, finding.high = bootstrap.interval(spread)
        finding.p_value = bootstrap.p_value(spread - least)
        finding.verdict = beside(finding.low, finding.high, least)
    return [finding]


def _smallest_recall(matrix: np.ndarray) -> np.ndarray:
    """(...) percent from (..., K, K) counts, over the classes that occur."""
    true = matrix.sum(axis=-1)
    recalls = 100 * metrics.ratio(np.diagonal(matrix, axis1=-2, axis2=-1), true)
    return np.where(true > 0, recalls, np.inf).min(axis=-1)


def _over_seeds(pair: list[Row], score: str) -> str:
    """How the difference varies over the run's seeds; "" with one."""
    values = [[100 * test.scores()[score] for test in (row.test, *row.repeats)] for row in pair]
    found = [one - other for one, other in zip(*values, strict=False)]
    if len(found) < 2:
        return ""
    return f"over {len(found)} seeds: mean {np.mean(found):+.1f}, standard deviation {np.std(found, ddof=1):.1f}"
