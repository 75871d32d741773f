"""Claims about the data and about the explanations, judged from a run's files (rules: `params/claims.yaml`)."""

import numpy as np
import pandas as pd

from lib.evaluation import bootstrap
from lib.evaluation.runs import CLASSES, published_confusion
from lib.evaluation.verdicts import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Finding
from lib.explainers import scorecard
from lib.paths import Paths, show


def beside(finding: Finding, bar: float) -> str:
    """Where the interval of a finding lies: above `bar` supports, below contradicts."""
    if np.isnan(finding.low) or np.isnan(finding.high):
        return UNDECIDED
    return SUPPORTED if finding.low > bar else CONTRADICTED if finding.high < bar else UNDECIDED


def smallest_class(at: Paths) -> list[Finding]:
    """COVID-19's images minus those of the next class, as a share of the split, where that is largest."""
    of_published = published_confusion().sum(axis=1)
    margin = 100 * (of_published[0] - of_published[1:].min()) / of_published.sum()
    finding = Finding("covid-19 − next smallest class", "share of a split, largest over splits")
    finding.published_effect, finding.published_verdict = float(margin), SUPPORTED if margin < 0 else CONTRADICTED
    index = _index(at, finding)
    if index is None:
        return [finding]
    shares = 100 * _shares(index)
    finding.effect = float((shares[CLASSES[0]] - shares[list(CLASSES[1:])].min(axis=1)).max())
    finding.verdict = SUPPORTED if finding.effect < 0 else CONTRADICTED
    return [finding]


def same_distribution(claim: dict, at: Paths, ready_made: bool = False) -> list[Finding]:
    """The largest deviation of a class's share of a split from its share of all images."""
    finding = Finding("each split − all images", "share of a class, largest deviation")
    if "published_images" in claim:
        images, test = np.array(claim["published_images"]), published_confusion().sum(axis=1)
        finding.published_effect = float(100 * np.abs(test / test.sum() - images / images.sum()).max())
        finding.published_verdict = SUPPORTED if finding.published_effect <= claim["margin"] else CONTRADICTED
    index = _index(at, finding)
    if index is None:
        return [finding]
    whole = index["label"].value_counts(normalize=True)
    deviation = 100 * (_shares(index) - whole.reindex(CLASSES, fill_value=0)).abs()
    split = deviation.max(axis=1).idxmax()
    finding.effect = float(deviation.max(axis=1)[split])
    part = index[index["split"] == split]
    one_patient = 100 * index.groupby("group_id").size().max() / len(part)
    allowed = max(claim["margin"], one_patient)
    finding.verdict = SUPPORTED if finding.effect <= allowed else CONTRADICTED
    finding.note = (
        f"largest for {deviation.loc[split].idxmax()} in the {split} set of {len(part)} images; "
        f"allowed {allowed:.1f} (the images of one patient make up to {one_patient:.1f})"
    )
    if ready_made:
        finding.verdict = UNDECIDED
        finding.note += "; the split is that of the lists, not drawn as the report says"
    return [finding]


def attribution(claim: dict, at: Paths) -> list[Finding]:
    """Share of the attribution on a region minus that of a map that knows nothing, for each method."""
    table = _table(at, "scorecard.csv")
    for measure in claim["measures"]:
        rows = _lines(table, measure)
        if len(rows):
            break
    names = scorecard.METHODS
    words = scorecard.MEASURES[measure][0].lower() + scorecard.MEASURES[measure][1:]
    found = []
    for method in ("grad_cam", "integrated_gradients"):
        finding = Finding(f"{names[method]} − chance", words, published_verdict="")
        line = rows[rows["method"] == method] if len(rows) else rows
        if not len(line):
            finding.note = "no image with a known region was explained: not run"
        else:
            one = line.iloc[0]
            finding.effect, finding.low, finding.high = (
                100 * (float(one[name]) - float(one["chance"])) for name in ("value", "low", "high")
            )
            finding.verdict = beside(finding, 0.0)
            finding.note = _share_note(one)
            finding.evidence = show(at.explanations / "scorecard.csv")
        found.append(finding)
    return found


