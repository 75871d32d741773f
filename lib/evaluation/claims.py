"""The report's claims, judged from a run and, beside it, from the published Table 1.

`params/claims.yaml` holds the claims, and in its header the rules; a function here finds what a kind of claim needs.
"""

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml
from pandas.io.formats.style import Styler

from lib.data.labels import CHEST_CLASSES
from lib.evaluation import attributions, comparisons, runs, standing, studies
from lib.evaluation.comparisons import (
    CONTRADICTED,
    NOT_RUN,
    NOT_TESTABLE,
    STATISTICS,
    SUPPORTED,
    UNDECIDED,
    VERDICTS,
    Finding,
    Judging,
    either,
)
from lib.evaluation.runs import published_confusion
from lib.evaluation.table1 import ABSENT
from lib.explainers import scorecard
from lib.paths import PUBLISHED, ROOT, Paths, show

CLAIMS = ROOT / "params" / "claims.yaml"
DIRECTIONS = ("higher", "lower", "not higher", "not lower")
COLOURS = {SUPPORTED: "#1b7f4d", CONTRADICTED: "#b3372b"} | dict.fromkeys((UNDECIDED, NOT_TESTABLE, NOT_RUN), "#6b6b6b")


def read_claims(path: Path = CLAIMS, study: str = "") -> list[dict]:
    """The claims of the file, checked: the report's, or those that a study judges.

    Raises:
        ValueError: one line for each claim that lacks a key, has an unknown kind, direction or need, or repeats an id.
    """
    claims = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    problems, seen = [], set()
    for claim in claims:
        name, kind = claim.get("id", "(no id)"), claim.get("kind")
        needed = {"id", "section", "claim", "quote", "kind"} | (KINDS[kind].needs if kind in KINDS else set())
        missing = needed - set(claim)
        allowed = {"expects": DIRECTIONS, "needs": tuple(NEEDS), "verdict": (NOT_TESTABLE, NOT_RUN)}
        wrong = [key for key, words in allowed.items() if key in claim and claim[key] not in words]
        if kind not in KINDS:
            problems.append(f"{name}: kind: found {kind!r}, expected one of {', '.join(KINDS)}")
        elif missing:
            problems.append(f"{name}: {', '.join(sorted(missing))}: missing")
        elif wrong:
            problems += [
                f"{name}: {key}: found {claim[key]!r}, expected one of {', '.join(allowed[key])}" for key in wrong
            ]
        elif claim.get("expects", "").startswith("not") and "margin" not in claim:
            problems.append(f"{name}: margin: missing; expected percentage points below which a difference is none")
        if name in seen:
            problems.append(f"{name}: id used twice")
        seen.add(name)
    if problems:
        raise ValueError("\n".join(f"{show(path)}: {problem}" for problem in problems))
    return [claim for claim in claims if claim.get("study", "") == study]


def rule(claim: dict) -> str:
    """How a claim is judged, in one sentence; the header of claims.yaml says it in full."""
    words = STATISTICS | scorecard.MEASURES

    def said(value) -> str:
        return " and ".join(map(said, value)) if isinstance(value, list) else words.get(value, str(value))

    unsaid = ("comparisons", "lines", "given")
    given = {key: said(value) for key, value in claim.items() if key not in unsaid}
    if claim["kind"] == "rows":
        ruled_out = claim["expects"].removeprefix("not ")
        given["must_be"] = f"must be {ruled_out}" if ruled_out == claim["expects"] else f"must not be {ruled_out}"
        given["unless"] = f", where less than {claim['margin']} points do not matter" if "margin" in claim else ""
    given["on_side"] = "above" if claim.get("expects") == "higher" else "below"
    given["premise"] = ", where the network was seen to answer without lungs" if "given" in claim else ""
    sentence = KINDS[claim["kind"]].says.format(**given)
    return sentence[0].upper() + sentence[1:]


