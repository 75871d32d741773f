"""Data sheet (after Gebru et al., 2021) and model card (after Mitchell et al., 2019): the tables behind their texts."""

from pathlib import Path
from typing import Any

import pandas as pd

from lib import files
from lib.evaluation import table1
from workflow.report.run import Run
from workflow.report.tables import Cell, Table, cell, from_frame, label, text

AUDIT = {
    "counts": "Images of each class, source and subset.",
    "people": "Age, sex and view of each class, where the sources tell them.",
    "label_conflicts": "Patients whose images bear different labels.",
    "split_conflicts": "Patients with images in several subsets.",
    "duplicates": "Pairs of chest images that are equal or nearly equal.",
    "duplicates_ham10000": "Pairs of skin images that are equal or nearly equal.",
    "source_only": "Scores of guessing from an image's source alone.",
}
SPLITS = ("train", "validation", "test")
SCORES = ("accuracy", "macro_f1", "macro_auc", "covid_precision", "covid_recall", "covid_f1", "covid_auc")


def split_table(run: Run, folder: Path, name: str, unit: str, source: str) -> Table | None:
    """Images of each class in each subset of a prepared data set, and how many patients or lesions they show."""
    index = run.frame(folder / "index.csv")
    if index is None or not {"label", "split", "group_id"} <= set(index.columns):
        return None
    rows = []
    for kind in [*sorted(index["label"].astype(str).unique()), "all"]:
        part = index if kind == "all" else index[index["label"].astype(str) == kind]
        cells = [Cell(kind)]
        for split in SPLITS:
            subset = part[part["split"] == split]
            cells.append(_count(subset, unit))
        rows.append([*cells, _count(part, unit)])
    caption = f"{name}: images of each class in each subset, and the {unit} that they show."
    made_in = run.cell(rf"split_table\({folder.name}", r"split_table\(")
    columns = ["Class", *(split.capitalize() for split in SPLITS), "All"]
    return Table(caption, columns, rows, [False, *[True] * 4], source, made_in and made_in[0])


def _count(part: pd.DataFrame, unit: str) -> Cell:
    return Cell(text(len(part)), note=f"{part['group_id'].nunique():,} {unit}", marks=("number",))


def excluded_table(run: Run, folder: Path, name: str, source: str) -> Table | None:
    """Files that were left out, counted by source and reason."""
    excluded = run.frame(folder / "excluded.csv")
    if excluded is None or excluded.empty or not {"source", "reason"} <= set(excluded.columns):
        return None
    reason = excluded["reason"].astype(str).str.split(":").str[0]
    counted = excluded.assign(reason=reason).groupby(["source", "reason"]).size().reset_index(name="files")
    made_in = run.cell(rf"\b{folder.name}\.excluded\b", r"\bexcluded\b")
    return from_frame(counted, f"{name}: files left out, and why.", source=source, made_in=made_in and made_in[0])


def audit_tables(run: Run, address) -> list[Table]:
    """Every table of the audit, those with a known meaning first.

    Args:
        run: the run.
        address: gives a file's address beside the page and has it copied there.
    """
    found = sorted(run.at.audit.glob("*.csv"), key=_audit_place)
    tables = []
    for path in found:
        frame = run.frame(path)
        if frame is None or path.stem.endswith("predictions"):
            continue
        caption = AUDIT.get(path.stem, f"{label(path.stem)}.")
        made_in = run.cell(rf"[\"']{path.stem}(\.csv)?[\"']")
        table = from_frame(frame, caption, limit=25, source=address(path), made_in=made_in and made_in[0])
        if frame.empty:
            table.caption = f"{caption.rstrip('.')}: none found."
        tables.append(table)
    guess = run.at.audit / "source_only.json"
    if guess.is_file():
        tables.append(_scores(run, files.read_json(guess), AUDIT["source_only"], address(guess)))
    return tables


def _audit_place(path: Path) -> tuple[int, str]:
    known = list(AUDIT)
    return known.index(path.stem) if path.stem in known else len(known), path.stem


