import os
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lib import params
from lib.paths import ROOT
from workflow.execute import NotebookFailed, execute

METADATA = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def write(path, *sources):
    parameters = new_code_cell('run = "demo"\nepochs = 10', metadata={"tags": ["parameters"]})
    cells = [new_markdown_cell("# A question?"), parameters, *map(new_code_cell, sources)]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), path)
    return path


def outputs(path):
    return [output.get("text", "") for c in nbformat.read(path, 4).cells for output in c.get("outputs", [])]


def test_a_failed_cell_is_named_and_what_ran_is_kept_until_a_later_success(tmp_path, capfd):
    notebook = write(tmp_path / "a.ipynb", "print('before')", "first = 1\nraise ValueError('no such label')")
    with pytest.raises(NotebookFailed) as failure:
        execute(notebook, tmp_path / "out" / "a.ipynb", {}, "row A")
    message = str(failure.value)
    assert "row A: cell 3 (In [3]), which begins `first = 1`, failed" in message
    assert "ValueError: no such label" in message
    assert "a.failed.ipynb" in message
    assert not (tmp_path / "out" / "a.ipynb").exists()
    assert "before\n" in outputs(tmp_path / "out" / "a.failed.ipynb")
    mended = write(tmp_path / "a.ipynb", "print('epochs:', epochs)")
    execute(mended, tmp_path / "out" / "a.ipynb", {"epochs": 3}, "row A")
    assert outputs(tmp_path / "out" / "a.ipynb") == ["epochs: 3\n"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.ipynb")) == ["a.ipynb"]
    assert "row A" in capfd.readouterr().out


def test_misspelt_parameters_are_refused(tmp_path):
    notebook = write(tmp_path / "a.ipynb")
    with pytest.raises(params.ParameterError, match=r"does not list epoch$"):
        execute(notebook, tmp_path / "o.ipynb", {"epoch": 3}, "A")


def test_a_kernel_that_dies_is_reported(tmp_path):
    notebook = write(tmp_path / "a.ipynb", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(NotebookFailed, match="the kernel died"):
        execute(notebook, tmp_path / "out" / "a.ipynb", {}, "A")
    assert (tmp_path / "out" / "a.failed.ipynb").exists()


def test_what_a_user_has_set_for_other_work_does_not_reach_the_kernel(tmp_path):
    """Another backend would show no pictures; another kernel, or a startup file, would run other code."""
    kernel, startup = tmp_path / "jupyter/kernels/python3", tmp_path / "ipython/profile_default/startup"
    for folder in (kernel, startup):
        folder.mkdir(parents=True)
    (kernel / "kernel.json").write_text('{"argv": ["false"], "display_name": "x", "language": "python"}')
    (startup / "00.py").write_text("raise SystemExit")
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\n")
    theirs = {"JUPYTER_PATH": str(kernel.parents[1]), "IPYTHONDIR": str(tmp_path / "ipython"), "MPLBACKEND": "Agg"}
    source = "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.rcParams['axes.facecolor']"
    notebook = write(tmp_path / "a.ipynb", source)
    done = subprocess.run(
        [sys.executable, "-m", "workflow.execute", notebook, tmp_path / "out/a.ipynb"], cwd=ROOT, check=False,
        env=os.environ | theirs | {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    shown = [output.data for output in nbformat.read(tmp_path / "out/a.ipynb", 4).cells[-1].outputs]
    assert [sorted(data)[0] for data in shown] == ["text/plain", "image/png"]
    assert shown[0]["text/plain"] == "'white'"