def judge(claims: list[dict], judging: Judging) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Judges every claim.

    Returns:
        (claims, comparisons): a line a claim, the columns of claims.csv: id, section, claim, quote, those of `Finding`,
        network (the judged rows in words) and data (the images in words); and a line a single comparison, with the same
        columns but section, claim and quote. Differences of scores are in percentage points.
    """
    wholes, parts = [], []
    for claim in claims:
        kind = KINDS[claim["kind"]]
        found = kind.find(claim, judging)
        for finding in found:
            reason = NEEDS[claim["needs"]](judging, finding) if "needs" in claim else ""
            if reason and finding.verdict != NOT_RUN:
                finding.verdict = NOT_TESTABLE
                finding.add(reason)
        about = {name: claim[name] for name in ("id", "section", "claim", "quote")}
        wholes.append(about | _line(comparisons.whole(found, kind.any_supports), judging))
        parts += [{"id": claim["id"]} | _line(finding, judging) for finding in found]
    counts = {"patients": "Int64"}
    return pd.DataFrame(wholes).astype(counts), pd.DataFrame(parts).astype(counts)


def _line(finding: Finding, judging: Judging) -> dict:
    networks = {
        name: standing.network(judging.rows[name].settings) for name in finding.rows.split(", ") if name in judging.rows
    }
    in_words = ". ".join(f"{name}: {words}" for name, words in networks.items() if words)
    return asdict(finding) | {"network": in_words, "data": judging.standing.data}


def tally(frame: pd.DataFrame, column: str = "verdict") -> dict[str, int]:
    """How many claims of claims.csv have each verdict; `published_verdict` also counts `no number given`."""
    found = frame[column].fillna("").replace("", "no number given").value_counts()
    return dict.fromkeys(VERDICTS, 0) | found.to_dict()


def _needs_imagenet(judging: Judging, finding: Finding) -> str:
    names = [name for name in finding.rows.split(", ") if name in judging.rows]
    stand_ins = [name for name in names if standing.stands_in(judging.rows[name].settings)]
    if not stand_ins:
        return ""
    return f"{' and '.join(stand_ins)} started from weights of the run's skin images, not from ImageNet's."


def _needs_real_images(judging: Judging, finding: Finding) -> str:
    return "Phantoms have as many images of a class as their generator was told." if judging.standing.phantoms else ""


NEEDS = {"imagenet": _needs_imagenet, "real images": _needs_real_images}
"""What a claim needs to be testable: why a comparison has it not, or ""."""


def _untested(claim: dict, judging: Judging) -> list[Finding]:
    """A claim that no row of a run decides."""
    return [Finding("none", "none", unit="", verdict=claim["verdict"], note=claim["because"])]


def _measured(claim: dict, judging: Judging) -> list[Finding]:
    """Lines of a study's table, each against the claim's bar; untestable where its premise does not hold."""
    table = studies.read_parts(judging.at, claim["study"])
    premise = [_beside_bar(table, claim["study"], one, claim.get("given_bar", 0.0)) for one in claim.get("given", [])]
    failed = [one.comparison for one in premise if one.verdict != SUPPORTED]
    found = [_beside_bar(table, claim["study"], one, claim["bar"], claim["expects"]) for one in claim["lines"]]
    for finding in found if failed else []:
        if finding.verdict != NOT_RUN:
            finding.verdict = NOT_TESTABLE
            finding.add(f"It presupposes what this run does not show: {'; '.join(failed)}.")
    return found


def _beside_bar(table: pd.DataFrame, study: str, wanted: dict, bar: float, expects: str = "higher") -> Finding:
    """The line of a study's table that has the wanted values, judged by where its interval lies; `bar` in percent."""
    lines = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    if lines.empty:
        return Finding(", ".join(wanted.values()), "none", unit="%", note="Not measured in this run.")
    line = lines.iloc[0]
    finding = Finding(line["what"], STATISTICS.get(line["score"], line["score"]), unit="%", rows=line["row"])
    finding.effect, finding.low, finding.high = 100 * line[["value", "low", "high"]].astype(float)
    finding.patients = None if pd.isna(line["patients"]) else int(line["patients"])
    if not finding.few():
        sign = 1 if expects == "higher" else -1
        low, high = sorted((sign * finding.low, sign * finding.high))
        finding.verdict = comparisons.beside(low, high, sign * bar)
    return finding


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
    images, test = pd.read_csv(PUBLISHED / "covidx.csv")["images"].to_numpy(), published_confusion().sum(axis=1)
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
    finding.add(f"Largest for {of_class} in the {split} set of {images} images.")
    finding.add(f"Allowed are {allowed:.1f}, since the images of one patient make up to {one_patient:.1f}.")
    if judging.standing.settings.get("covidx_layout") == "lists":
        finding.verdict = UNDECIDED
        finding.add("The split is that of the lists, not drawn as the report says.")
    return [finding]


def _index(at: Paths, finding: Finding) -> pd.DataFrame | None:
    """The run's index of chest images; None, with a note, where it is not prepared."""
    if (index := runs.read_index(at)) is None:
        finding.add("The data are not prepared.")
    else:
        finding.evidence = show(at.covidx / "index.csv")
    return index