def _scores(run: Run, scores: dict[str, Any], caption: str, source: str) -> Table:
    rows = [[Cell(label(name)), _percent(scores[name])] for name in SCORES if name in scores]
    made_in = run.cell(r"[\"']source_only(\.json)?[\"']", r"\bsource_only\(")
    return Table(caption, ["Score", "Value (%)"], rows, [False, True], source, made_in and made_in[0])


def _percent(value: Any) -> Cell:
    known = isinstance(value, int | float)
    return Cell(f"{100 * value:.1f}" if known else text(None), marks=("number",))


def experiments_table(run: Run, address) -> Table:
    """Every row of the run: how it was trained and what it scores on the test set (share of 1, in percent)."""
    rows = []
    for name in run.experiments:
        settings, scores = run.settings(name), run.metrics(name) or {}
        kept = scores.get("best_epoch")
        cells = [Cell(name, href=run.page_of(name), note="" if scores else "not trained yet")]
        pretrained = table1.pretrained_on(settings) if "pretraining" in settings else None
        cells += [cell(settings.get("backbone")), cell(pretrained or None)]
        cells += [cell(settings.get(key)) for key in ("class_weights", "augmentation")]
        cells.append(cell(bool(settings.get("fine_tuning") or settings.get("continues"))))
        cells += [cell(scores.get("free_params")), cell(kept), *(_percent(scores.get(score)) for score in SCORES)]
        path = run.at.experiment(name) / "metrics.json"
        cells.append(Cell("metrics.json", href=address(path)) if path.is_file() else Cell(text(None)))
        rows.append(cells)
    columns = ["Row", "Network", "Pretrained on", "Class weights", "Augmentation", "Fine-tuned"]
    columns += ["Free parameters", "Epoch kept", *(f"{label(score)} (%)" for score in SCORES), "File"]
    numeric = [False] * 6 + [True] * 9 + [False]
    return Table("Every row of this run on the test set.", columns, rows, numeric)


def parameters_table(entries: list[dict[str, Any]], caption: str, file: str) -> Table:
    """Parameters with their comments; a value that the file does not have is noted."""
    rows = []
    for entry in entries:
        given = entry.get("file_value")
        note = "" if given is None else f"{file}: {text(given)}"
        rows.append(
            [Cell(entry["key"]), Cell(_literal(entry["value"]), note=note), Cell(entry["comment"] or text(None))]
        )
    return Table(caption, ["Parameter", "Value", "What it is, and its source"], rows, [False] * 3)


def _literal(value: Any) -> str:
    """A parameter as its file writes it: numbers are not rounded."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return str(value)


def provenance_tables(run: Run) -> dict[str, Any]:
    """Tables of the provenance page by name; `parameters` is a list of them, one a section of the file."""
    record, file = run.record, f"params/runs/{run.name}.yaml"
    sections: dict[str, list[dict[str, Any]]] = {}
    for entry in record["parameters"]:
        sections.setdefault(entry["section"] or "Parameters", []).append(entry)
    steps = pd.DataFrame(record["steps"], columns=["step", "seconds", "training_seconds", "memory_mb"])
    whole, training = steps["seconds"].sum(), steps["training_seconds"].sum()
    times = "Seconds and memory of each step; steps run beside each other."
    if whole:
        times += f" Of {whole:,.0f} s in all, {training:,.0f} s ({training / whole:.0%}) were training."
    steps = steps.rename(columns={"training_seconds": "of these training", "memory_mb": "memory, largest sample (MB)"})
    data = pd.DataFrame(record["data"], columns=["file", "bytes", "sha256"])
    packages = pd.DataFrame(sorted(record["packages"].items()), columns=["package", "version"])
    return {
        "parameters": [parameters_table(entries, f"{name}.", file) for name, entries in sections.items()],
        "experiments": [
            parameters_table(entries, f"{name} (params/experiments/{name}.yaml).", "") for name, entries in _own(run)
        ],
        "data": from_frame(data, "Prepared data of this run."),
        "packages": from_frame(packages, "Versions of Python and the packages.", limit=len(packages)),
        "steps": from_frame(steps, times, limit=len(steps)),
    }


def _own(run: Run) -> list[tuple[str, list[dict[str, Any]]]]:
    record = run.record["experiments"]
    return [(name, record[name]) for name in run.experiments if name in record]
