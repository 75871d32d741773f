"""The report's claims, judged from a run and, beside it, from the published Table 1.

`params/claims.yaml` holds the claims, and in its header the rules; a function here finds what a kind of claim needs.
"""

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml
from pandas.io.formats.style import Styler

from lib.data.labels import CHEST_CLASSES
from lib.evaluation import bootstrap, comparisons
from lib.evaluation.comparisons import (
    CONTRADICTED,
    STATISTICS,
    SUPPORTED,
    UNDECIDED,
    VERDICTS,
    Finding,
    Judging,
    beside,
    either,
)
from lib.evaluation.runs import published_confusion
from lib.evaluation.table1 import ABSENT
from lib.explainers import scorecard
from lib.paths import ROOT, Paths, show

CLAIMS = ROOT / "params" / "claims.yaml"
DIRECTIONS = ("higher", "lower", "not higher", "not lower")
COLOURS = {SUPPORTED: "#1b7f4d", CONTRADICTED: "#b3372b", UNDECIDED: "#6b6b6b"}


def read_claims(path: Path = CLAIMS) -> list[dict]:
    """The claims of the file, checked.

    Raises:
        ValueError: one line for each claim that lacks a key, has an unknown kind or direction, or repeats an id.
    """
    claims = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    problems, seen = [], set()
    for claim in claims:
        name, kind = claim.get("id", "(no id)"), claim.get("kind")
        needed = {"id", "section", "claim", "quote", "kind"} | (KINDS[kind].needs if kind in KINDS else set())
        missing = needed - set(claim)
        if kind not in KINDS:
            problems.append(f"{name}: kind: found {kind!r}, expected one of {', '.join(KINDS)}")
        elif missing:
            problems.append(f"{name}: {', '.join(sorted(missing))}: missing")
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


def rule(claim: dict) -> str:
    """How a claim is judged, in words; the header of claims.yaml says it in full."""
    words = STATISTICS | scorecard.MEASURES

    def said(value) -> str:
        if isinstance(value, list):
            return ", ".join(" − ".join(one) if isinstance(one, list) else said(one) for one in value)
        return words.get(value, str(value))

    given = {"rows": said(claim.get("row", ""))} | {key: said(value) for key, value in claim.items()}
    matters = claim["kind"] == "rows" and "margin" in claim
    margin = f" (less than {claim['margin']} points do not matter)" if matters else ""
    return KINDS[claim["kind"]].says.format(**given) + margin


def judge(claims: list[dict], judging: Judging) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judges every claim.

    Returns:
        (claims, comparisons): a line a claim, the columns of claims.csv; and a line a single comparison, with the same
        columns but section, claim and quote. Differences of scores are in percentage points.
    """
    wholes, parts = [], []
    for claim in claims:
        kind = KINDS[claim["kind"]]
        found = kind.find(claim, judging)
        total = comparisons.whole(found, kind.any_supports)
        wholes.append({name: claim[name] for name in ("id", "section", "claim", "quote")} | asdict(total))
        parts += [{"id": claim["id"]} | asdict(finding) for finding in found]
    return pd.DataFrame(wholes), pd.DataFrame(parts)


def tally(frame: pd.DataFrame, column: str = "verdict") -> dict[str, int]:
    """How many claims of claims.csv have each verdict; `published_verdict` also counts `no number given`."""
    found = frame[column].fillna("").replace("", "no number given").value_counts()
    return dict.fromkeys(VERDICTS, 0) | found.to_dict()


def _smallest_class(claim: dict, judging: Judging) -> list[Finding]:
    """COVID-19's images minus those of the next class, as a share of the split, where that is largest."""
    of_published = published_confusion().sum(axis=1)
    margin = 100 * (of_published[0] - of_published[1:].min()) / of_published.sum()
    finding = Finding("covid-19 − next smallest class", "share of a split, largest over splits")
    finding.published_effect, finding.published_verdict = float(margin), either(margin < 0)
    if (index := _index(judging.at, finding)) is not None:
        shares = 100 * _shares(index)
        finding.effect = float((shares[CHEST_CLASSES[0]] - shares[list(CHEST_CLASSES[1:])].min(axis=1)).max())
        finding.verdict = either(finding.effect < 0)
    return [finding]


def _same_distribution(claim: dict, judging: Judging) -> list[Finding]:
    """The largest deviation of a class's share of a split from its share of all images."""
    finding = Finding("each split − all images", "share of a class, largest deviation")
    if "published_images" in claim:
        images, test = np.array(claim["published_images"]), published_confusion().sum(axis=1)
        finding.published_effect = float(100 * np.abs(test / test.sum() - images / images.sum()).max())
        finding.published_verdict = either(finding.published_effect <= claim["margin"])
    if (index := _index(judging.at, finding)) is None:
        return [finding]
    everywhere = index["label"].value_counts(normalize=True).reindex(CHEST_CLASSES, fill_value=0)
    deviation = 100 * (_shares(index) - everywhere).abs()
    split, of_class = deviation.stack().idxmax()
    finding.effect = float(deviation.at[split, of_class])
    images = (index["split"] == split).sum()
    one_patient = 100 * index.groupby("group_id").size().max() / images
    allowed = max(claim["margin"], one_patient)
    finding.verdict = either(finding.effect <= allowed)
    finding.note = (
        f"largest for {of_class} in the {split} set of {images} images; "
        f"allowed {allowed:.1f} (the images of one patient make up to {one_patient:.1f})"
    )
    if judging.ready_made:
        finding.verdict = UNDECIDED
        finding.note += "; the split is that of the lists, not drawn as the report says"
    return [finding]


