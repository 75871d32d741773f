"""A run beside what is kept of an earlier one."""

import copy
import os
import re

import numpy as np
import pandas as pd
import pytest
from packaging.requirements import Requirement

from lib import files, params
from lib.data.labels import CHEST_CLASSES
from lib.evaluation import bootstrap, reference, runs, standing, table1
from lib.paths import ROOT, Paths
from tests.evaluation import synthetic

ROWS = ["RN4", "CN2"]
SAME = "The same as the reference, byte for byte: 2 of 2 rows, table1.csv and claims.csv."
NO_REASON = "No difference in settings, data, versions or processor was found; the code is the same, commit 0123456789."
RECORD = {
    "parameters": [
        {"key": "epochs", "value": 7},
        {"key": "data", "value": "/home/me/x-rays"},
        {"key": "instruction_set", "value": "avx2"},
        {"key": "threads", "value": 1},
        {"key": "experiments", "value": ["RN4"]},
    ],
    "steps": [{"step": "10_claims", "seconds": 24.7}, {"step": "11_overview", "seconds": None}],
    "experiments": {
        "RN4": [{"key": "experiment", "value": "RN4"}, {"key": "fine_tuning_start", "value": "conv5"}],
        "RN4-few": [
            {"key": "experiment", "value": "RN4-few"},
            {"key": "fine_tuning_start", "value": "conv1"},
        ],  # a study's
    },
    "data": [{"file": "data/demo/covidx/index.csv", "bytes": 3, "sha256": "a" * 64}],
    "packages": {"numpy": "2.4.6", "keras": "3.15.1"},
    "hardware": {"system": "Linux", "processor": "One", "cores": 2, "memory_gb": 4, "gpus": []},
    "code": {"version": "0.1.0", "commit": "0123456789" * 4, "changed": False},
}


@pytest.fixture
def run(at):
    """A finished run of two rows on phantoms."""
    synthetic.write(at, experiments=ROWS, patients=20)
    judge(at)
    claims = {"id": ["best", "worst"], "verdict": ["supported", "undecided"], "published_verdict": ["supported", ""]}
    files.write_csv(at.claims, pd.DataFrame(claims | {"data": "phantoms", "note": "long"}))
    files.write_text(at.figures / reference.FIGURE, "picture")
    files.write_json(at.provenance, RECORD)
    return at


@pytest.fixture
def kept(run):
    """The same, with itself as its reference."""
    reference.write(run)
    return run


def judge(at):
    rows = runs.read_rows(at, ROWS, [1])
    given = {"standing": standing.read_standing(at), "draws": bootstrap.Resampler(100)}
    files.write_csv(at.table1, table1.make_ledger(rows, runs.baseline_rows(at, rows), ROWS, **given))


def change(path, column, value, line=0):
    table = pd.read_csv(path, keep_default_na=False)
    table.loc[line, column] = value
    files.write_csv(path, table)


def changed(part, **values):
    record = copy.deepcopy(RECORD)
    record[part] |= values
    return record


def compared(at, record=RECORD):
    return reference.compare(at, record)


def test_an_equal_run_is_the_same_byte_for_byte(kept):
    assert str(compared(kept)) == SAME
    assert str(compared(kept, changed("packages", numpy="9.9"))) == SAME, "what differs is no reason for anything"


def test_a_reference_keeps_tables_verdicts_rounded_probabilities_and_pictures_of_phantoms(kept):
    folder = kept.reference
    assert (folder / "table1.csv").read_bytes() == kept.table1.read_bytes()
    assert (folder / "figure_5b.png").read_text() == "picture"
    assert list(pd.read_csv(folder / "claims.csv")) == ["id", "verdict", "published_verdict", "data"]
    wide = pd.read_csv(folder / "predictions.csv").set_index("image_id")
    assert list(wide) == [f"{row} {label}" for row in ROWS for label in CHEST_CLASSES]
    test = pd.read_csv(kept.experiment("CN2") / "predictions.csv").set_index("image_id")
    np.testing.assert_array_equal(wide.loc[test.index, "CN2 normal"], test["normal"].round(5))
    record = files.read_json(folder / "reference.json")
    assert record["seconds"] == {"10_claims": 24.7}
    made = record["made_with"]
    assert made["parameters"] == {"epochs": 7, "experiments": ["RN4"], "RN4 fine_tuning_start": "conv5"}, (
        "no path of a machine"
    )
    assert made["machine"].items() >= {"instruction_set": "avx2", "threads": 1, "processor": "One"}.items()


