"""Executed notebooks, whole and stopped, as pages."""

import nbformat
import pytest

from tests.workflow.report import synthetic
from workflow.report import notebook


@pytest.fixture
def executed(at):
    folder = at(only={"notebooks"})
    return {item.stem: item for item in notebook.read_all(folder.notebooks, ["RN4", "RN3"])}


def rendered(item):
    body, images = notebook.render(item, notebook.converter(), lambda href: None)
    return body.html, images


def test_they_stand_by_number_and_then_in_the_order_of_the_rows(executed):
    experiments = [name for name in executed if name.startswith("04")]
    assert experiments == ["04_experiment-RN4", "04_experiment-RN3", "04_experiment-CN2"]
    assert next(iter(executed)) == "00_data_preparation"
    assert list(executed)[-1] == "06_explainability"


def test_repeats_with_further_seeds_follow_their_row(tmp_path):
    for name in ("RN3", "RN4-seed10", "RN4-seed2", "RN4"):
        nbformat.write(nbformat.v4.new_notebook(), tmp_path / f"04_experiment-{name}.ipynb")
    found = [item.variant for item in notebook.read_all(tmp_path, ["RN4", "RN3"])]
    assert found == ["RN4", "RN4-seed2", "RN4-seed10", "RN3"]


def test_the_title_is_the_first_heading_and_leaves_the_text(executed):
    item = executed["04_experiment-RN4"]
    assert item.name == "RN4: What does this row of Table 1 score?"
    assert "<h1" not in rendered(item)[0]


def test_code_is_folded_and_cells_have_their_names_as_anchors(executed):
    page, _ = rendered(executed["05_performance"])
    assert 'id="table-1-shown"' in page
    assert page.count('<details class="source">') == 4
    assert executed["05_performance"].find("figure_4a") == ("cell-3", "ROC curves of two networks.")
    assert executed["05_performance"].find("nothing like it") is None


def test_dated_log_lines_stay_out_and_printed_text_is_escaped(executed):
    page, _ = rendered(executed["04_experiment-RN4"])
    assert "a dated log line" not in page
    assert "epoch 1 good &lt;img src=x" in page
    assert "\x1b" not in page


def test_text_printed_in_pieces_stands_together(tmp_path):
    pieces = [nbformat.v4.new_output("stream", name="stdout", text=f"epoch {n}\n") for n in (1, 2)]
    cells = [nbformat.v4.new_code_cell("train()", outputs=pieces)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "05_x.ipynb")
    page, _ = rendered(notebook.read(tmp_path / "05_x.ipynb"))
    assert "<pre>epoch 1\nepoch 2\n</pre>" in page


def test_a_picture_that_a_cell_shows_twice_stands_once(tmp_path):
    data = {"image/png": "AAAA"}
    twice = [nbformat.v4.new_output("display_data", data=data), nbformat.v4.new_output("execute_result", data=data)]
    cells = [nbformat.v4.new_code_cell("figure", outputs=twice)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "05_x.ipynb")
    page, images = rendered(notebook.read(tmp_path / "05_x.ipynb"))
    assert (page.count("<img"), len(images)) == (1, 1)


def test_a_stopped_notebook_shows_the_error_and_what_did_not_run(executed):
    item = executed["06_explainability"]
    assert item.failure.startswith("ZeroDivisionError: ")
    assert item.unfinished == 1
    page, _ = rendered(item)
    assert 'id="failed-cell"' in page
    assert '<details class="source" open="">' in page


def test_a_stopped_execution_is_shown_in_place_of_the_whole_one_before_it(tmp_path):
    for name, title in (("05_x", "Whole"), ("05_x.failed", "Stopped")):
        cell = nbformat.v4.new_markdown_cell(f"# {title}")
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / f"{name}.ipynb")
    (found,) = notebook.read_all(tmp_path, [])
    assert (found.title, found.stem, found.page) == ("Stopped", "05_x", "05_x.html")


def test_a_notebook_that_is_being_written_is_not_shown(tmp_path):
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / ".05_x-abc.part.ipynb")
    assert notebook.read_all(tmp_path, []) == []


def test_images_lie_beside_the_page_with_their_description(executed):
    page, images = rendered(executed["05_performance"])
    assert list(images) == ["images/05_performance-2-0.png"]
    assert images["images/05_performance-2-0.png"] == synthetic.picture(seed=7)
    assert 'alt="ROC curves of two networks."' in page


def test_a_widget_is_named_and_not_run(executed):
    page, _ = rendered(executed["05_performance"])
    assert "an interactive control" in page
    assert "model_id" not in page


def test_a_file_that_is_no_notebook_is_refused_with_its_name(tmp_path):
    (tmp_path / "01_x.ipynb").write_text("{")
    with pytest.raises(ValueError, match=r"01_x\.ipynb: not a notebook .*run its step again"):
        notebook.read(tmp_path / "01_x.ipynb")
