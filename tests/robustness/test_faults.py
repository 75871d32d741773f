"""Files of a finished run are damaged, all at once; the same command gives what an undisturbed run gave."""

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import nbformat
import pytest

from lib import params
from tests.end_to_end.project import copied, environment, front_door
from tests.test_readme import lines_of
from workflow.front import overrides

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1800)]

SMALL = (
    "image_size=32 epochs=2 pretraining_epochs=1 phantom_images=120 phantom_skin_images=84 phantom_size=96 "
    "bootstrap_samples=100 experiments=[RN3]"
)


def flip(path: Path) -> None:
    """One bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other(path: Path) -> None:
    path.write_text("[]")


def gone(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


ROW, COVIDX, HAM = "results/demo/experiments/RN3", "data/demo/covidx", "data/demo/ham10000"
FAULTS = [
    (f"{COVIDX}/images.npy", flip),
    (f"{COVIDX}/images.csv", cut),
    (f"{COVIDX}/index.csv", gone),
    (f"{COVIDX}/excluded.csv", flip),
    (f"{COVIDX}/settings.json", other),
    (f"{COVIDX}/masks.npy", cut),
    (f"{COVIDX}/boxes.csv", gone),
    (f"{COVIDX}/ledger.csv", empty),
    (f"{HAM}/images.npy", cut),
    (f"{HAM}/images.csv", flip),
    (f"{HAM}/index.csv", empty),
    ("data/demo/phantoms/covidx-sources/covid-chestxray-dataset/metadata.csv", cut),
    ("data/demo/phantoms/ham10000/HAM10000_metadata.csv", flip),
    ("data/demo/phantoms/phantoms.json", other),
    ("results/demo/pretraining/resnet50v2.keras", cut),
    (f"{ROW}/model.keras", flip),
    (f"{ROW}/last_epoch.npz", cut),
    (f"{ROW}/predictions.csv", flip),
    (f"{ROW}/predictions_validation.csv", gone),
    (f"{ROW}/history.csv", empty),
    (f"{ROW}/settings.json", other),
    (f"{ROW}/metrics.json", empty),
    ("results/demo/audit/source_only.json", other),
    ("results/demo/table1.csv", gone),
    ("results/demo/claims.csv", flip),
    ("results/demo/claims_comparisons.csv", cut),
    ("results/demo/errata.csv", gone),
    ("results/demo/checks.csv", a_folder),
    ("results/demo/table1.tex", flip),
    ("results/demo/parameters.csv", a_loop),
    ("figures/demo/figure_1a.png", flip),
    ("figures/demo/figure_2b.png", cut),
    ("figures/demo/figure_3a.png", gone),
    ("figures/demo/figure_3b.pdf", empty),
    ("figures/demo/figure_2a.pdf", gone),
    ("results/demo/notebooks/02_architectures.ipynb", cut),
    ("results/demo/notebooks/05_performance.ipynb", other),
    ("results/demo/provenance.json", empty),
    ("results/demo/made_in.json", cut),
    ("results/demo/report/index.html", flip),
    ("results/demo/report/05_performance.html", gone),
]
TIMED = (".ipynb", ".html", "provenance.json", "metrics.json")
"""Files that hold times: they cannot be equal, but whole."""


def weights(path: Path) -> dict[str, bytes]:
    """The arrays of a .keras file, which is an archive with times."""
    found = {}
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
        file.visititems(
            lambda name, of: found.update({name: of[()].tobytes()}) if isinstance(of, h5py.Dataset) else None
        )
    return found


def run(project: Path) -> subprocess.CompletedProcess:
    command = front_door("--set", SMALL)
    return subprocess.run(command, cwd=project, env=environment(project), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A finished run and a copy of its files; then every fault, and the same command again."""
    copy = copied(tmp_path_factory.mktemp("faults") / "project")
    first = run(copy)
    assert first.returncode == 0, first.stdout[-4000:] + first.stderr[-4000:]
    for name in ("data", "results", "figures"):
        shutil.copytree(copy / name, copy.parent / "undisturbed" / name)
    for name, damage in FAULTS:
        damage(copy / name)
    for activations in (copy / "data/activations").glob("[!.]*"):
        other(activations / "complete.json")
    again = run(copy)
    (copy / "terminal.txt").write_text(again.stdout)
    assert again.returncode == 0, again.stdout[-4000:] + again.stderr[-4000:]
    return copy


