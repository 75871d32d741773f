"""Executed notebooks, whole and stopped, as pages."""

import nbformat
import pytest
from bs4 import BeautifulSoup

from tests.workflow.report import synthetic
from workflow.report import notebook, site


@pytest.fixture
def executed(at):
    folder = at(only={"notebooks"})
    return {page.stem: page for page in notebook.read_pages(folder.notebooks, ["RN4", "RN3"])}


@pytest.fixture
def rendered(at):
    """The page that the site makes of some cells, and its images."""

    def render(*cells, name="05_x"):
        folder = at(only=set())
        folder.notebooks.mkdir(exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), folder.notebooks / f"{name}.ipynb")
        contents = site.build_site("demo").contents
        images = {key: value for key, value in contents.items() if key.startswith("images/")}
        return contents[f"{name}.html"].decode(), images

    return render


def code(*outputs, **metadata):
    return nbformat.v4.new_code_cell("x", outputs=list(outputs), metadata=metadata)


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def test_they_stand_by_number_and_then_in_the_order_of_the_rows(executed):
    experiments = [name for name in executed if name.startswith("04")]
    assert experiments == ["04_experiment-RN4", "04_experiment-RN3", "04_experiment-CN2"]
    assert next(iter(executed)) == "00_data_preparation"
    assert list(executed)[-1] == "92_provenance"


def test_repeats_with_further_seeds_follow_their_row(tmp_path):
    for name in ("RN3", "RN4-seed10", "RN4-seed2", "RN4", "RN4-trial_001"):  # a search's page tells of its trials
        nbformat.write(nbformat.v4.new_notebook(), tmp_path / f"04_experiment-{name}.ipynb")
    found = [page.variant for page in notebook.read_pages(tmp_path, ["RN4", "RN3"])]
    assert found == ["RN4", "RN4-seed2", "RN4-seed10", "RN3"]


def test_the_title_is_the_first_heading_and_leaves_the_text(rendered):
    page, _ = rendered(nbformat.v4.new_markdown_cell("# A *question*?\n\nText"), name="04_experiment-RN4")
    assert page.count("<h1>RN4: A question?</h1>") == page.count("<h1") == 1


def test_code_is_folded_and_anchors_are_names_or_positions_never_ids(rendered):
    cells = [code(stream("a")), code(stream("b"), name="table 1"), code(stream("c"), name="table 1")]
    for cell in cells:
        cell["id"] = f"drawn-by-chance-{cell.outputs[0].text}"
    page, _ = rendered(*cells)
    assert page.count('<details class="source">') == 3
    assert all(f'id="{anchor}"' in page for anchor in ("cell-1", "table-1", "table-1-3"))
    assert "drawn-by-chance" not in page


def test_dated_log_lines_and_raw_cells_stay_out_and_printed_text_stands_together_escaped(rendered):
    raw = nbformat.v4.new_raw_cell(synthetic.EVIL, metadata={"raw_mimetype": "text/html"})
    log = stream("2026-01-01 a dated line", "stderr")
    page, _ = rendered(raw, code(log, stream("epoch 1 \x1b[32mgood <img src=x\n"), stream("epoch 2\n")))
    assert "epoch 1 good &lt;img src=x\nepoch 2\n</pre>" in page
    assert not [word for word in ("a dated line", "\x1b", "alert") if word in page]


def test_a_picture_that_a_cell_shows_twice_stands_once_beside_the_page_with_its_description(rendered):
    data = {"image/png": "AAAA"}
    shown = [nbformat.v4.new_output(kind, data=data) for kind in ("display_data", "execute_result")]
    page, images = rendered(code(*shown, alt="A <curve>."))
    assert (page.count("<img"), images) == (1, {"images/05_x-0-0.png": b"\x00\x00\x00"})
    assert BeautifulSoup(page, "html.parser").img.attrs == {"src": "images/05_x-0-0.png", "alt": "A <curve>."}


def test_an_outputs_own_description_wins_over_its_cells(rendered):
    own = nbformat.v4.new_output("display_data", data={"image/png": "AAAA"}, metadata={"image/png": {"alt": "Own."}})
    page, _ = rendered(code(own, alt="The cell's."))
    assert BeautifulSoup(page, "html.parser").img["alt"] == "Own."


def test_a_stopped_notebook_shows_the_error_and_what_did_not_run_and_a_widget_is_named_and_not_run(at):
    at(only={"notebooks"})
    built = site.build_site("demo")
    stopped = built.at_stem["06_explainability"]
    assert stopped.failure.startswith("ZeroDivisionError: ")
    assert stopped.unfinished == 1
    page = built.contents["06_explainability.html"].decode()
    assert 'id="failed-cell"' in page
    assert page.count('<details class="source" open') == 1
    assert "This notebook stopped." in page
    assert '<span class="badge">stopped</span>' in built.contents["index.html"].decode()
    page = built.contents["05_performance.html"].decode()
    assert "an interactive control" in page
    assert "model_id" not in page


def test_a_stopped_execution_is_shown_in_place_of_the_whole_one_before_it_and_none_that_is_being_written(tmp_path):
    for name, title in (("05_x", "Whole"), ("05_x.failed", "Stopped"), (".05_x-abc.part", "Half")):
        cell = nbformat.v4.new_markdown_cell(f"# {title}")
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / f"{name}.ipynb")
    (found,) = notebook.read_pages(tmp_path, [])
    assert (found.title, found.stem, found.file) == ("Stopped", "05_x", "05_x.html")


def test_a_file_that_is_no_notebook_is_refused_with_its_name(tmp_path):
    (tmp_path / "01_x.ipynb").write_text("{")
    with pytest.raises(ValueError, match=r"01_x\.ipynb: not a notebook .*run its step again"):
        notebook.read_page(tmp_path / "01_x.ipynb")
