"""The report's claims, judged from a run and, beside it, from the published Table 1.

`params/claims.yaml` holds the claims, and in its header the rules; this module applies those about rows of Table 1, and
`lib.evaluation.evidence` those about data and explanations.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from lib.evaluation import bootstrap, evidence, metrics
from lib.evaluation.runs import SCORE_NAMES, Row, published_areas, published_confusion, published_table
from lib.evaluation.table1 import ROUNDING
from lib.evaluation.verdicts import CONTRADICTED, LEVEL, SUPPORTED, UNDECIDED, Finding, whole
from lib.paths import ROOT, Paths, show

CLAIMS = ROOT / "params" / "claims.yaml"

STATISTICS = SCORE_NAMES | {"covid_auc": "area under the ROC curve for COVID-19"}
"""Scores in words."""

DIRECTIONS = ("higher", "lower", "not higher", "not lower")

KEYS = {
    "rows": {"comparisons", "score", "expects"},
    "values": {"scores"},
    "diagonal": {"row", "least"},
    "smallest_class": set(),
    "same_distribution": {"margin"},
    "attribution": {"measures"},
    "agreement": {"measure", "most"},
    "precision": {"share"},
}
"""What a claim of each kind must say, beside id, section, claim, quote and kind."""


@dataclass
class Judging:
    """What the claims are judged from.

    Attributes:
        at: the run's files.
        rows: rows and baselines that have been run, by id.
        samples: resamples of patients behind each interval.
        steps: m of Integrated Gradients in this run.
        ready_made: the split was not drawn but taken from lists.
        published: Table 1 as published, in percent.
    """

    at: Paths
    rows: dict[str, Row]
    samples: int
    steps: int
    ready_made: bool = False
    published: pd.DataFrame = field(default_factory=published_table)
    _drawn: dict = field(default_factory=dict, repr=False)

    def resamples(self, row: Row) -> bootstrap.Resamples:
        """The same for all rows on the same images."""
        key = (tuple(row.test.images), tuple(row.test.groups), row.test.labels.tobytes())
        if key not in self._drawn:
            self._drawn[key] = bootstrap.draw(row.test.groups, row.test.labels, self.samples)
        return self._drawn[key]


def read(path: Path = CLAIMS) -> list[dict]:
    """The claims of the file, checked.

    Raises:
        ValueError: one line for each claim that lacks a key, has an unknown kind or direction, or repeats an id.
    """
    claims = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    problems, seen = [], set()
    for claim in claims:
        name, kind = claim.get("id", "(no id)"), claim.get("kind")
        expected = {"id", "section", "claim", "quote", "kind"} | KEYS.get(kind, set())
        if kind not in KEYS:
            problems.append(f"{name}: kind: found {kind!r}, expected one of {', '.join(KEYS)}")
        elif expected - set(claim):
            problems.append(f"{name}: {', '.join(sorted(expected - set(claim)))}: missing")
        elif kind == "rows" and claim["expects"] not in DIRECTIONS:
            problems.append(f"{name}: expects: found {claim['expects']!r}, expected one of {', '.join(DIRECTIONS)}")
        elif kind == "rows" and claim["expects"].startswith("not") and "margin" not in claim:
            problems.append(f"{name}: margin: missing; expected percentage points below which a difference is none")
        if name in seen:
            problems.append(f"{name}: id used twice")
        seen.add(name)
    if problems:
        raise ValueError("\n".join(f"{show(path)}: {problem}" for problem in problems))
    return claims


def judge(claims: list[dict], judging: Judging) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judges every claim.

    Returns:
        (claims, comparisons): a line a claim, the columns of claims.csv; and a line a single comparison, with the same
        columns but section, claim and quote. Differences of scores are in percentage points.
    """
    wholes, parts = [], []
    for claim in claims:
        found = FINDINGS[claim["kind"]](claim, judging)
        total = whole(found, any_supports=claim["kind"] == "precision")
        says = {name: claim[name] for name in ("id", "section", "claim", "quote")}
        wholes.append(says | asdict(total))
        parts += [{"id": claim["id"]} | asdict(finding) for finding in found]
    return pd.DataFrame(wholes), pd.DataFrame(parts)