def _attribution(claim: dict, judging: Judging) -> list[Finding]:
    """Share of the attribution on a region minus that of a map that knows nothing, for each method."""
    scored = {measure: _scored(judging.at, measure) for measure in claim["measures"]}
    measure = next((name for name, lines in scored.items() if len(lines)), claim["measures"][-1])
    words = scorecard.MEASURES[measure][0].lower() + scorecard.MEASURES[measure][1:]
    found = []
    for method in ("grad_cam", "integrated_gradients"):
        finding = Finding(f"{scorecard.METHODS[method]} − chance", words)
        finding.note = "no image with a known region was explained: not run"
        if one := next((line for line in scored[measure] if line["method"] == method), None):
            ends = (100 * (one[name] - one["chance"]) for name in ("value", "low", "high"))
            finding.effect, finding.low, finding.high = ends
            finding.verdict = beside(finding.low, finding.high, 0)
            finding.note = f"{one['value']:.1%} against {one['chance']:.1%} by chance, {int(one['images'])} images"
            if not np.isnan(one["other_image"]):
                finding.note += f"; with another image's map {one['other_image']:.1%}"
            finding.evidence = show(judging.at.explanations / "scorecard.csv")
        found.append(finding)
    return found


def _agreement(claim: dict, judging: Judging) -> list[Finding]:
    """Agreement of the two methods; below `most` they differ."""
    finding = Finding("Grad-CAM and Integrated Gradients", "rank correlation of the two methods")
    finding.note = "the explanations have not been scored: not run"
    if one := next(iter(_scored(judging.at, claim["measure"])), None):
        finding.effect, finding.low, finding.high = (one[name] for name in ("value", "low", "high"))
        finding.verdict = beside(-finding.high, -finding.low, -claim["most"])
        finding.note = f"{int(one['images'])} images; with another image's map {one['other_image']:.2f}"
        finding.evidence = show(judging.at.explanations / "scorecard.csv")
    return [finding]


def _precision(claim: dict, judging: Judging) -> list[Finding]:
    path = judging.at.explanations / "steps.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    index = _index(judging.at, Finding("", ""))
    groups = {} if index is None else index.set_index("image_id")["group_id"].to_dict()
    found = precision_findings(claim, table, judging.steps, groups, judging.draws.samples)
    for finding in found:
        finding.evidence = "" if np.isnan(finding.effect) else show(path)
    return found


def precision_findings(
    claim: dict, table: pd.DataFrame, chosen: int, groups: dict[str, str], samples: int
) -> list[Finding]:
    """The rise of agreement with Grad-CAM from the run's m to the finest, a finding a network.

    Args:
        claim: with `share`, the share of the gap to full agreement that the rise must close.
        table: steps.csv of notebook 07.
        chosen: the run's m.
        groups: image_id to patient; an image that it lacks is a patient of its own.
        samples: resamples behind the intervals.
    """
    statistic = "rank correlation of Integrated Gradients with Grad-CAM"
    if not {"experiment", "image_id", "steps", "agreement"} <= set(table) or chosen not in set(table["steps"]):
        return [Finding("finest m − this run's m", statistic, note="no steps of this m were compared: not run")]
    finest, found = int(table["steps"].max()), []
    for name, part in table.groupby("experiment", sort=False):
        wide = part.pivot(index="image_id", columns="steps", values="agreement")
        change = (wide[finest] - wide[chosen]).dropna()
        finding = Finding(f"{name}, m = {finest} − m = {chosen}", statistic, verdict=UNDECIDED)
        found.append(finding)
        if not len(change):
            finding.note = "the rank correlation is undefined: a map is the same everywhere"
            continue
        gap = 1 - float(wide[chosen].mean())
        of = np.array([groups.get(image, image) for image in change.index])
        finding.effect = float(change.mean())
        finding.low, finding.high = bootstrap.mean_interval(change.to_numpy(), of, samples)
        if finding.low > 0 and finding.effect >= claim["share"] * gap:
            finding.verdict = SUPPORTED
        elif finding.high < claim["share"] * gap:
            finding.verdict = CONTRADICTED
        finding.note = f"closes {finding.effect / gap:.1%} of the gap to full agreement" if gap else ""
    return found


def _index(at: Paths, finding: Finding) -> pd.DataFrame | None:
    """The run's index of chest images; None, with a note, where it is not prepared."""
    path = at.covidx / "index.csv"
    if not path.is_file():
        finding.note = "the data are not prepared: not run"
        return None
    finding.evidence = show(path)
    return pd.read_csv(path, usecols=["image_id", "group_id", "label", "split"], dtype=str)


