"""The first page: the verdict at a glance, Table 1 beside the published one, the figures and the claims' tally."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lib import files
from lib.evaluation.render import BASELINES
from lib.evaluation.runs import SCORE_NAMES, SETTINGS
from workflow.report import statements
from workflow.report.run import FIGURES, Run
from workflow.report.tables import Cell, Table, cell, label, text

HEADS = {"augmentation": "Augmen\u00adtation"}  # a soft hyphen: the column is narrow


@dataclass
class Tile:
    """One answer at a glance: a question, the answer, a sentence about it, and where to read on."""

    question: str
    answer: str
    note: str
    href: str


@dataclass
class Figure:
    """One figure: name, caption, alternative text, image and PDF beside the page, and the cell that made it."""

    name: str
    caption: str
    alt: str
    image: str | None
    pdf: str | None
    cell: str | None


def table1(run: Run, frame: pd.DataFrame, source: str) -> Table:
    """Table 1 beside the published one: a value with its 95 % interval, the published value under it, best in bold.

    Args:
        run: the run.
        frame: results/<run>/table1.csv (values in percent).
        source: address of that file, seen from the page.
    """
    settings = [name for name in SETTINGS if name in frame]
    measured = [name for name in SCORE_NAMES if name in frame]
    numbers = ["free_params"] if "free_params" in frame else []
    columns = ["Row", *(HEADS.get(name, label(name)) for name in settings), *(["Free parameters"] if numbers else [])]
    columns += [f"{SCORE_NAMES[name]} (%)" for name in measured]
    best = {name: pd.to_numeric(frame.loc[_trained(frame), name], errors="coerce").max() for name in measured}
    rows = []
    for _, line in frame.iterrows():
        head = Cell(text(line.get("id")), href=run.page_of(str(line.get("id"))))
        cells = [head, *(cell(_yes_no(line[name])) for name in settings)]
        cells += [_free_parameters(line) for _ in numbers]
        cells += [_score(line, name, best[name]) for name in measured]
        rows.append(cells)
    caption = (
        "Below each score of this run: its 95 % interval over patients; then, in grey, the published value and, "
        "in round brackets, the difference to it. Below each parameter count: the published one."
    )
    made_in = run.cell(r"at\.table1\b", r"\btable1\b")
    numeric = [False] * (1 + len(settings)) + [True] * (len(numbers) + len(measured))
    return Table(caption, columns, rows, numeric, source, made_in[0] if made_in else None)


def _trained(frame: pd.DataFrame) -> pd.Series:
    """The rows that are networks: the baselines under them do not compete for the best value."""
    return ~frame["id"].isin(BASELINES)


def _yes_no(value: Any) -> Any:
    return {"yes": True, "no": False}.get(value, value)


def _free_parameters(line: pd.Series) -> Cell:
    own, published = line.get("free_params"), line.get("free_params_published")
    beside = "" if pd.isna(published) else text(int(published))
    return Cell(text(None if pd.isna(own) else int(own)), published=beside, marks=("number",))


def _score(line: pd.Series, name: str, best: float) -> Cell:
    value, low, high = (line.get(f"{name}{end}", np.nan) for end in ("", "_low", "_high"))
    published = line.get(f"{name}_published", np.nan)
    beside = "" if pd.isna(published) else f"{published:g}"
    if pd.isna(value):
        return Cell(text(None), published=beside, marks=("number",))
    if beside:
        beside += f" ({value - published:+.1f})".replace("-", "−")
    interval = "" if pd.isna(low) else f"[{low:.1f}, {high:.1f}]"
    note, word = "", line.get(f"{name}_verdict", "")
    if line.get("seeds", 1) > 1 and not pd.isna(line.get(f"{name}_mean")):
        note = f"{line['seeds']:g} seeds: {line[f'{name}_mean']:.1f} ± {line[f'{name}_std']:.1f}"
    marks = ("number", "best") if round(value, 1) == round(best, 1) else ("number",)
    verdict = word if word in ("inside", "outside") else ""
    return Cell(f"{value:.1f}", note=note, interval=interval, published=beside, marks=marks, verdict=verdict)


def agreement(frame: pd.DataFrame) -> tuple[int, int]:
    """How many published values lie inside this run's 95 % intervals, of how many that the ledger compares."""
    verdicts = [word for name in SCORE_NAMES if f"{name}_verdict" in frame for word in frame[f"{name}_verdict"]]
    inside, outside = verdicts.count("inside"), verdicts.count("outside")
    return inside, inside + outside


def tiles(run: Run, table: pd.DataFrame | None, claims: pd.DataFrame | None) -> list[Tile]:
    """The verdict at a glance."""
    trained = sum(run.metrics(name) is not None for name in run.experiments)
    asked = len(run.experiments)
    found = [Tile("Rows trained", f"{trained} of {asked}" if asked else "None", _what(run), "#table-1")]
    if table is not None:
        found.append(_agreement_tile(run, table))
    if claims is not None:
        tally = statements.tallied(claims)
        answer = f"{tally['supported']} of {sum(tally.values())}"
        rest = ", ".join(f"{count} {name}" for name, count in tally.items() if count and name != "supported")
        rest = f"In this run: {rest}." if rest else "None is contradicted."
        found.append(Tile("Claims supported", answer, rest, "claims.html"))
    baseline = _baseline_tile(run)
    return [*found, baseline] if baseline else found


def _what(run: Run) -> str:
    if run.phantoms:
        return "On phantoms: this shows that every step works, and nothing about COVID-19."
    size = run.values.get("image_size")
    reduced = "" if run.name == "paper" else f" Reduced settings ({size} × {size} pixels): not the paper's."
    return f"On the data that the run was given.{reduced}"


def _agreement_tile(run: Run, table: pd.DataFrame) -> Tile:
    inside, compared = agreement(table)
    if not compared:
        why = "phantoms instead of X-rays" if run.phantoms else "reduced settings"
        return Tile(
            "Agrees with the paper?", "Not comparable", f"Only the run “paper” is; this one has {why}.", "#table-1"
        )
    note = "Published values inside this run's 95 % intervals over patients."
    return Tile("Agrees with the paper?", f"{inside} of {compared}", note, "#table-1")


def _baseline_tile(run: Run) -> Tile | None:
    path = run.at.audit / "source_only.json"
    if not path.is_file():
        return None
    guess = files.read_json(path).get("covid_f1")
    known = {name: run.metrics(name) or {} for name in run.experiments}
    scores = {name: found["covid_f1"] for name, found in known.items() if found.get("covid_f1") is not None}
    if guess is None or not scores:
        return None
    best = max(scores, key=scores.get)
    note = f"COVID-19 F1 of guessing from the source alone; the best row, {best}, has {100 * scores[best]:.0f} %."
    return Tile("Source-only baseline", f"{100 * guess:.0f} %", note, "data.html")


def figures(run: Run, address) -> list[Figure]:
    """Figures 1 to 5, whether they are there or not.

    Args:
        run: the run.
        address: gives a file's address beside the page and has it copied there.
    """
    found = []
    for name, caption in FIGURES.items():
        image, pdf = (run.at.figures / f"{name}.{end}" for end in ("png", "pdf"))
        made = run.cell(rf"\b{name}\b", rf"\b{name[:-1]}(\{{|\b)")
        found.append(
            Figure(
                name=f"Figure {name.split('_')[1]}",
                caption=caption,
                alt=(made[1] if made else "") or caption,
                image=address(image) if image.is_file() else None,
                pdf=address(pdf) if pdf.is_file() else None,
                cell=made[0] if made else None,
            )
        )
    return found