def compare(one: Row, other: Row, score: str, judging: Judging) -> tuple[float, np.ndarray]:
    """The difference of a score between two rows in percentage points, and its (B,) bootstrap values.

    Raises:
        ValueError: the rows were tested on different images.
    """
    if not one.test.same_images(other.test):
        raise ValueError(
            f"{one.name} and {other.name}: found different test images, expected the same; run both on the same data"
        )
    resamples = judging.resamples(one)
    ours = [_bootstrapped(row, score, resamples) for row in (one, other)]
    values = [row.scores()[score] for row in (one, other)]
    return 100 * (values[0] - values[1]), 100 * (ours[0] - ours[1])


def readings(judging: Judging, scores: tuple[str, ...] = ("macro_f1", "covid_f1")) -> pd.DataFrame:
    """Rows that were run as described and as published: the differences, as comparisons; empty where there are none."""
    found = []
    for described in (name for name in judging.rows if name.endswith("-described")):
        published = described.removesuffix("-described")
        for score in scores if published in judging.rows else ():
            effect, spread = compare(judging.rows[described], judging.rows[published], score, judging)
            low, high = bootstrap.interval(spread)
            line = {"comparison": f"{described} − {published}", "statistic": STATISTICS[score], "effect": effect}
            found.append(line | {"low": low, "high": high, "p_value": bootstrap.p_value(spread)})
    return pd.DataFrame(found, columns=["comparison", "statistic", "effect", "low", "high", "p_value"])


def decide(expects: str, effect: float, low: float, high: float, p_value: float, margin: float = 0.0) -> str:
    """Verdict of one comparison by the rules of claims.yaml; effect, interval and margin in percentage points."""
    sign = 1 if expects in ("higher", "not lower") else -1
    effect, worst = sign * effect, min(sign * low, sign * high)
    clear = p_value < 1 - LEVEL and effect != 0
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


def _rows(claim: dict, judging: Judging) -> list[Finding]:
    score, expects, margin = claim["score"], claim["expects"], claim.get("margin", 0.0)
    found, p_values = [], []
    for one, other in claim["comparisons"]:
        effect = _published(judging, one, score) - _published(judging, other, score)
        finding = Finding(f"{one} − {other}", STATISTICS[score], published_effect=effect)
        finding.published_verdict = decide_published(expects, effect, margin)
        missing = [name for name in (one, other) if name not in judging.rows]
        if missing:
            finding.note = f"{' and '.join(missing)} not run"
        else:
            pair = [judging.rows[name] for name in (one, other)]
            finding.effect, spread = compare(*pair, score, judging)
            finding.low, finding.high = bootstrap.interval(spread)
            p_values.append(bootstrap.p_value(spread))
            finding.p_value, finding.note = p_values[-1], _over_seeds(pair, score)
            finding.evidence = ", ".join(_predictions(judging, name) for name in (one, other))
        found.append(finding)
    run = [finding for finding in found if not np.isnan(finding.effect)]
    for finding, p_value in zip(run, bootstrap.holm(p_values), strict=True):
        finding.p_value = p_value
        finding.verdict = decide(expects, finding.effect, finding.low, finding.high, p_value, margin)
    return found


def _values(claim: dict, judging: Judging) -> list[Finding]:
    found = []
    for name in claim.get("rows") or [claim["row"]]:
        for score in claim["scores"]:
            found.append(_value(name, score, judging))
    return found


def _value(name: str, score: str, judging: Judging) -> Finding:
    """Ours minus the published value; beside it, what Figure 4b gives minus what the text says."""
    published = _published(judging, name, score)
    finding = Finding(f"{name} − published", STATISTICS[score])
    if name == "RN4" and score in SCORE_NAMES:
        finding.published_effect = 100 * float(metrics.from_confusion(published_confusion())[score]) - published
        finding.published_verdict = SUPPORTED if abs(finding.published_effect) <= ROUNDING else CONTRADICTED
    if name not in judging.rows:
        finding.note = f"{name} not run"
        return finding
    row = judging.rows[name]
    value, spread = 100 * row.scores()[score], 100 * _bootstrapped(row, score, judging.resamples(row))
    low, high = bootstrap.interval(spread)
    finding.effect, finding.low, finding.high = value - published, low - published, high - published
    finding.evidence = _predictions(judging, name)
    finding.note = f"ours {value:.1f} [{low:.1f}, {high:.1f}], published {published:g}"
    if judging.at.run == "paper":
        finding.verdict = SUPPORTED if low - ROUNDING <= published <= high + ROUNDING else CONTRADICTED
    else:
        finding.verdict = UNDECIDED
        finding.note += "; only the run paper is comparable"
    return finding


