"""`make archive` and `make verify`: a run in one zip, and whether a zip is one."""

import hashlib
import json
import re
import shutil
import subprocess
import tomllib
import zipfile

import nbformat
import pandas as pd
import pytest
import yaml

from lib import files, paths
from lib.evaluation import bootstrap, runs, standing, table1
from tests.evaluation import synthetic
from workflow import archive, provenance

ROWS, NOTEBOOK = ["RN4", "CN2"], "04_experiment-RN4.ipynb"
PROJECT = paths.ROOT
RECORD = {
    "parameters": [
        {"key": "experiments", "value": ROWS, "comment": "rows"},
        {"key": "seeds", "value": [1], "comment": ""},
        {"key": "bootstrap_samples", "value": 100, "comment": "resamples"},
        {"key": "deterministic", "value": True, "comment": ""},
    ],
    "packages": {"numpy": "0.9"},
    "code": {"version": "0.1.0", "commit": "0123456789" * 4, "changed": False},
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run of two rows on phantoms, with an executed notebook and a figure of each kind."""
    for name in ("LICENSE", "CITATION.cff", "README.md", "requirements.lock", "pyproject.toml", "workflow/Snakefile"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    at = paths.Paths("demo")
    synthetic.write(at, experiments=ROWS, patients=20)
    rows = runs.read_rows(at, ROWS, [1])
    given = {"standing": standing.read_standing(at), "draws": bootstrap.Resampler(100)}
    files.write_csv(at.table1, table1.make_ledger(rows, runs.baseline_rows(at, rows), ROWS, **given))
    files.write_text(at.claims, "id\nbest\n")
    for name in ("figure_2a.png", "figure_5a.png", "gallery.pdf"):
        files.write_text(at.figures / name, name)
    lasted(at, 1.5)
    return at


def lasted(at, seconds):
    """Writes what tells how long the run took."""
    files.write_json(at.provenance, RECORD | {"steps": [{"step": "04_experiment-RN4", "seconds": seconds}]})
    path = at.experiment("RN4") / "metrics.json"
    files.write_json(path, files.read_json(path) | {"seconds": seconds})
    html = f'<table id="T_{int(seconds * 1e4):05x}"><td id="T_{int(seconds * 1e4):05x}_row0_col0">kept</td></table>'
    shown = {
        "text/html": html,
        "image/png": "iVBORw0KGgo=",
        "text/plain": f"<Styler at 0x{seconds * 1e6:.0f}>",
    }
    outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="epoch 1\n"),
        nbformat.v4.new_output("stream", name="stderr", text=f"41%, {seconds} s\n"),
        nbformat.v4.new_output("display_data", data=shown),
    ]
    cell = nbformat.v4.new_code_cell("train()", outputs=outputs, metadata={"papermill": {"duration": seconds}})
    cell.id = "cell-1"
    injected = nbformat.v4.new_code_cell("epochs = 1", metadata={"tags": ["injected-parameters"]})
    node = nbformat.v4.new_notebook(cells=[cell, injected], metadata={"papermill": {"duration": seconds}})
    files.write_text(at.notebooks / NOTEBOOK, nbformat.writes(node))
    files.write_text(at.notebooks / "92_provenance.ipynb", nbformat.writes(node))


def inside(path):
    with zipfile.ZipFile(path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def rewritten(path, relisted=False, **changes):
    """The archive with some files changed, added, or (None) left out; `relisted` writes their hashes anew, too."""
    content = inside(path) | {name.replace("__", "/"): value for name, value in changes.items()}
    content = {name: value for name, value in content.items() if value is not None}
    if relisted:
        hashes = {
            name: hashlib.sha256(value).hexdigest() for name, value in content.items() if name != archive.MANIFEST
        }
        content[archive.MANIFEST] = "".join(f"{digest}  {name}\n" for name, digest in hashes.items()).encode()
    target = path.with_name("changed.zip")
    with zipfile.ZipFile(target, "w") as zipped:
        for name, value in content.items():
            zipped.writestr(name, value)
    return target


def test_an_archive_verifies_and_says_what_it_was_made_with(run):
    hashes, recomputed, made = archive.verify(archive.pack("demo"))
    assert re.fullmatch(r"All \d\d files have the SHA-256 that manifest-sha256.txt lists\.", hashes)
    assert recomputed == "Table 1 follows from the predictions: 2 rows, 2 baselines."
    here = provenance.package_versions()["numpy"]
    assert made == f"Made by version 0.1.0, commit {'0123456789' * 4}, with numpy 0.9 ({here} here)."


def test_archives_of_equal_runs_are_equal_whatever_time_they_took(run):
    first = archive.pack("demo").read_bytes()
    lasted(run, 99.25)
    assert archive.pack("demo").read_bytes() == first


def test_an_archive_holds_results_and_text_but_no_pictures_in_notebooks_no_networks_and_no_seconds(run):
    (run.experiment("RN4") / "model.keras").write_text("weights")
    content = inside(archive.pack("demo"))
    assert {f"figures/demo/{name}" for name in ("figure_2a.png", "figure_5a.png", "gallery.pdf")} <= set(content)
    assert not [name for name in content if name.endswith(".keras") or "92_" in name or ".sums" in name]
    cell, _ = nbformat.reads(content[f"results/demo/notebooks/{NOTEBOOK}"].decode(), as_version=4).cells
    assert [output.get("text") or dict(output.data) for output in cell.outputs] == [
        "epoch 1\n",
        {"text/html": '<table id="T_0"><td id="T_0_row0_col0">kept</td></table>'},
    ]
    assert "seconds" not in json.loads(content["results/demo/experiments/RN4/metrics.json"])
    index = content["data/demo/covidx/index.csv"].decode().splitlines()[0]
    assert index == "image_id,group_id,label,split"


def test_pictures_of_patients_stay_at_home(run):
    path = run.covidx / "settings.json"
    files.write_json(path, files.read_json(path) | {"data": "/data/x-rays"})
    content = inside(archive.pack("demo"))
    assert [name for name in content if name.startswith("figures/")] == ["figures/demo/figure_2a.png"]


def test_no_place_of_this_machine_is_told(run):
    folder = str(run.root.parent / "x-rays of mine")
    path = run.covidx / "settings.json"
    files.write_json(path, files.read_json(path) | {"data": folder})
    record = files.read_json(run.provenance)
    record["parameters"].append({"key": "data", "value": folder, "comment": ""})
    files.write_json(run.provenance, record)
    content = inside(archive.pack("demo"))
    assert json.loads(content["data/demo/covidx/settings.json"])["data"] == "x-rays of mine"
    assert not [name for name, text in content.items() if str(run.root.parent).encode() in text]


def test_the_metadata_describe_every_file_and_point_to_nothing_that_is_not_there(run):
    content = inside(archive.pack("demo"))
    graph = {entity["@id"]: entity for entity in json.loads(content[archive.METADATA])["@graph"]}
    assert {name for name in content if name not in (archive.METADATA, archive.MANIFEST)} <= set(graph)
    root = graph["./"]
    assert root["mainEntity"] == {"@id": "workflow/Snakefile"}
    assert {of["@id"] for of in root["conformsTo"]} >= set(archive.PROFILES)
    assert graph["#value-bootstrap_samples"] == {
        "@id": "#value-bootstrap_samples",
        "@type": "PropertyValue",
        "name": "bootstrap_samples",
        "value": 100,
        "exampleOfWork": {"@id": "#parameter-bootstrap_samples"},
    }
    assert graph["#parameter-deterministic"]["additionalType"] == "Boolean"
    pointed = re.findall(r'\{\s*"@id": "([^"]+)"\s*\}', content[archive.METADATA].decode())
    assert {name for name in pointed if not name.startswith("https:")} <= set(graph)


@pytest.mark.skipif(
    not shutil.which("rocrate-validator"), reason="roc-validator is not installed (it wants another rich)"
)
def test_a_validator_finds_a_workflow_run_crate(run, tmp_path):
    with zipfile.ZipFile(archive.pack("demo")) as zipped:
        zipped.extractall(tmp_path / "crate")
    command = ["rocrate-validator", "validate", "-p", "workflow-run-crate-0.5", str(tmp_path / "crate"), "--no-paging"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


METRICS = "results/demo/experiments/RN4/metrics.json"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({METRICS: b"{}"}, rf"not as it was written: {METRICS} \(changed\)"),
        ({METRICS: None}, rf"{METRICS} \(missing\)"),
        ({"notes.txt": b"mine"}, r"notes.txt \(not listed\)"),
        ({archive.MANIFEST: None}, "no archive of a run"),
    ],
)
def test_a_changed_archive_is_refused_and_what_changed_is_named(run, change, words):
    with pytest.raises(archive.Unverified, match=words):
        archive.verify(rewritten(archive.pack("demo"), **change))


def test_predictions_that_do_not_give_table_1_are_found_where_the_hashes_were_mended(run):
    name = "results/demo/experiments/CN2/predictions.csv"
    path = archive.pack("demo")
    table = pd.read_csv(run.root / name)
    table[["covid-19", "normal"]] = table[["normal", "covid-19"]].to_numpy()
    changed = rewritten(path, relisted=True, **{name: table.to_csv(index=False).encode()})
    with pytest.raises(archive.Unverified, match="Table 1 does not follow from the predictions: CN2 accuracy"):
        archive.verify(changed)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("results/demo/provenance.json", None, r"found 0 files results/<run>/provenance\.json"),
        ("results/demo/provenance.json", b"{}", "not what a run leaves"),
        ("results/demo/experiments/RN4/predictions.csv", b"image_id\n1\n", "not what a run leaves"),
    ],
)
def test_an_archive_of_something_else_is_refused_though_its_hashes_are_right(run, name, content, words):
    changed = rewritten(archive.pack("demo"), relisted=True, **{name: content})
    with pytest.raises(archive.Unverified, match=words):
        archive.verify(changed)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", None])
def test_what_is_no_zip_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "odd.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(archive.Unverified, match=r"odd\.zip: cannot be read"):
        archive.verify(path)


def test_an_unfinished_run_is_refused(run):
    run.claims.unlink()
    with pytest.raises(
        ValueError, match=r"not finished: results/demo/claims.csv is missing; `make reproduce RUN=demo`"
    ):
        archive.pack("demo")


def test_the_version_stands_in_one_place_and_is_cited_and_logged():
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    first = re.search(r"^## \[(.+?)\] - (.+)$", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert citation["version"] == version == first[1]
    assert str(citation["date-released"]) == first[2]
