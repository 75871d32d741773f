"""Errata about the data: sources, split and patient ids. The lines are as in `lib.evaluation.errata`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

from lib import files
from lib.data import lists
from lib.evaluation.runs import CLASSES, published_table
from lib.paths import Paths, show

COLUMNS = ("id", "title", "section", "report_says", "computed", "evidence", "consequence")

SETS = "ids = {f'patient-{k}' for k in range(%d)}\nimport random\nrandom.seed(1)\nprint(*random.sample(list(ids), %d))"
"""Draws from a set of strings with a fixed seed, as the authors' split did."""


def erratum(name: str, title: str, section: str, says: str, computed: str, evidence: str, consequence: str) -> dict:
    """One line of the table."""
    return dict(zip(COLUMNS, (name, title, section, says, computed, evidence, consequence), strict=True))


def source_only(at: Paths, data: Path | None) -> list[dict]:
    """What knowing an image's source alone scores, beside the best published COVID-19 F1."""
    published = published_table()["covid_f1"].astype(float)
    best = f"{published.max() / 100:.2f} ({', '.join(published.index[published == published.max()])})"
    says = f"Best COVID-19 F1 {best}; the networks 'learnt meaningful features of the dataset'"
    parts, firsts = [], []
    path = at.audit / "source_only.json"
    if path.is_file():
        value = files.read_json(path)["covid_f1"]
        firsts.append(f"{value:.3f} on this run's test set")
        parts.append(f"{show(path)}: COVID-19 F1 {value:.3f}")
    for name, lines in full_lists(data).items():
        covid = lines["label"] == CLASSES[0]
        if covid.any() and not covid.all():
            precision, recall, f1 = _guess(covid, lines["source"] != "rsna")
            firsts.append(f"{f1:.3f} on {name}")
            parts.append(f"{name}: 'COVID-19 unless from RSNA' has precision {precision:.3f}, recall {recall:.3f}")
    if not parts:
        return []
    return [
        erratum(
            "source-only",
            "Knowing only where an image comes from must be beaten first",
            "3.1, 5.1, 5.2",
            says,
            "COVID-19 F1 from the source alone: " + ", ".join(firsts),
            "; ".join(parts),
            "A high score does not show that lungs were looked at; every result stands beside this baseline.",
        )
    ]


def nominal_split(test_share: float, validation_share: float) -> dict:
    """15 % of the rest is not 15 % of all."""
    train, validation = (1 - test_share) * (1 - validation_share), (1 - test_share) * validation_share
    found = f"{100 * train:.2f} / {100 * validation:.2f} / {100 * test_share:.0f}"
    return erratum(
        "nominal-split",
        "The split is not 70/15/15",
        "3, caption of Figure 2",
        "About 70 % training, 15 % validation, 15 % test",
        f"{found} %",
        f"the validation set takes {100 * validation_share:.0f} % of what the test set leaves: "
        f"{1 - test_share:g} x {validation_share:g} = {validation:.4f}",
        "Small; the companion draws it the same way.",
    )


def split_seed(ids: int = 40, drawn: int = 6) -> dict:
    """The same seed in two processes whose strings hash differently."""
    draws = {seed: _draw_from_set(seed, ids, drawn) for seed in ("1", "2")}
    same = _draw_from_set("1", ids, drawn) == draws["1"]
    shown = {seed: ", ".join(name.removeprefix("patient-") for name in found) for seed, found in draws.items()}
    return erratum(
        "split-seed",
        "The seed did not fix the split",
        "3",
        "One split of the patients (the authors' code seeds its generator)",
        f"random.seed(1) draws patients {shown['1']} in one process and {shown['2']} in another",
        f"a set of {ids} ids, PYTHONHASHSEED=1 and 2; the same one twice draws {'the same' if same else 'others'}",
        "The published split cannot be had again; the companion orders ids by their SHA-256 digests.",
    )


def id_collisions(at: Paths, data: Path | None) -> list[dict]:
    """Bare patient ids that several sources use; none where no collision is found."""
    parts = []
    for name, lines in full_lists(data).items():
        parts += _collisions(lines, name)
    if not parts and (at.covidx / "index.csv").is_file():
        index = pd.read_csv(at.covidx / "index.csv", usecols=["group_id", "source"], dtype=str)
        bare = [group.removeprefix(f"{source}-") for group, source in zip(index.group_id, index.source, strict=True)]
        parts = _collisions(index.assign(patient=bare), show(at.covidx / "index.csv"))
    if not parts:
        return []
    return [
        erratum(
            "id-collisions",
            "Patients of different sources share their numbers",
            "3",
            "Ids were sampled, so that all images of a patient are in one subset",
            "; ".join(parts),
            "patient ids that are a number, with or without COVID before it",
            "With bare ids different people are taken for one; the companion prefixes every id with its source.",
        )
    ]


def full_lists(data: Path | None) -> dict[str, pd.DataFrame]:
    """Full COVIDx train lists (columns patient, label, source), by file name, where the data folder has them."""
    folder = data / "covidx-lists-full" if data else None
    found = {}
    for path in sorted(folder.glob("train*.txt")) if folder and folder.is_dir() else []:
        text = path.read_text(encoding="utf-8", errors="replace").splitlines()
        parsed = [line for line in map(lists.parse_line, text) if line]
        lines = pd.DataFrame([vars(line) for line in parsed])
        if len(lines) and set(lines["label"]) <= set(CLASSES):
            found[path.name] = lines
    return found


def _collisions(lines: pd.DataFrame, where: str) -> list[str]:
    """In words, for each two sources whose bare numbers meet."""
    numbers = lines.assign(number=lines["patient"].map(_number)).dropna(subset=["number"])
    patients = numbers.groupby("source")["number"].unique().map(set)
    names = sorted(patients.index, key=lambda name: (-len(patients[name]), name))
    found = []
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            both = patients[one] & patients[other]
            if both:
                found.append(f"{where}: {len(both)} of {other}'s {len(patients[other])} numbers are also {one}'s")
    return found


def _number(patient: str) -> str | None:
    """The bare number of an id: of `12`, `COVID-19(12)`, `COVID 12`; None of other ids."""
    found = re.fullmatch(r"(?:COVID(?:-19)?[ -]?)?\(?0*(\d+)\)?", patient)
    return found[1] if found else None


def _guess(positive: pd.Series, called: pd.Series) -> tuple[float, float, float]:
    hits = float((positive & called).sum())
    return hits / called.sum(), hits / positive.sum(), 2 * hits / (positive.sum() + called.sum())


def _draw_from_set(hash_seed: str, ids: int, drawn: int) -> list[str]:
    found = subprocess.run(
        [sys.executable, "-c", SETS % (ids, drawn)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.split()