def _diagonal(claim: dict, judging: Judging) -> list[Finding]:
    """The smallest recall over the classes, in percent."""
    name, least = claim["row"], claim["least"]
    matrix = published_confusion()
    published = 100 * float((np.diagonal(matrix) / matrix.sum(axis=1)).min())
    finding = Finding(name, "smallest recall over the classes, %", published_effect=published)
    finding.published_verdict = SUPPORTED if published > least else CONTRADICTED
    if name not in judging.rows:
        finding.note = f"{name} not run"
        return [finding]
    row = judging.rows[name]
    drawn = bootstrap.confusions(judging.resamples(row), row.test.labels, row.test.predicted, len(matrix))
    present = row.test.confusion.sum(axis=1) > 0
    recalls = 100 * np.diagonal(drawn, axis1=1, axis2=2)[:, present] / drawn.sum(axis=2)[:, present]
    ours = 100 * np.diagonal(row.test.confusion)[present] / row.test.confusion.sum(axis=1)[present]
    finding.effect = float(ours.min())
    finding.low, finding.high = bootstrap.interval(recalls.min(axis=1))
    finding.p_value = bootstrap.p_value(recalls.min(axis=1) - least)
    finding.verdict = evidence.beside(finding, least)
    finding.evidence = _predictions(judging, name)
    return [finding]


def _bootstrapped(row: Row, score: str, resamples: bootstrap.Resamples) -> np.ndarray:
    """(B,) values of one score in 0..1."""
    if score == "covid_auc":
        return bootstrap.areas(resamples, row.test.labels == 0, row.test.probabilities[:, 0])
    return bootstrap.scores(resamples, row.test.labels, row.test.probabilities)[score]


def _published(judging: Judging, name: str, score: str) -> float:
    """The published value in percent, or nan."""
    if score == "covid_auc":
        return 100 * published_areas().get(name, np.nan)
    return float(judging.published.at[name, score]) if name in judging.published.index else np.nan


def _over_seeds(pair: list[Row], score: str) -> str:
    """How the difference varies over the run's seeds; "" with one."""
    seeds = min(len(row.repeats) for row in pair) + 1
    if seeds < 2:
        return ""
    tests = [[row.test, *row.repeats] for row in pair]
    found = [
        100 * (Row("", one).scores()[score] - Row("", other).scores()[score])
        for one, other in zip(*tests, strict=False)
    ]
    return f"over {seeds} seeds: mean {np.mean(found):+.1f}, standard deviation {np.std(found, ddof=1):.1f}"


def _predictions(judging: Judging, name: str) -> str:
    if name == "source-only":
        return show(judging.at.audit / "source_only_predictions.csv")
    return show(judging.at.experiment(name) / "predictions.csv")


FINDINGS = {
    "rows": _rows,
    "values": _values,
    "diagonal": _diagonal,
    "smallest_class": lambda claim, judging: evidence.smallest_class(judging.at),
    "same_distribution": lambda claim, judging: evidence.same_distribution(claim, judging.at, judging.ready_made),
    "attribution": lambda claim, judging: evidence.attribution(claim, judging.at),
    "agreement": lambda claim, judging: evidence.agreement(claim, judging.at),
    "precision": lambda claim, judging: evidence.precision(claim, judging.at, judging.steps, judging.samples),
}
"""How each kind of claim is judged."""


def tally(frame):
    """Stop-gap."""
    found = frame["verdict"].replace("", "not judged").value_counts()
    names = ["supported", "contradicted", "undecided"]
    return {name: int(found.get(name, 0)) for name in [*names, *sorted(set(found.index) - set(names))]}
