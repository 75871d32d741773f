import ast
import json
import re
import subprocess
import sys

import nbformat
import pytest

from lib import params
from lib.paths import NOTEBOOKS, ROOT
from workflow import dag

STUDY = {notebook for name in params.studies() for notebook in params.study(name)["notebooks"]}
STORY = sorted({path.stem for path in NOTEBOOKS.glob("[0-9]*.ipynb")} - STUDY)  # of a plain run


def test_a_notebook_depends_on_what_it_imports_and_on_what_that_imports():
    files = dag.sources("04_experiment")
    assert files[0] == "notebooks/04_experiment.ipynb"
    assert {"lib/training/row.py", "lib/training/stage.py", "lib/models/freezing.py", "lib/files.py"} <= set(files)
    assert not [file for file in files if file.startswith(("lib/explainers/", "lib/phantoms/"))]


@pytest.mark.parametrize("name", STORY)
def test_a_change_in_the_machinery_makes_no_notebook_run_again(name):
    assert not [file for file in dag.sources(name) if file.startswith("workflow/")]


def test_the_benchmark_depends_on_what_it_imports_of_the_machinery():
    files = dag.sources("benchmark")
    assert {"workflow/bench/cost.py", "workflow/bench/measure.py"} <= set(files)
    assert not [file for file in files if file.startswith(("workflow/report/", "workflow/download/"))]


def test_a_search_s_trials_are_its_rows_with_what_was_drawn():
    asked = dag.asked("search", "demo", {"trials": 2})
    whole, trial = asked["RN4"].model_dump(), asked["RN4-trial_002"].model_dump()
    unlike = {key for key, value in trial.items() if value != whole[key]}
    assert unlike - {"experiment", "diverging"} <= {"fine_tuning_learning_rate", "fine_tuning_start"}
    assert (trial["experiment"], trial["diverging"], trial["continues"]) == ("RN4-trial_002", "keep", "RN3")
    assert len(asked) == 4 + 3 * 2


def test_the_library_imports_nothing_of_the_machinery():
    for path in (ROOT / "lib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] in ("workflow", "tests", "xplique")], path


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("lib.data.convert", ("pandas", "tqdm", "joblib")),  # without them, processes that convert start fast
        ("lib.phantoms", ("tensorflow", "keras")),
        ("lib.evaluation.claims, lib.figures.performance", ("tensorflow",)),
        ("workflow.report.site, workflow.report.__main__", ("tensorflow",)),
    ],
)
def test_what_needs_no_heavy_package_loads_none(modules, heavy):
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_report_depends_on_its_own_files():
    files = dag.package("report")
    assert "workflow/report/__main__.py" in files
    assert [file for file in files if file.endswith((".j2", ".css"))]
    assert not [file for file in files if not file.startswith("workflow/report/") or file.endswith(".pyc")]


def test_only_listed_parameters_are_passed():
    values = dag.values("04_experiment", params.load("demo", "RN6"), seed=4)
    assert values["experiment"] == "RN6"
    assert values["continues"] == "RN5"
    assert values["seed"] == 4
    assert "phantom_images" not in values
    assert "bootstrap_samples" not in values


@pytest.fixture(scope="module")
def dry_run():
    """What Snakemake would do for three rows, one of them a stage of another, with two seeds, on such a cluster."""
    changes = {"experiments": ["RN2", "CN1-described"], "explained_experiment": "RN2", "seeds": [1, 2]}
    changes |= {"fine_tuning_from": "as_published", "threads": 0}
    config = ["run=demo", "jobs=2", "cpus=2", "gpus=1", f"set={dag.packed(changes)}"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile", "--forceall", "--dry-run",
         "--printshellcmds", "--nolock", "--cores", "2", "--config", *config],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_notebook_of_the_story_is_executed_with_its_parameters(dry_run):
    executed = [line.split() for line in dry_run.splitlines() if "-m workflow.execute" in line]
    targets = {line[line.index("workflow.execute") + 2].split("/")[-1].removesuffix(".ipynb") for line in executed}
    rows = {f"{row}{seed}" for row in ("RN1", "RN2", "CN1-described") for seed in ("", "-seed2")}
    networks = ("resnet50v2", "covidnet-as_described")
    once = set(STORY) - {"03_pretraining", "04_experiment"}
    assert targets == once | {f"03_pretraining-{name}" for name in networks} | {f"04_experiment-{row}" for row in rows}
    given = {t: json.loads(t.partition("--values '")[2].rstrip("'")) for t in dry_run.splitlines() if "--values" in t}
    (second,) = [values for line, values in given.items() if "/04_experiment-RN2-seed2.ipynb" in line]
    assert (second["experiment"], second["continues"], second["seed"]) == ("RN2", "RN1", 2)
    (skin,) = [values for line, values in given.items() if "/03_pretraining-covidnet-as_described.ipynb" in line]
    assert (skin["backbone"], skin["shortcuts"], skin["classifier_l2"]) == ("covidnet", "as_described", "as_described")
    assert skin["seed"] == 1, "all seeds start from one network"