def agreement(claim: dict, at: Paths) -> list[Finding]:
    """Agreement of the two methods; below `most` they differ."""
    rows = _lines(_table(at, "scorecard.csv"), claim["measure"])
    finding = Finding("Grad-CAM and Integrated Gradients", "rank correlation of the two methods")
    if not len(rows):
        finding.note = "the explanations have not been scored: not run"
        return [finding]
    one = rows.iloc[0]
    finding.effect, finding.low, finding.high = float(one["value"]), float(one["low"]), float(one["high"])
    finding.verdict = {SUPPORTED: CONTRADICTED, CONTRADICTED: SUPPORTED}.get(beside(finding, claim["most"]), UNDECIDED)
    finding.note = f"{int(one['images'])} images; with another image's map {float(one['other_image']):.2f}"
    finding.evidence = show(at.explanations / "scorecard.csv")
    return [finding]


def precision(claim: dict, at: Paths, chosen: int, samples: int) -> list[Finding]:
    """The same from the run's files."""
    found = precision_findings(claim, _table(at, "steps.csv"), chosen, _patients(at), samples)
    for finding in found:
        if not np.isnan(finding.effect):
            finding.evidence = show(at.explanations / "steps.csv")
    return found


def precision_findings(
    claim: dict, table: pd.DataFrame | None, chosen: int, patients: dict[str, str], samples: int
) -> list[Finding]:
    """The rise of agreement with Grad-CAM from the run's m to the finest, for each network.

    Args:
        claim: with `share`.
        table: steps.csv.
        chosen: the run's m.
        patients: image_id to patient.
        samples: resamples behind the intervals.
    """
    statistic = "rank correlation of Integrated Gradients with Grad-CAM"
    needed = {"experiment", "image_id", "steps", "agreement"}
    if table is None or not needed <= set(table) or chosen not in set(table["steps"]):
        return [Finding("finest m − this run's m", statistic, note="no steps of this m were compared: not run")]
    finest = int(table["steps"].max())
    found = []
    for name, part in table.groupby("experiment", sort=False):
        wide = part.pivot_table(index="image_id", columns="steps", values="agreement", dropna=False)
        change = (wide[finest] - wide[chosen]).dropna()
        groups = np.array([patients.get(image, image) for image in change.index])
        finding = Finding(f"{name}, m = {finest} − m = {chosen}", statistic)
        if len(change):
            gap = 1 - float(wide[chosen].mean())
            finding.effect = float(change.mean())
            finding.low, finding.high = bootstrap.mean_interval(change.to_numpy(), groups, samples)
            finding.verdict = _precision_verdict(finding, claim["share"] * gap)
            finding.note = f"closes {finding.effect / gap:.1%} of the gap to full agreement" if gap else ""
        else:
            finding.verdict, finding.note = UNDECIDED, "the rank correlation is undefined: a map is the same everywhere"
        found.append(finding)
    return found


def _precision_verdict(finding: Finding, enough: float) -> str:
    if np.isnan(finding.low):
        return UNDECIDED
    if finding.low > 0 and finding.effect >= enough:
        return SUPPORTED
    return CONTRADICTED if finding.high < enough else UNDECIDED


def _share_note(one: pd.Series) -> str:
    text = f"{float(one['value']):.1%} against {float(one['chance']):.1%} by chance, {int(one['images'])} images"
    other = float(one["other_image"]) if "other_image" in one else np.nan
    return text if np.isnan(other) else f"{text}; with another image's map {other:.1%}"


def _index(at: Paths, finding: Finding) -> pd.DataFrame | None:
    """The run's index of chest images; None, with a note, where it is not prepared."""
    path = at.covidx / "index.csv"
    if not path.is_file():
        finding.verdict, finding.note = NOT_RUN, "the data are not prepared: not run"
        return None
    finding.evidence = show(path)
    return pd.read_csv(path, usecols=["image_id", "group_id", "label", "split"], dtype=str)


def _shares(index: pd.DataFrame) -> pd.DataFrame:
    """Share of each class in each split."""
    return pd.crosstab(index["split"], index["label"], normalize="index").reindex(columns=list(CLASSES), fill_value=0)


def _table(at: Paths, name: str) -> pd.DataFrame | None:
    path = at.explanations / name
    return pd.read_csv(path) if path.is_file() else None


def _lines(table: pd.DataFrame | None, measure: str) -> pd.DataFrame:
    """Lines of the scorecard for all classes with a value."""
    if table is None or not {"measure", "class", "value"} <= set(table):
        return pd.DataFrame()
    return table[(table["measure"] == measure) & (table["class"] == "all") & table["value"].notna()]


def _patients(at: Paths) -> dict[str, str]:
    path = at.covidx / "index.csv"
    if not path.is_file():
        return {}
    return pd.read_csv(path, usecols=["image_id", "group_id"], dtype=str).set_index("image_id")["group_id"].to_dict()