def _shares(index: pd.DataFrame) -> pd.DataFrame:
    """Share of each class in each split."""
    shares = pd.crosstab(index["split"], index["label"], normalize="index")
    return shares.reindex(columns=list(CHEST_CLASSES), fill_value=0)


def _scored(at: Paths, measure: str) -> list[dict]:
    """Lines of the scorecard for all classes with a value."""
    path = at.explanations / "scorecard.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=["measure", "class", "value"])
    known = (table["measure"] == measure) & (table["class"] == "all") & table["value"].notna()
    return table[known].to_dict("records")


class Kind(NamedTuple):
    """A kind of claim: what it must say beside id, section, claim, quote and kind; its rule in words; its judge.

    `any_supports`: one of its findings is enough to support it, as `comparisons.combine` says.
    """

    needs: set[str]
    says: str
    find: Callable[[dict, Judging], list[Finding]]
    any_supports: bool = False


KINDS = {
    "rows": Kind(
        {"comparisons", "score", "expects"}, "{score}, {comparisons}: {expects} than 0", comparisons.between_rows
    ),
    "values": Kind(
        {"scores"}, "{rows}, {scores}: the published value lies in our interval", comparisons.with_published
    ),
    "diagonal": Kind(
        {"row", "least"}, "{row}: the smallest recall of a class lies above {least} %", comparisons.weakest_class
    ),
    "smallest_class": Kind(set(), "COVID-19 has the fewest images in every split", _smallest_class),
    "same_distribution": Kind(
        {"margin"},
        "no class's share of a split is off by more than {margin} points, or one patient's images",
        _same_distribution,
    ),
    "attribution": Kind({"measures"}, "{measures}: more than a map that knows nothing scores", _attribution),
    "agreement": Kind({"measure", "most"}, "{measure}: below {most}", _agreement),
    "precision": Kind(
        {"share"},
        "the finest m closes a share of {share} of the gap to full agreement, for some network",
        _precision,
        any_supports=True,
    ),
}


def claims_styler(table: pd.DataFrame) -> Styler:
    """claims.csv for people: rounded, named in words, wrapped."""
    shown = {"Claim": table["claim"], "Section": table["section"], "Statistic": table["statistic"]}
    return wrapped(pd.DataFrame(shown | _numbers(table)), {"Claim": 22, "Effect [95 %]": 9})


def comparisons_styler(table: pd.DataFrame) -> Styler:
    """claims_comparisons.csv, or what `readings` gives, likewise."""
    known = {"Claim": "id", "Comparison": "comparison", "Statistic": "statistic"}
    shown = {name: table[column] for name, column in known.items() if column in table}
    notes = {"Note": table["note"].replace("", ABSENT)} if "note" in table else {}
    return wrapped(pd.DataFrame(shown | _numbers(table) | notes), {"Effect [95 %]": 9, "Note": 16})


def wrapped(shown: pd.DataFrame, widths: dict[str, int]) -> Styler:
    """Wrapped text, everything escaped, verdicts in colour beside their word.

    Args:
        shown: text only.
        widths: least width of a column, in em, where it is there.
    """
    styled = shown.reset_index(drop=True).style.format(escape="html").hide(axis="index")
    look = {"white-space": "normal", "text-align": "left", "vertical-align": "top", "overflow-wrap": "break-word"}
    styled = styled.set_properties(**look).set_table_styles([{"selector": "th", "props": "text-align: left"}])
    for column in shown.columns.intersection(list(widths)):
        styled = styled.set_properties(subset=[column], **{"min-width": f"{widths[column]}em"})
    words = shown.columns.intersection(["This run", "Published"])
    styled = styled.map(lambda word: f"color: {COLOURS.get(word, 'inherit')}; font-weight: 600", subset=words)
    return styled.set_uuid("t" + re.sub(r"\W", "", "".join(shown.columns))[:20])


def _numbers(table: pd.DataFrame) -> dict[str, list[str]]:
    """The columns with numbers and verdicts, as text."""

    def signed(column: str) -> list[str]:
        return [_signed(*pair) for pair in zip(table[column], table["statistic"], strict=True)]

    ends = zip(signed("effect"), signed("low"), signed("high"), strict=True)
    effects = [effect if low == ABSENT else f"{effect} [{low}, {high}]" for effect, low, high in ends]
    p_values = [ABSENT if pd.isna(p) else f"{p:.3f}" if p >= 0.001 else "< 0.001" for p in table["p_value"]]
    found = {"Effect [95 %]": effects, "p": p_values}
    if "verdict" in table:
        found |= {"This run": table["verdict"], "Published effect": signed("published_effect")}
        found["Published"] = table["published_verdict"].replace("", ABSENT)
    return found


def _signed(value: float, statistic: str) -> str:
    if pd.isna(value):
        return ABSENT
    return format(value, "+.3f" if "correlation" in statistic else "+.1f").replace("-", "−")
