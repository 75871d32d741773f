import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lib import params
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
