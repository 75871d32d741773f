"""The demo, through Snakemake and papermill, in a copy of the project: it gives what is kept in git.

Who changes what the demo gives makes the reference anew (`make reference`).
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lib import files
from lib.paths import Paths
from tests.end_to_end.project import copied, environment, front_door
from tests.test_readme import blocks

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(3600)]

CPU = Path("/proc/cpuinfo")
REFERENCE = files.read_json(Paths("demo").reference / "reference.json")
MADE_WITH = REFERENCE["made_with"]["packages"]["python"]
EQUAL_BYTES = (
    pytest.mark.skipif(
        not CPU.is_file() or " avx2 " not in CPU.read_text(), reason="equal bytes are promised where there is AVX2"
    ),
    pytest.mark.skipif(
        platform.python_version_tuple()[:2] != tuple(MADE_WITH.split(".")[:2]),
        reason=f"the versions of packages follow Python's, which was {MADE_WITH} for the reference",
    ),
)


def where_bytes_are_equal(test):
    """Marks a test that only holds where the reference promises equal bytes."""
    for mark in EQUAL_BYTES:
        test = mark(test)
    return test


ROWS = ["RN1", "RN2", "RN3", "RN4", "RN5", "RN6", "RN7", "RN8", "CN1", "CN2", "CN3"]
SCORES = ["accuracy", "macro_f1", "covid_precision", "covid_recall", "covid_f1"]
CHEST = ["covid-19", "normal", "pneumonia"]


def reproduce(*more: str, changes: str = "") -> list[str]:
    return front_door("--set", changes, *more)


@pytest.mark.parametrize("row", ROWS)
def test_what_a_row_leaves(project, row):
    folder = project / "results/demo/experiments" / row
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {*SCORES, "macro_auc", "covid_auc", "free_params", "seconds"} <= set(metrics)
    assert all(metrics[name] is None or 0 <= metrics[name] <= 1 for name in SCORES)
    predictions = pd.read_csv(folder / "predictions.csv")
    assert list(predictions.columns) == ["image_id", "group_id", "source", "label", *CHEST]
    np.testing.assert_allclose(predictions[CHEST].sum(axis=1), 1, atol=1e-5)
    index = pd.read_csv(project / "data/demo/covidx/index.csv")
    assert set(predictions["image_id"]) == set(index.loc[index["split"] == "test", "image_id"])
    assert len(pd.read_csv(folder / "history.csv"))
    assert (folder / "model.keras").stat().st_size > 1e6
    assert (folder / "last_epoch.npz").is_file() == (row in ("RN1", "RN3", "RN5", "CN1")), "linear rows alone leave it"


def test_the_readme_s_lines_load_a_network_that_answers(project, tmp_path):
    (lines,) = blocks("python")
    one = next(project.glob("data/demo/phantoms/covidx-sources/*/images/*.png"))
    assert "chest.png" in lines
    said = subprocess.run(
        [sys.executable, "-c", lines.replace("chest.png", str(one))],
        cwd=project, env=environment(project), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    probabilities = [float(number) for number in re.findall(r"\d\.\d*", said.rpartition("[[")[2])]
    assert len(probabilities) == 3
    assert sum(probabilities) == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize(("name", "channels"), [("covidx", 1), ("ham10000", 3)])
def test_prepared_data(project, name, channels):
    folder = project / "data/demo" / name
    index = pd.read_csv(folder / "index.csv")
    assert list(index.columns[:7]) == ["image_id", "group_id", "source", "label", "split", "file", "sha256"]
    images = np.load(folder / "images.npy", mmap_mode="r")
    assert images.shape == (len(index), 64, 64, channels)
    assert images.dtype == np.uint8
    assert list(pd.read_csv(folder / "excluded.csv").columns[:3]) == ["file", "source", "reason"]
    assert (index.groupby("group_id")["split"].nunique() == 1).all(), "all images of a patient are in one split"


def test_table_1(project):
    table = pd.read_csv(project / "results/demo/table1.csv").set_index("id")
    assert list(table.index[:11]) == ROWS
    for name in SCORES:
        rows = table.loc[ROWS]
        assert {name, f"{name}_low", f"{name}_high", f"{name}_published"} <= set(table.columns)
        known = rows[f"{name}_patients"] >= 18
        assert rows.loc[~known, [f"{name}_low", f"{name}_high"]].isna().all(axis=None)
        rows = rows[known & rows[name].notna()]
        assert (rows[f"{name}_low"] <= rows[name] + 1e-9).all()
        assert (rows[name] <= rows[f"{name}_high"] + 1e-9).all()
    assert table["accuracy_low"].notna().all()
    assert table["data"].str.startswith("phantoms").all()
    assert table.loc["RN7", "free_params"] == 23_525_507
    assert table.loc["RN2", "free_params"] == table.loc["RN2", "free_params_published"] == 15_240_195


@pytest.mark.parametrize("name", ["1a", "1b", "2a", "2b", "3a", "3b", "4a", "4b", "5a", "5b"])
def test_figures(project, name):
    stem = project / "figures/demo" / f"figure_{name}"
    assert stem.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    assert stem.with_suffix(".pdf").read_bytes()[:4] == b"%PDF"


def test_report_provenance_and_terminal(project):
    report = project / "results/demo/report"
    assert "PHANTOM DATA" in (report / "index.html").read_text()
    assert len(list(report.glob("**/*.html"))) > 11
    assert json.loads((project / "results/demo/provenance.json").read_text())
    terminal = (project / "terminal.txt").read_text()
    assert "RN4" in terminal
    assert "results/demo/report/index.html" in terminal
    assert not list((project / "results/demo/notebooks").glob("*.failed.ipynb"))


@where_bytes_are_equal
def test_the_demo_gives_its_reference_byte_for_byte_though_it_was_killed_on_the_way(project):
    same = "The same as the reference, byte for byte: 11 of 11 rows, table1.csv and claims.csv."
    terminal = (project / "terminal.txt").read_text()
    assert same in terminal, terminal[-3000:]


def planned(project, changes=""):
    """Names of the rules that Snakemake gives a reason to run."""
    done = subprocess.run(
        reproduce("--snakemake=--dry-run", changes=changes),
        cwd=project, env=environment(project), capture_output=True, text=True, check=True,
    )  # fmt: skip
    _, _, reasons = (done.stdout + done.stderr).partition("Reasons:")
    return set(re.findall(r"\w+", reasons))


def test_nothing_runs_again_unless_something_changed(project):
    assert planned(project) == set()


def test_a_change_reruns_what_depends_on_it_and_nothing_else(project):
    changed = project / "lib/explainers/integrated_gradients.py"
    before = changed.read_text()
    changed.write_text(before + "\n# a comment\n")
    rules = planned(project)
    changed.write_text(before)
    assert {"explainability", "explanation_scorecard", "report"} <= rules
    assert not {"experiment", "pretraining", "data_preparation", "architectures"} & rules


def test_a_changed_parameter_or_file_of_the_user_s_reruns_what_takes_it_and_nothing_else(project, tmp_path):
    rules = planned(project, "bootstrap_samples=1001")
    assert {"performance", "explanation_scorecard", "claims", "report"} <= rules
    assert not {"experiment", "linear_stage", "pretraining", "data_preparation", "explain_your_image"} & rules
    mine = shutil.copy(next(project.glob("data/demo/phantoms/covidx-sources/**/*.png")), tmp_path / "mine.png")
    changes = f"own_image={mine}"
    assert "explain_your_image" in planned(project, changes)
    command = reproduce("--snakemake=results/demo/notebooks/09_explain_your_image.ipynb", changes=changes)
    subprocess.run(command, cwd=project, env=environment(project), capture_output=True, check=True)
    assert "explain_your_image" not in planned(project, changes)
    content = bytearray(mine.read_bytes())
    content[-1] ^= 1  # another file of the same name and size
    mine.write_bytes(content)
    assert "explain_your_image" in planned(project, changes)
    back = reproduce("--snakemake=results/demo/notebooks/09_explain_your_image.ipynb")
    subprocess.run(back, cwd=project, env=environment(project), capture_output=True, check=True)


@where_bytes_are_equal
def test_another_machine_s_cores_kernels_locale_and_time_zone_give_the_same_bytes(tmp_path):
    """One visible core, three notebooks at once, and an environment that asks for other kernels and more threads."""
    other = copied(tmp_path / "project")
    otherwise = environment(other) | {
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "TF_NUM_INTRAOP_THREADS": "2",
        "OMP_NUM_THREADS": "2",
    }
    otherwise |= {"PYTHONHASHSEED": "3", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    rows = [f"results/demo/experiments/{row}/predictions.csv" for row in ("RN7", "CN1")]
    command = reproduce("--jobs", "3", f"--snakemake={' '.join(rows)}")
    pinned = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), *command]
    done = subprocess.run(pinned, cwd=other, env=otherwise, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    for row, path in zip(("RN7", "CN1"), rows, strict=True):
        assert hashlib.sha256((other / path).read_bytes()).hexdigest() == REFERENCE["run"][row], row
