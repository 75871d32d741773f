"""The reference of a run: what it gave once, kept in git, so that whoever runs it again can say "the same here".

`results/reference/<run>/` holds `table1.csv` as the run wrote it; `claims.csv` (id, both verdicts and data of each
claim); `predictions.csv` (a line a test image, a column a row and class, probabilities rounded to `DECIMALS`);
`figure_5b.png` where the images are phantoms, since pictures of patients are never copied; and `reference.json`:
SHA-256 of what the run wrote (`run`) and of the files here (`files`), what the run was made with (`made_with`), and the
`seconds` of its steps, from which the next run tells how long it may take.
Rows are those of seed 1; further seeds show in table1.csv.
"""

import re
import shutil
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lib import files
from lib.data.labels import CHEST_CLASSES
from lib.evaluation import runs, table1
from lib.evaluation.standing import read_standing
from lib.paths import Paths, show

DECIMALS = 5
FIGURE = "figure_5b.png"
PARTS = {"parameters": "settings", "data": "data", "packages": "versions", "machine": "machine", "code": "code"}
"""What a run is made with, the likeliest reason of a difference first."""


@dataclass(frozen=True)
class Comparison:
    """A run beside its reference; `str` gives all of it in at most 110 columns.

    Attributes:
        sentence: what came out.
        rows: a line for each row of Table 1 whose predictions differ, as text: the largest difference of a probability
            (0..1), our macro F1 minus the reference's (percentage points), and the number of images compared.
        notes: rows that one side lacks, verdicts that changed, the likely reason.
    """

    sentence: str
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        sentence, *notes = (textwrap.fill(text, 110, break_on_hyphens=False) for text in (self.sentence, *self.notes))
        return "\n".join([sentence, *([self.rows.to_string()] if len(self.rows) else []), *notes])


def compare(at: Paths, record: dict[str, Any]) -> Comparison:
    """Compares what a run left with its reference; that one is missing or damaged is said likewise.

    Args:
        at: the run.
        record: its provenance (provenance.json).
    """
    if not at.reference.is_dir():
        return Comparison(f"There is no reference of run {at.run}; `make reference RUN={at.run}` makes this run one.")
    if (kept := _read(at.reference)) is None:
        remedy = f"git can restore it, and `make reference RUN={at.run}` makes it anew"
        return Comparison(f"The reference {show(at.reference)} is damaged or incomplete; {remedy}.")
    ours, theirs = _digests(at), kept["run"]
    names = [name for name in theirs if not name.endswith(".csv")]
    equal = [name for name in theirs if ours.get(name) == theirs[name]]
    count = f"{len(set(equal) & set(names))} of {len(names)} rows"
    if ours == theirs:
        return Comparison(f"The same as the reference, byte for byte: {count}, table1.csv and claims.csv.")
    notes = {"Not in this run": theirs.keys() - ours.keys(), "Not in the reference": ours.keys() - theirs.keys()}
    said = [f"{side}: {', '.join(sorted(lacking))}." for side, lacking in notes.items() if lacking]
    if "claims.csv" in ours and "claims.csv" not in equal:
        said.append(_verdicts(at))
    tables = ", ".join(f"{name} is{'' if name in equal else ' not'}" for name in ("table1.csv", "claims.csv"))
    return Comparison(
        f"Not the same as the reference, byte for byte: {count} are, {tables}.",
        _rows(at, [name for name in names if name in ours and name not in equal]),
        (*said, _reason(facts(record), kept["made_with"])),
    )


def write(at: Paths) -> Comparison:
    """Makes a finished run its own reference; reference.json, which knows the others' hashes, is written last.

    Returns:
        The run beside the reference so far.

    Raises:
        ValueError: the run is not finished: something is missing, or newer than its provenance, which is made last.
    """
    pictures = {FIGURE: at.figures / FIGURE} if read_standing(at).phantoms else {}
    written, ended = _written(at), at.provenance.stat().st_mtime if at.provenance.is_file() else 0
    for path in (at.provenance, at.covidx / "settings.json", *written.values(), *pictures.values()):
        if not path.is_file() or path.stat().st_mtime > ended:
            state = f"is newer than {show(at.provenance)}" if path.is_file() else "is missing"
            raise ValueError(
                f"run {at.run} is not finished: {show(path)} {state}; `make reproduce RUN={at.run}` ends it"
            )
        files.check(path)
    record = files.read_json(at.provenance)
    before = compare(at, record)
    rows = [_probabilities(name, path) for name, path in written.items() if not name.endswith(".csv")]
    claims = pd.read_csv(at.claims, keep_default_na=False)[["id", "verdict", "published_verdict", "data"]]
    probabilities = pd.concat(rows, axis=1).rename_axis("image_id").reset_index()
    files.write_csv(at.reference / "predictions.csv", probabilities)
    files.write_csv(at.reference / "claims.csv", claims)
    for name, path in {"table1.csv": at.table1, **pictures}.items():
        with files.replacing(at.reference / name) as temporary:
            shutil.copyfile(path, temporary)
    if not pictures:
        (at.reference / FIGURE).unlink(missing_ok=True)
    names = ("table1.csv", "claims.csv", "predictions.csv", *pictures)
    kept = {"run": _digests(at), "files": {name: files.sha256(at.reference / name) for name in names}}
    seconds = {step["step"]: step["seconds"] for step in record["steps"] if step["seconds"] is not None}
    kept |= {"decimals": DECIMALS, "made_with": facts(record), "seconds": seconds}
    files.write_json(at.reference / "reference.json", kept)
    return before