def _shares(index: pd.DataFrame) -> pd.DataFrame:
    """Share of each class in each split."""
    shares = pd.crosstab(index["split"], index["label"], normalize="index")
    return shares.reindex(columns=list(CHEST_CLASSES), fill_value=0)


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
        {"comparisons", "score", "expects"},
        "{score} {must_be} in the first row of every pair{unless}.",
        comparisons.between_rows,
    ),
    "values": Kind({"scores"}, "The published {scores} must lie in our interval.", comparisons.with_published),
    "diagonal": Kind(
        {"row", "least"}, "The smallest recall of a class must lie above {least} %.", comparisons.weakest_class
    ),
    "smallest_class": Kind(set(), "COVID-19 must have the fewest images in every split.", _smallest_class),
    "same_distribution": Kind(
        {"margin"},
        "No class's share of a split may be off by more than {margin} points, or one patient's images.",
        _same_distribution,
    ),
    "attribution": Kind(
        {"measures"},
        "Both methods must put a larger share on it than with shuffled weights, and than the image's brightness does.",
        attributions.attribution,
    ),
    "agreement": Kind({"measure", "most"}, "{measure} must lie below {most}.", attributions.agreement),
    "precision": Kind(
        {"share", "completeness"},
        "For some network, finer steps must close a share of {share} of the gap to full agreement.",
        attributions.precision,
        any_supports=True,
    ),
    "measured": Kind(
        {"study", "lines", "expects", "bar"},
        "The interval of what was measured must lie {on_side} {bar} %{premise}.",
        _measured,
    ),
    "untested": Kind({"because", "verdict"}, "No rule.", _untested),
}


def claims_styler(table: pd.DataFrame) -> Styler:
    """claims.csv for people, a line a claim: what each side says and how many patients it rests on."""
    shown = {"Claim": table["claim"], "Section": table["section"], "This run": table["verdict"]}
    shown["Patients"] = _counts(table["patients"])
    shown["Published"] = table["published_verdict"].replace("", ABSENT)
    return wrapped(pd.DataFrame(shown), {"Claim": 22, "This run": 7})


def comparisons_styler(table: pd.DataFrame) -> Styler:
    """The comparisons behind a claim (claims_comparisons.csv), or what `readings` gives; `notes` says the rest."""
    of = table["statistic"].unique()
    unit = {"points": ", percentage points", "%": ", %", "": ""}[table["unit"].iloc[0]]
    heading = f"{of[0][0].upper() + of[0][1:] if len(of) == 1 else 'This run'}{unit} [95 %]"
    shown = {"Compared": table["comparison"]} | ({"Of": table["statistic"]} if len(of) > 1 else {})
    shown |= {heading: _numbers(table, "effect", "low", "high"), "Patients": _counts(table["patients"])}
    shown["p"] = [ABSENT if pd.isna(p) else f"{p:.3f}" if p >= 0.001 else "< 0.001" for p in table["p_value"]]
    shown |= {"Verdict": table["verdict"]}
    shown["Published [ends]"] = _numbers(table, "published_effect", "published_low", "published_high")
    shown["Published verdict"] = table["published_verdict"]
    said = pd.DataFrame(shown).replace("", ABSENT)
    return wrapped(said.loc[:, (said != ABSENT).any()], {"Compared": 9, heading: 12, "Published [ends]": 11})


def notes(table: pd.DataFrame) -> str:
    """What a reader should know of these comparisons, as a Markdown list; comparisons with equal notes share a line."""
    said = table[table["note"] != ""].groupby("note", sort=False)["comparison"].agg(list)
    if len(said) == 1 and len(said.iloc[0]) == len(table):
        return said.index[0]
    return "\n".join(f"- {', '.join(names)}: {note}" for note, names in said.items())


def wrapped(shown: pd.DataFrame, widths: dict[str, int], escaped: bool = False) -> Styler:
    """Wrapped text, everything escaped, verdicts in colour beside their word.

    Args:
        shown: text only.
        widths: least width of a column, in em, where it is there.
        escaped: the text is HTML already.
    """
    styled = shown.reset_index(drop=True).style.format(escape=None if escaped else "html").hide(axis="index")
    look = {"white-space": "normal", "text-align": "left", "vertical-align": "top", "overflow-wrap": "break-word"}
    styled = styled.set_properties(**look).set_table_styles([{"selector": "th", "props": "text-align: left"}])
    for column in shown.columns.intersection(list(widths)):
        styled = styled.set_properties(subset=[column], **{"min-width": f"{widths[column]}em"})
    words = shown.columns.intersection(["This run", "Published", "Verdict", "Published verdict"])
    styled = styled.map(lambda word: f"color: {COLOURS.get(word, 'inherit')}; font-weight: 600", subset=words)
    name = "".join(shown.columns) + "".join(map(str, shown.iloc[:, 0]))
    return styled.set_uuid("t" + hashlib.sha256(name.encode()).hexdigest()[:12])


def _counts(values: pd.Series) -> list[str]:
    return [ABSENT if pd.isna(value) else f"{value:,.0f}" for value in values]


def _numbers(table: pd.DataFrame, effect: str, low: str, high: str) -> list[str]:
    """`+3.0 [+1.0, +5.0]`, without ends where there are none."""
    found = []
    for unit, *values in zip(table["unit"], table[effect], table[low], table[high], strict=True):
        signed = [
            ABSENT if pd.isna(one) else format(one, "+.1f" if unit else "+.3f").replace("-", "−") for one in values
        ]
        found.append(signed[0] if signed[1] == ABSENT else f"{signed[0]} [{signed[1]}, {signed[2]}]")
    return found