def test_a_changed_probability_is_measured_and_the_score_that_follows_it(kept):
    path, before = kept.experiment("CN2") / "predictions.csv", pd.read_csv(kept.table1).set_index("id")["macro_f1"]
    table = pd.read_csv(path)
    table.loc[2, "normal"] += 0.125  # exact in binary
    files.write_csv(path, table)
    change(kept.table1, "macro_f1", before["CN2"] - 1.5, line=1)
    found = compared(kept)
    assert found.sentence == (
        "Not the same as the reference, byte for byte: 1 of 2 rows are, table1.csv is not, claims.csv is."
    )
    assert found.rows.loc["CN2"].tolist() == ["0.12500", "-1.5", str(len(table))]
    assert list(found.rows.index) == ["CN2"]
    assert found.notes == (NO_REASON,)


def test_what_rounding_hides_is_not_called_zero_and_an_undefined_score_has_no_difference(kept):
    path = kept.experiment("RN4") / "predictions.csv"
    table = pd.read_csv(path)
    files.write_csv(path, table.assign(normal=table["normal"] + 1e-12))
    change(kept.table1, "macro_f1", np.nan)
    assert compared(kept).rows.loc["RN4"].tolist() == ["< 0.00001", table1.ABSENT, str(len(table))]


def test_images_that_one_side_lacks_are_not_compared(kept):
    path = kept.experiment("RN4") / "predictions.csv"
    table = pd.read_csv(path)
    files.write_csv(path, table.assign(image_id=["another", *table["image_id"][1:]]))
    assert compared(kept).rows.loc["RN4", "images compared"] == str(len(table) - 1)


def test_changed_verdicts_are_named(kept):
    change(kept.claims, "verdict", "contradicted", line=1)
    found = compared(kept)
    assert found.sentence.endswith("2 of 2 rows are, table1.csv is, claims.csv is not.")
    assert found.notes == ("Verdicts (here / in the reference): worst contradicted / undecided.", NO_REASON)
    change(kept.claims, "verdict", "undecided", line=1)
    change(kept.claims, "note", "another", line=1)
    assert compared(kept).notes[0] == "Verdicts (here / in the reference): the same, from other numbers."


def test_rows_that_one_side_lacks_are_named(kept):
    (kept.experiment("CN2") / "predictions.csv").unlink()
    found = compared(kept)
    assert "1 of 2 rows are" in found.sentence
    assert found.notes[0] == "Not in this run: CN2."
    ledger = pd.read_csv(kept.table1)
    synthetic.write_row(kept, "RN7", pd.read_csv(kept.covidx / "index.csv"), seed=3)
    files.write_csv(kept.table1, pd.concat([ledger, ledger[:1].assign(id="RN7")]))
    assert compared(kept).notes[:2] == ("Not in this run: CN2.", "Not in the reference: RN7.")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (changed("packages", numpy="2.5.5"), "versions: numpy 2.5.5 / 2.4.6"),
        (changed("hardware", processor="Two", cores=64), "machine: processor Two / One"),
        (RECORD | {"parameters": [{"key": "epochs", "value": 3}, *RECORD["parameters"][1:]]}, "settings: epochs 3 / 7"),
        (
            RECORD | {"parameters": [*RECORD["parameters"][:3], {"key": "threads", "value": 0}]},
            "machine: threads 0 / 1",
        ),
        (
            RECORD | {"data": [RECORD["data"][0] | {"sha256": "b" * 64}]},
            f"data: covidx/index.csv {'b' * 10} / {'a' * 10}",
        ),
        (
            changed("packages", keras="3.16.0") | {"code": changed("code", commit="f" * 40)["code"]},
            "versions: keras 3.16.0 / 3.15.1; code: commit ffffffffff / 0123456789",
        ),
    ],
)
def test_the_likely_reason_is_what_both_were_made_with(kept, record, reason):
    change(kept.claims, "verdict", "contradicted")
    assert compared(kept, record).notes[-1] == f"Likely reason (here / in the reference): {reason}."