@pytest.fixture(scope="module")
def asked(dry_run):
    """What the notebooks' jobs ask of a cluster, by rule: threads and resources."""
    jobs = [part.partition(":\n") for part in dry_run.split("\nrule ")[1:]]
    numbers = re.compile(r"\b(threads|mem_mb|runtime|gpu)[=:] ?(\d+)")
    return {rule: dict(numbers.findall(said)) for rule, _, said in jobs if "workflow.execute" in said}


def test_jobs_take_cores_and_gpus_from_the_profile_and_networks_take_the_gpu(asked):
    with_gpu = {"pretraining", "linear_stage", "experiment", "explainability", "integrated_gradients_steps"}
    with_gpu |= {"explanation_scorecard", "explain_your_image"}
    assert {rule for rule in asked if asked[rule]["gpu"] == "1"} == with_gpu
    assert {job["threads"] for job in asked.values()} == {"2"}


def test_what_a_job_asks_for_is_more_than_the_demo_was_seen_to_take(asked):
    assert int(asked["experiment"]["mem_mb"]) > 1.5 * 2147  # the most of 29 notebooks, in MB, in a whole demo
    assert int(asked["data_exploration"]["mem_mb"]) > 1.5 * 854
    assert int(asked["experiment"]["runtime"]) > int(asked["overview"]["runtime"]) >= 60


def test_a_row_continues_its_parent_with_its_own_seed_and_starts_from_the_one_pretrained_network(dry_run):
    jobs = [part for part in dry_run.split("\nrule ") if "04_experiment" in part.partition("output:")[2].split("\n")[0]]
    reads = {re.search(r"04_experiment-([\w-]+)\.ipynb", job)[1]: job.partition("output:")[0] for job in jobs}
    for seed in ("", "-seed2"):
        assert "pretraining/resnet50v2.keras" in reads[f"RN1{seed}"]
        assert "pretraining/covidnet-as_described.keras" in reads[f"CN1-described{seed}"]
        assert f"experiments/RN1{seed}/model.keras" in reads[f"RN2{seed}"]
        assert f"experiments/RN1{seed}/last_epoch.npz" in reads[f"RN2{seed}"]


def test_the_report_is_told_in_which_notebook_each_file_was_made(dry_run):
    (line,) = [line for line in dry_run.splitlines() if "-m workflow.report" in line]
    assert len(line) < 16_000, "rows and seeds do not lengthen it: a command may have 131,072 letters"
    made_in = json.loads(line.partition("--made-in '")[2].partition("'")[0])
    assert made_in["results/demo/table1.csv"] == "05_performance"
    assert made_in["results/demo/experiments/{row}/metrics.json"] == "04_experiment-{row}"
    assert made_in["data/demo/covidx/images.npy"] == "00_data_preparation"
    assert made_in["results/demo/pretraining/{network}.keras"] == "03_pretraining-{network}"
    assert made_in["results/demo/experiments/{row}/last_epoch.npz"] == "04_experiment-{row}"
    for name in ("1a", "1b", "2a", "2b", "3a", "3b", "5a", "5b"):
        stem = made_in[f"figures/demo/figure_{name}.png"]
        notebook = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4)
        assert any(f"figure_{name}" in cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert "figures/demo/figure_4a.png" not in made_in, "it needs RN4 and CN2, which are not run"