def facts(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What may make two runs differ, from a provenance record: a mapping for each of `PARTS`; paths are left out."""
    parameters = {entry["key"]: entry["value"] for entry in record["parameters"]}
    own = [pair for pair in record["experiments"].items() if pair[0] in parameters.get("experiments", ())]
    for row, entries in own:  # those of a study are not part of a reference
        parameters |= {f"{row} {entry['key']}": entry["value"] for entry in entries if entry["key"] != "experiment"}
    machine = {name: parameters.pop(name, None) for name in ("instruction_set", "threads")}
    code = record["code"]
    return {
        "parameters": {name: value for name, value in parameters.items() if "/" not in str(value)},
        "data": {"/".join(Path(entry["file"]).parts[-2:]): entry["sha256"] for entry in record["data"]},
        "packages": record["packages"],
        "machine": machine | {name: record["hardware"][name] for name in ("system", "processor", "gpus")},
        "code": {"version": code["version"], "commit": f"{code['commit']}{' with changes' * bool(code['changed'])}"},
    }


def _read(folder: Path) -> dict[str, Any] | None:
    """reference.json, or None where it or a file beside it is not as it was written."""
    try:
        kept = files.read_json(folder / "reference.json")
        whole = all(files.sha256(folder / name) == digest for name, digest in kept["files"].items())
        return kept if whole and set(PARTS) <= set(kept["made_with"]) and "run" in kept else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _written(at: Paths) -> dict[str, Path]:
    """What is compared byte for byte: the predictions of each row of the run's Table 1, that table, and the claims."""
    ids = table1.read_ledger(at.table1)["id"] if at.table1.is_file() else []
    rows = {name: at.experiment(name) / "predictions.csv" for name in ids if name not in table1.BASELINES}
    return rows | {"table1.csv": at.table1, "claims.csv": at.claims}


def _digests(at: Paths) -> dict[str, str]:
    return {name: files.sha256(path) for name, path in _written(at).items() if path.is_file()}


def _probabilities(row: str, path: Path) -> pd.DataFrame:
    test = runs.read_predictions(path)
    return pd.DataFrame(test.probabilities, test.images, [f"{row} {name}" for name in CHEST_CLASSES]).round(DECIMALS)


def _rows(at: Paths, names: list[str]) -> pd.DataFrame:
    """How far off these rows are, as `Comparison.rows`."""
    kept = pd.read_csv(at.reference / "predictions.csv", dtype={"image_id": str}).set_index("image_id")
    here, there = (
        table1.read_ledger(path).set_index("id")["macro_f1"] for path in (at.table1, at.reference / "table1.csv")
    )
    lines = {}
    for name in names:
        ours = _probabilities(name, at.experiment(name) / "predictions.csv")
        off = (ours - kept[ours.columns]).abs().dropna()  # the images that both have
        most, points = off.to_numpy().max(initial=0), here[name] - there[name]
        lines[name] = [
            f"{most:.{DECIMALS}f}" if most else f"< {10**-DECIMALS:.{DECIMALS}f}",
            table1.ABSENT if np.isnan(points) else f"{points:+.1f}",
            str(len(off)),
        ]
    columns = ["largest difference of a probability", "difference of macro F1, points", "images compared"]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns)


def _verdicts(at: Paths) -> str:
    """The claims whose verdict is another one."""
    sides = {side: folder / "claims.csv" for side, folder in (("here", at.results), ("there", at.reference))}
    both = pd.DataFrame({side: pd.read_csv(path, index_col="id")["verdict"] for side, path in sides.items()}).fillna(
        "none"
    )
    changed = both[both["here"] != both["there"]]
    pairs = [f"{name} {here} / {there}" for name, here, there in changed.itertuples()]
    return f"Verdicts (here / in the reference): {', '.join(pairs) or 'the same, from other numbers'}."


def _reason(ours: dict[str, dict[str, Any]], theirs: dict[str, dict[str, Any]]) -> str:
    """What differs in what both were made with; the code alone is named where nothing else differs."""
    found = {}
    for part, word in PARTS.items():
        pairs = {name: (value, theirs[part][name]) for name, value in ours[part].items() if name in theirs[part]}
        if differing := [f"{name} {one} / {other}" for name, (one, other) in pairs.items() if one != other]:
            found[word] = ", ".join(differing)
    if set(found) - {"code"}:
        said = "; ".join(f"{word}: {text}" for word, text in found.items())
        said = f"Likely reason (here / in the reference): {said}."
    else:
        code = f"differs: {found['code']}" if found else f"is the same, commit {ours['code']['commit']}"
        said = f"No difference in settings, data, versions or processor was found; the code {code}."
    return re.sub(r"\b([0-9a-f]{10})[0-9a-f]{30,}", r"\1", said)  # hashes, shortened