def test_the_code_is_the_reason_where_there_is_no_other(kept):
    change(kept.claims, "verdict", "contradicted")
    assert compared(kept).notes[-1] == NO_REASON
    said = compared(kept, changed("code", changed=True)).notes[-1]
    assert said.endswith("the code differs: commit 0123456789 with changes / 0123456789.")


def test_all_of_it_fits_a_terminal(kept):
    change(kept.claims, "verdict", "contradicted")
    change(kept.experiment("RN4") / "predictions.csv", "normal", 0.5)
    text = str(compared(kept, changed("packages", numpy="1" * 30, keras="2" * 30)))
    assert max(map(len, text.splitlines())) <= 110
    assert "\nRN4 " in text


def test_without_a_reference_a_line_says_how_to_make_one(run):
    assert str(compared(run)) == "There is no reference of run demo; `make reference RUN=demo` makes this run one."


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("reference.json", None),
        ("reference.json", '{"files": {'),
        ("reference.json", "[]"),
        ("reference.json", '{"files": {}, "run": {}, "made_with": {}}'),
        ("predictions.csv", None),
        ("table1.csv", "id\n"),
    ],
)
def test_a_damaged_reference_is_one_sentence_and_can_be_made_anew(kept, name, text):
    (kept.reference / name).unlink() if text is None else (kept.reference / name).write_text(text)
    assert str(compared(kept)).replace("\n", " ") == (
        "The reference results/reference/demo is damaged or incomplete; git can restore it, and "
        "`make reference RUN=demo` makes it anew."
    )
    reference.write(kept)
    assert str(compared(kept)) == SAME


@pytest.mark.parametrize("lacking", ["provenance", "table1", "claims", "row", "figure"])
def test_an_unfinished_run_is_refused(run, lacking):
    places = {"row": run.experiment("CN2") / "predictions.csv", "figure": run.figures / "figure_5b.png"}
    path = places.get(lacking) or getattr(run, lacking)
    path.unlink()
    with pytest.raises(
        ValueError, match=f"run demo is not finished: .*{path.name} is missing; `make reproduce RUN=demo`"
    ):
        reference.write(run)
    assert not run.reference.exists()


def test_a_row_made_after_the_rest_is_refused(run):
    path = run.experiment("CN2") / "predictions.csv"
    os.utime(path, (0, run.provenance.stat().st_mtime + 1))
    with pytest.raises(ValueError, match=r"CN2/predictions.csv is newer than results/demo/provenance.json"):
        reference.write(run)


def test_making_it_anew_tells_what_changed(kept):
    change(kept.claims, "verdict", "contradicted")
    os.utime(kept.claims, (0, 0))
    assert "best contradicted / supported" in str(reference.write(kept))
    assert str(compared(kept)) == SAME


def test_pictures_of_patients_are_never_kept(kept):
    settings = files.read_json(kept.covidx / "settings.json")
    files.write_json(kept.covidx / "settings.json", settings | {"data": "/home/me/x-rays"})
    with pytest.raises(ValueError, match=r"covidx/settings.json is newer than results/demo/provenance.json"):
        reference.write(kept)  # whose pictures the figures show is not known
    files.write_json(kept.provenance, RECORD)
    reference.write(kept)
    assert not list(kept.reference.glob("*.png"))
    assert str(compared(kept)) == SAME


MADE_WITH = files.read_json(Paths("demo").reference / "reference.json")["made_with"]


def test_the_demo_s_reference_was_made_with_the_demo_s_parameters():
    made, own = MADE_WITH["parameters"] | MADE_WITH["machine"], params.read_yaml(params.RUNS / "demo.yaml")
    assert {key: made.get(key) for key in own} == own
    for row in own["experiments"]:
        values = params.read_yaml(params.EXPERIMENTS / f"{row}.yaml")
        assert {key: made.get(f"{row} {key}", row) for key in values} == values, row


@pytest.mark.parametrize("package", ["tensorflow", "keras", "numpy"])
def test_the_demo_s_reference_was_made_with_a_locked_version(package):
    lines = re.findall(rf"^{package}==[^\\\n]+", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    python = {"python_full_version": MADE_WITH["packages"]["python"]}
    locked = [one for one in map(Requirement, lines) if one.marker is None or one.marker.evaluate(python)]
    assert [str(one.specifier) for one in locked] == [f"=={MADE_WITH['packages'][package]}"]