@pytest.mark.parametrize(("name", "damage"), FAULTS, ids=[f"{damage.__name__}-{name}" for name, damage in FAULTS])
def test_what_was_damaged_is_made_again(project, name, damage):
    made, before = project / name, project.parent / "undisturbed" / name
    assert made.is_file()
    assert not made.is_symlink()
    if name.endswith(".keras"):
        assert weights(made) == weights(before) != {}
    elif not name.endswith(TIMED):
        assert made.read_bytes() == before.read_bytes()
    elif name.endswith(".html"):
        assert made.read_text().rstrip().endswith("</html>")
    else:
        assert json.loads(made.read_text()).keys() == json.loads(before.read_text()).keys()


@pytest.mark.parametrize("name", [name for name, damage in FAULTS if damage is not gone and "/phantoms/" not in name])
def test_each_damaged_file_is_named_and_set_aside(project, name):
    aside = (project / name).with_name(f"{Path(name).name}.damaged")
    said = (project / "terminal.txt").read_text()
    assert f"{name}: damaged; set aside as {aside.name}, made again" in said
    if "/report/" not in name:  # its folder holds its pages and nothing else
        assert os.path.lexists(aside)


def test_what_was_deleted_is_named_too_and_nothing_is_a_traceback(project):
    said = (project / "terminal.txt").read_text()
    assert "more: gone; made again" in said
    assert "RN7 is not among the rows" in " ".join(said.split())
    assert "Traceback" not in said


def test_a_third_time_nothing_is_left_to_do(project):
    before = {path: path.stat().st_mtime_ns for path in project.glob("results/demo/notebooks/*.ipynb")}
    done = run(project)
    assert done.returncode == 0
    assert before == {path: path.stat().st_mtime_ns for path in project.glob("results/demo/notebooks/*.ipynb")}
    assert "damaged" not in done.stdout
    assert not [*(project / "results/demo").glob("checkpoints/*")]


def parameters(executed: Path, source: Path) -> dict[str, object]:
    """The values of what a notebook lists, papermill's in place of its own."""
    found = {}
    for cell in nbformat.read(executed, as_version=4).cells:
        if {"parameters", "injected-parameters"} & {*cell.metadata.get("tags", [])}:
            exec(cell.source, found)
    return {name: found[name] for name in params.listed_in(source)}


@pytest.mark.parametrize("line", lines_of("papermill"), ids=lambda line: line.split("/")[-1])
def test_the_readme_s_lines_of_papermill_do_what_the_run_did_and_end_where_it_did_not(project, line):
    """With the sizes of the run: where it has executed the notebook with the same values, this is not done again."""
    program, *words = shlex.split(line)
    sizes = overrides(SMALL.partition(" experiments")[0], "").items()
    command = [str(Path(sys.executable).with_name(program)), *words]
    command += [word for name, value in sizes for word in ("-p", name, str(value))]
    (source,) = (project / word for word in words if word.startswith("notebooks/"))
    for more in (["--prepare-only"], []):
        done = subprocess.run(
            [*command, *more], cwd=project, env=environment(project), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
        assert "unknown parameter" not in done.stderr
        mine = parameters(project / "out.ipynb", source)
        if any(parameters(one, source) == mine for one in project.glob(f"results/demo/notebooks/{source.stem}*.ipynb")):
            return
    assert (project / f"results/demo/experiments/{mine['experiment']}/metrics.json").is_file()
