"""The studies at the smallest size: their rows, their pages, their verdicts."""

import subprocess

import pandas as pd
import pytest
import yaml

from lib import params
from lib.evaluation import studies
from tests.end_to_end.project import copied, environment, front_door

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

SMALL = (
    "image_size=32 epochs=2 scratch_epochs=1 pretraining_epochs=1 phantom_images=120 phantom_skin_images=84 "
    "phantom_size=96 bootstrap_samples=100 experiments=[RN3] trials=2"
)
ROWS = ["RN7-boxed_out", "RN3-without_sirm"]


def call(project, *more):
    command = front_door("--set", SMALL, *more)
    return subprocess.run(command, cwd=project, env=environment(project), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = copied(tmp_path_factory.mktemp("study"))
    fewer = params.study("shortcuts") | {"rows": ROWS}
    (project / "params" / "studies" / "shortcuts.yaml").write_text(yaml.safe_dump(fewer))
    done = call(project, "--study", "shortcuts")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def test_every_line_says_what_was_measured_on_how_many_patients(project):
    results = project / "results" / "demo" / "studies"
    table = studies.read_table(results / "shortcuts.csv")
    assert list(table.columns) == list(studies.COLUMNS)
    assert {"view_covid_auc", "lost_covid_auc", "recall_lost", "drop_rsna", "floor_metadata"} <= set(table["measure"])
    assert {"RN7-boxed_out", "RN3"} <= set(table["row"])
    few = table[table["measure"].str.startswith("view_") & (table["patients"] < 18)]
    assert len(few)
    assert few["low"].isna().all(), "no interval from few patients"
    verdicts = pd.read_csv(results / "shortcuts_claims.csv")
    assert len(verdicts) >= 6
    assert verdicts["data"].str.startswith("phantoms").all()


def test_the_report_has_the_study_s_pages(project):
    report = project / "results" / "demo" / "report"
    page = (report / "12_could_it_be_the_hospital.html").read_text(encoding="utf-8")
    assert "RN7-border was not run: make study STUDY=shortcuts" in page
    detectors = pd.read_csv(report.parent / "studies" / "shortcuts_detectors.csv")
    assert set(detectors["run"]) == {"demo"}
    assert len(detectors) > 5
    assert "make study STUDY=shortcuts RUN=demo-marker_50" in (report / "16_do_the_detectors_answer.html").read_text()
    for name in ("13_within_one_hospital", "14_what_else_tells_the_class", "15_are_the_critics_right"):
        assert (report / f"{name}.html").is_file()


def test_the_same_command_finds_nothing_left_to_do(project):
    before = {path: path.stat().st_mtime_ns for path in (project / "results" / "demo" / "experiments").rglob("*.*")}
    done = call(project, "--study", "shortcuts")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "to execute" not in done.stdout
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_augmentation_is_shown_and_judged_as_far_as_its_rows_were_run(project):
    fewer = params.study("augmentation") | {"compared_with": ["RN7"], "rows": ["RN8-flip"]}
    (project / "params" / "studies" / "augmentation.yaml").write_text(yaml.safe_dump(fewer))
    done = call(project, "--study", "augmentation")
    assert done.returncode == 0, done.stdout + done.stderr
    results = project / "results" / "demo" / "studies"
    table = studies.read_table(results / "augmentation.csv")
    assert table[["row", "measure"]].drop_duplicates().to_numpy().tolist() == [["RN8-flip − RN7", "over_none"]]
    assert pd.read_csv(results / "augmentation_claims.csv")["verdict"].tolist() == ["not run", "not run", "undecided"]
    page = (results.parent / "report" / "17_does_augmentation_help.html").read_text(encoding="utf-8")
    assert "rows that were not run: RN4, RN8, RN6" in page


def test_a_trial_that_diverges_is_a_line_with_its_reason_and_is_not_chosen(project):
    fewer = params.study("search") | {"compared_with": ["RN3"], "space": {"RN3": {"learning_rate": [1e-4, 0.9]}}}
    (project / "params" / "studies" / "search.yaml").write_text(yaml.safe_dump(fewer))
    stage = project / "lib" / "training" / "stage.py"  # a linear classifier's loss stays finite at any rate
    code = stage.read_text(encoding="utf-8")
    stage.write_text(code.replace("if not math.isfinite(loss):", "if self._rate > 0.05:"), encoding="utf-8")
    done = call(project, "--study", "search")
    assert done.returncode == 0, done.stdout + done.stderr
    results = project / "results" / "demo"
    trials = pd.read_csv(results / "studies" / "search_trials.csv").set_index("trial")
    assert list(trials.index) == ["RN3-trial_001", "RN3-trial_002"]
    assert (trials["learning_rate"] > 0.05).tolist() == [False, True]
    assert trials.loc["RN3-trial_002", "reason"].startswith("linear, epoch 1: the loss is ")
    assert trials["val_macro_f1"].notna().tolist() == [True, False]
    table = studies.read_table(results / "studies" / "search.csv")
    assert set(table["trained_on"]) == {"RN3-trial_001"}
    report = results / "report"
    assert (report / "18_random_search.html").is_file()
    assert not list(report.glob("*trial*")), "a trial has no page of its own"


def test_an_unknown_study_is_refused(project):
    done = call(project, "--study", "short")
    assert done.returncode == 1
    assert done.stderr.strip() == "STUDY: found 'short', expected augmentation or search or shortcuts"
