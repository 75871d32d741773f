"""What a run's explanations say about the report's claims on them: kinds of claims, as `claims.KINDS` lists them.

They are judged from what notebooks 07 and 08 left, `steps.csv` and `scorecard.csv`.
"""

import numpy as np
import pandas as pd

from lib.evaluation import bootstrap, runs
from lib.evaluation.comparisons import CONTRADICTED, SUPPORTED, UNDECIDED, Finding, Judging, beside
from lib.explainers import scorecard
from lib.paths import Paths, show

EXPLAINED = "RN4"
"""The row whose explanations section 5.2 speaks of."""


def attribution(claim: dict, judging: Judging) -> list[Finding]:
    """Share of the attribution on a region minus that of maps that know nothing of what was learnt, image by image."""
    scored = {measure: _scored(judging.at, measure) for measure in claim["measures"]}
    measure = next((name for name, lines in scored.items() if len(lines)), claim["measures"][-1])
    found = []
    for other, words in (("randomised", "the network with shuffled weights"), ("brightness", "the image's brightness")):
        paired = {line["method"]: line for line in _scored(judging.at, f"{measure}_over_{other}")}
        for method in ("grad_cam", "integrated_gradients"):
            finding = Finding(f"{scorecard.METHODS[method]} − {words}", scorecard.MEASURES[measure].lower())
            finding.rows = judging.explained
            if method in paired:
                own = next(line for line in scored[measure] if line["method"] == method)
                _from_scorecard(finding, paired[method], judging, 100)
                finding.verdict = beside(finding.low, finding.high, 0)
                finding.few()
                finding.add(f"{own['value']:.1%} of the attribution on {own['chance']:.1%} of the area.")
            else:
                finding.add("No image with a known region was explained.")
            found.append(finding)
    return found


def agreement(claim: dict, judging: Judging) -> list[Finding]:
    """Agreement of the two methods; below `most` they differ."""
    finding = Finding("Grad-CAM and Integrated Gradients", "rank correlation of the two methods", unit="")
    finding.rows = judging.explained
    if one := next(iter(_scored(judging.at, claim["measure"])), None):
        _from_scorecard(finding, one, judging, 1)
        finding.verdict = beside(-finding.high, -finding.low, -claim["most"])
        finding.few()
        finding.add(f"With another image's map {one['other_image']:.2f}.")
    else:
        finding.add("The explanations have not been scored.")
    return [finding]


def _from_scorecard(finding: Finding, line: dict, judging: Judging, scale: float) -> None:
    """Effect, interval, patients and evidence from a line of scorecard.csv."""
    finding.effect, finding.low, finding.high = (scale * line[name] for name in ("value", "low", "high"))
    finding.patients = int(line["patients"])
    finding.evidence = show(judging.at.explanations / "scorecard.csv")
    if judging.explained != EXPLAINED:
        finding.add(f"The report speaks of {EXPLAINED}, judged here is {judging.explained}.")


def precision(claim: dict, judging: Judging) -> list[Finding]:
    """Whether finer steps bring Integrated Gradients nearer to Grad-CAM, a finding a network of steps.csv."""
    path = judging.at.explanations / "steps.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    index = runs.read_index(judging.at)
    groups = {} if index is None else index.set_index("image_id")["group_id"].to_dict()
    found = precision_findings(claim, table, judging.steps, groups, judging.draws.samples)
    for finding in found:
        finding.evidence = "" if np.isnan(finding.effect) else show(path)
    return found


def precision_findings(
    claim: dict, table: pd.DataFrame, chosen: int, groups: dict[str, str], samples: int
) -> list[Finding]:
    """The rise of agreement with Grad-CAM from the run's m to a network's finest, a finding a network.

    Args:
        claim: with `share`, the share of the gap to full agreement that the rise must close, and `completeness`, the
            mean completeness error that the finest m must not exceed to be a reference.
        table: steps.csv of notebook 07.
        chosen: the run's m.
        groups: image_id to patient; an image that it lacks is a patient of its own.
        samples: resamples behind the intervals.
    """
    statistic = "rank correlation of Integrated Gradients with Grad-CAM"
    needed = {"experiment", "image_id", "steps", "agreement", "completeness_error"}
    if not needed <= set(table) or chosen not in set(table["steps"]):
        return [Finding("finest m − this run's m", statistic, unit="", note="No steps of this m were compared.")]
    found = []
    for name, part in table.groupby("experiment", sort=False):
        finest = int(part["steps"].max())
        wide = part.pivot(index="image_id", columns="steps", values="agreement")
        change = (wide[finest] - wide[chosen]).dropna()
        error = float(part.loc[part["steps"] == finest, "completeness_error"].mean())
        finding = Finding(f"{name}, m = {finest} − m = {chosen}", statistic, unit="", verdict=UNDECIDED, rows=name)
        found.append(finding)
        if not len(change):
            finding.add("The rank correlation is undefined: a map is the same everywhere.")
            continue
        gap = 1 - float(wide[chosen].mean())
        of = np.array([groups.get(image, image) for image in change.index])
        finding.effect, finding.patients = float(change.mean()), len(np.unique(of))
        finding.low, finding.high = bootstrap.mean_interval(change.to_numpy(), of, samples)
        if gap:
            finding.add(f"Closes {finding.effect / gap:.1%} of the gap to full agreement.")
        finding.add(f"The finest m has a completeness error of {error:.1%}.")
        if error > claim["completeness"]:
            finding.add(f"It is no reference, since that is above {claim['completeness']:.0%}.")
        elif not finding.few():
            if finding.low > 0 and finding.effect >= claim["share"] * gap:
                finding.verdict = SUPPORTED
            elif finding.high < claim["share"] * gap:
                finding.verdict = CONTRADICTED
    return found


def _scored(at: Paths, measure: str) -> list[dict]:
    """Lines of the scorecard for all classes with a value."""
    path = at.explanations / "scorecard.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    if not {"measure", "class", "value", "patients"} <= set(table):
        return []
    known = (table["measure"] == measure) & (table["class"] == "all") & table["value"].notna()
    return table[known].to_dict("records")
