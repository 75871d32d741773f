"""Parameters as notebooks meet them: the tagged cell, and papermill's injection in a real kernel."""

import nbformat
import papermill
import pytest

from lib import params, paths

DEFAULTS = 'run = "demo"  # the run\nepochs = 12  # epochs'
CHECK = "from lib import params\n\np = params.check(globals())\nprint(p.epochs, p.run)"


def write(folder, defaults=DEFAULTS, tags=("parameters",)):
    cells = [nbformat.v4.new_code_cell(defaults, metadata={"tags": list(tags)}), nbformat.v4.new_code_cell(CHECK)]
    path = folder / "tiny.ipynb"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


def execute(path, **values):
    done = papermill.execute_notebook(
        path, path.with_name("out.ipynb"), values, cwd=paths.ROOT, progress_bar=False, log_output=False
    )
    return done.cells[-1].outputs[0].text.strip()


def test_injected_values_win_over_the_notebooks_own(tmp_path):
    assert execute(write(tmp_path), run="demo", epochs=5) == "5 demo"


def test_a_value_out_of_range_stops_the_notebook_at_its_check(tmp_path):
    with pytest.raises(
        papermill.PapermillExecutionError, match=r"epochs: found 0; should be greater than or equal to 1"
    ):
        execute(write(tmp_path), run="demo", epochs=0)


def test_the_names_that_a_notebook_lists_are_read_from_its_tagged_cell(tmp_path):
    assert params.listed_in(write(tmp_path)) == ["run", "epochs"]


@pytest.mark.parametrize(
    ("defaults", "tags", "words"),
    [
        (DEFAULTS, (), "found 0 cells tagged `parameters`, expected one"),
        ("epochs = 3 * 4", ("parameters",), "may only assign literals"),
        ("epoch = 12", ("parameters",), "epoch: not a parameter"),
    ],
)
def test_an_unusable_params_is_refused(tmp_path, defaults, tags, words):
    with pytest.raises(params.ParameterError, match=words):
        params.listed_in(write(tmp_path, defaults, tags))
