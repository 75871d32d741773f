"""The rules of the house for notebooks."""

import ast
import re

import nbformat
import pytest

from lib import params
from lib.paths import NOTEBOOKS

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
RN3 = params.load("demo", "RN3")
STORY = [f"{n:02d}" for n in range(19)]  # from 12 on a study's; then come the appendices
APPENDICES = ["90", "91", "92", "93"]
# what stands in the cells themselves, not behind one call
METHOD = {
    "03_pretraining": [r"\.compile\(", r"\.fit\("],
    "04_experiment": [r"\.compile\(", r"\.fit\("],
    "06_explainability": ["GradientTape"],
}


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_story_is_complete():
    assert [path.stem[:2] for path in PATHS] == [*STORY, *APPENDICES, "be"]


@pytest.mark.parametrize(("name", "pattern"), [(name, pattern) for name in METHOD for pattern in METHOD[name]])
def test_the_method_is_on_the_page(name, pattern):
    cells = code(nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4))
    assert any(re.search(pattern, cell.source) for cell in cells)


def test_no_notebook_imports_the_machinery(notebook):
    if not notebook.cells[0].source.startswith("# What do shared stages"):  # the benchmark, which is about it
        for cell in code(notebook):
            assert not re.search(r"\b(from|import) workflow\b", cell.source)


def test_the_first_cell_asks_a_question_and_says_what_is_needed(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# .*\?$", first.source.splitlines()[0])
    for word in ("Inputs", "Outputs", "Runtime", "Paper"):
        assert f"**{word}" in first.source


def test_parameters_are_commented_and_equal_the_demo(notebook):
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    assert cell.cell_type == "code"
    assert cell == code(notebook)[0], "the parameters come first"
    assert all("#" in line for line in cell.source.splitlines() if line.strip()), "every parameter has a comment"
    namespace = {}
    exec(cell.source, namespace)
    for name in params._literal_assignments(cell.source):
        if name not in ("experiment", "backbone"):
            assert namespace[name] == getattr(RN3, name), f"{name} differs from the demo run"
    namespace["In"] = ["", cell.source]
    assert params.check(namespace), "the defaults pass the notebook's own check"


def test_committed_without_outputs(notebook):
    for cell in code(notebook):
        assert not cell.outputs
        assert cell.execution_count is None


def test_cells_and_functions_are_short_and_there_are_no_classes(notebook):
    for cell in code(notebook):
        assert len(cell.source.splitlines()) <= 25, cell.source.splitlines()[0]
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.ClassDef)
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 15, node.name


def test_nothing_that_hides_or_installs(notebook):
    for cell in code(notebook):
        assert not re.search(r"^\s*[!%]|import \*|\bpip\b|filterwarnings|simplefilter", cell.source, re.MULTILINE)
        assert not re.search(r"Path\(|os\.path|\.\./", cell.source), "paths come from lib.paths"


def test_no_function_is_written_twice():
    bodies = [
        ast.dump(node)
        for path in PATHS
        for cell in code(nbformat.read(path, as_version=4))
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.FunctionDef)
    ]
    assert len(bodies) == len(set(bodies))


def test_every_shown_figure_has_a_description(notebook):
    for cell in code(notebook):
        last = cell.source.strip().splitlines()[-1] if cell.source.strip() else ""
        if "style.save(" in cell.source or re.match(r"(figure|fig)\b", last):
            assert len(cell.metadata.get("alt", "")) > 20, last
