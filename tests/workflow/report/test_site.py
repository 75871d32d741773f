"""The report as a whole: complete, linked, escaped, equal for equal runs, and built from whatever there is."""

import itertools
import re
import shutil
import sys

import nbformat
import papermill
import pytest
from bs4 import BeautifulSoup

from lib import files, paths
from tests.workflow.report import synthetic
from tests.workflow.report.conftest import MADE_IN
from workflow.report import site
from workflow.report.__main__ import main

PARTS = ("data", "notebooks", "figures", "table1", "claims")


def pages(folder):
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.html"))}
    assert "index.html" in found
    return found


def tags(text):
    """Every element of a page: its name and its attributes."""
    return [(tag.name, tag.attrs) for tag in BeautifulSoup(text, "html.parser", multi_valued_attributes=None)()]


def check_scripts(text, name):
    assert [at for tag, at in tags(text) if tag == "script"] == [{"src": "static/report.js"}], name
    assert not any(key.startswith("on") for _, at in tags(text) for key in at), name


def check_links(folder):
    elements = {name: tags(text) for name, text in pages(folder).items()}
    ids = {name: [at["id"] for _, at in found if "id" in at] for name, found in elements.items()}
    for name, found in elements.items():
        assert len(ids[name]) == len(set(ids[name])), f"{name}: an id stands twice"
        targets = [at[key] for _, at in found for key in ("href", "src") if key in at]
        assert len(targets) > 8
        for target in targets:
            if target.startswith(("https://", "data:")):
                continue
            path, _, anchor = target.partition("#")
            assert not path or (folder / path).is_file(), f"{name}: {target}"
            if anchor:
                assert anchor in ids[path or name], f"{name}: {target}"


def test_every_link_image_and_anchor_is_there(report):
    check_links(report)


def test_nothing_is_loaded_from_the_network(report):
    for name, text in pages(report).items():
        for tag, at in tags(text):
            loaded = [at.get(key, "") for key in ("src", "href") if tag != "a"]
            assert not any(re.match(r"[a-z]+://|//", value) for value in loaded), name
    for sheet in (report / "static").iterdir():
        assert not re.search(r"https?://|@import|url\(", sheet.read_text())


def test_labels_from_the_data_are_text_on_every_page(report):
    for name, text in pages(report).items():
        check_scripts(text, name)
    for name in ("index.html", "04_experiment-RN4.html"):
        assert "alert(" in pages(report)[name], f"{name}: the label itself is shown"


def test_phantoms_are_named_on_every_page_in_its_title_and_in_print(report):
    for name, text in pages(report).items():
        assert re.search(r"<title>PHANTOM DATA", text), name
        assert "<strong>PHANTOM DATA</strong>" in text, name
        assert '<body class="phantoms">' in text, name
    sheet = (report / "static" / "report.css").read_text()
    assert ".phantoms { page: phantoms; }" in sheet
    assert re.search(r"@page phantoms \{[^}]*@top-center \{ content: \"PHANTOM DATA", sheet)


def test_a_run_on_real_data_bears_no_such_banner(at):
    folder = at()
    for path in folder.notebooks.glob("*.ipynb"):
        path.write_text(path.read_text().replace('"data": "phantoms"', '"data": "/data/chest"'))
    site.build_site("demo")
    for name, text in pages(folder.report).items():
        assert "PHANTOM" not in text, name
        assert "<body>" in text, name


def test_equal_runs_give_equal_bytes(at):
    at()
    first, again = (site.build_site("demo", MADE_IN).contents for _ in range(2))
    assert first == again


def test_what_papermill_draws_or_measures_anew_changes_no_page(at):
    """The injected cell's id is random, times differ: two executions of one notebook give the same page."""
    folder = at(only=set())
    source = paths.NOTEBOOKS / "05_tiny.ipynb"
    listed = [
        nbformat.v4.new_code_cell("run = 'x'", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import sys, time; print(run); print(time.time(), file=sys.stderr)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=listed, metadata={"language_info": {"name": "python"}}), source)
    folder.notebooks.mkdir()
    made = []
    for _ in range(2):
        target = folder.notebooks / "05_tiny.ipynb"
        papermill.execute_notebook(source, target, {"run": "demo"}, kernel_name="python3", progress_bar=False)
        made.append((target.read_bytes(), site.build_site("demo").contents["05_tiny.html"]))
    assert made[0][0] != made[1][0]
    assert made[0][1] == made[1][1]
    assert b"demo\n" in made[0][1]


@pytest.mark.parametrize("missing", PARTS)
def test_a_missing_part_leaves_the_rest_whole(at, missing):
    folder = at(only=set(PARTS) - {missing})
    site.build_site("demo", MADE_IN)
    check_links(folder.report)
    index = pages(folder.report)["index.html"]
    assert ('href="files/table1.csv"' in index) == (missing not in ("table1", "notebooks"))
    assert ('href="figures/figure_4a.pdf"' in index) == (missing not in ("figures", "notebooks"))


def test_without_an_overview_the_first_page_lists_what_is_there_and_what_is_not(at):
    folder = at()
    (folder.notebooks / "11_overview.ipynb").unlink()
    (folder.notebooks / "00_data_preparation.ipynb").unlink()
    site.build_site("demo")
    check_links(folder.report)
    index = pages(folder.report)["index.html"]
    there, missing = index.split("What is missing</h2>")
    assert '<a href="05_performance.html">05_performance</a>' in there
    assert "(stopped)" in there
    assert "00_data_preparation: Which images are there?" in missing
    assert "04_experiment:" not in missing
    assert "make reproduce RUN=demo" in missing


def test_an_empty_run_has_a_report_that_says_so(at):
    folder = at(only=set())
    site.build_site("demo")
    check_links(folder.report)
    assert "No notebook has been executed." in pages(folder.report)["index.html"]
    assert "benchmark" not in pages(folder.report)["index.html"], "only numbered notebooks are part of a run"
    assert "<strong>PHANTOM DATA</strong>" in pages(folder.report)["index.html"]


def test_pages_of_steps_that_are_gone_are_removed_and_what_no_report_wrote_stays(report):
    stale, mine = report / "04_experiment-RN1.html", report / "images" / "notes.txt"
    for path in (stale, report / "images" / "old" / "x.png"):
        files.write_text(path, "old")
    (report / "a.html.damaged").write_text("")
    mine.write_text("mine")
    site.build_site("demo")
    assert not stale.exists()
    assert not (report / "images" / "old").exists()
    assert not (report / "a.html.damaged").exists()
    assert mine.read_text() == "mine"


def test_a_link_in_place_of_the_report_is_replaced_and_not_followed(report, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine.txt").write_text("mine")
    shutil.rmtree(report)
    report.symlink_to(elsewhere)
    site.build_site("demo")
    assert (report / "index.html").is_file()
    assert [path.name for path in elsewhere.iterdir()] == ["mine.txt"]


def test_a_notebook_whose_bytes_have_changed_makes_no_page(at, monkeypatch, capsys):
    folder = at()
    notebook = folder.notebooks / "05_performance.ipynb"
    files.seal(notebook)
    notebook.write_text(notebook.read_text().replace("networks", "notworks"))
    monkeypatch.setattr(sys, "argv", ["report", "--run", "demo"])
    assert main() == 1
    assert "05_performance.ipynb: its bytes are not those that were written" in capsys.readouterr().err


def test_headings_are_in_order_and_images_described(report):
    for name, text in pages(report).items():
        levels = [int(tag[1]) for tag, _ in tags(text) if re.fullmatch("h[1-6]", tag)]
        assert (levels[0], levels.count(1)) == (1, 1), name
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), name
        assert all(at.get("alt") for tag, at in tags(text) if tag == "img"), name
        assert all(at.get("scope") for tag, at in tags(text) if tag == "th"), name


def test_files_of_the_run_are_copied_and_lead_to_the_notebook_that_made_them(report):
    text = pages(report)["index.html"]
    assert '<a href="files/table1.csv">Table 1</a> (made in <a href="05_performance.html">05_performance</a>)' in text
    assert '<a href="figures/figure_4a.pdf">4a</a> (made in' in text
    assert '<a href="files/claims.csv">weights</a></p>' in text, "a file that the mapping does not know"
    assert (report / "files" / "table1.csv").read_bytes() == (report.parent / "table1.csv").read_bytes()


def test_a_name_in_braces_stands_for_every_row(at):
    folder = at()
    cells = [nbformat.v4.new_markdown_cell("# X?\n\n[scores](../results/demo/experiments/RN4/metrics.json)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder.notebooks / "01_x.ipynb")
    site.build_site("demo", {"results/demo/experiments/{row}/metrics.json": "04_experiment-{row}"})
    made = '(made in <a href="04_experiment-RN4.html">04_experiment-RN4</a>)'
    assert f'<a href="files/experiments/RN4/metrics.json">scores</a> {made}' in pages(folder.report)["01_x.html"]


def test_links_to_other_files_keep_their_text_alone(report):
    assert ", x</p>" in pages(report)["index.html"]
    text = pages(report)["00_data_preparation.html"]
    assert "images, lib.</p>" in text
    assert '<a href="05_performance.html#table-1-shown">performance</a>' in text
    assert '<a href="index.html#the-claims">claims</a>' in text, "a heading"
    assert '<a href="04_experiment.html">the rows</a>' in text
    assert not list(report.rglob("*.npy"))


def test_data_that_lie_elsewhere_are_never_copied(at, tmp_path):
    folder = at()
    outside = tmp_path / "hospital"
    folder.covidx.rename(outside)
    folder.covidx.symlink_to(outside)
    text = "# X?\n\n[index](../data/demo/covidx/index.csv) [skin](../data/demo/ham10000/index.csv)"
    cells = [nbformat.v4.new_markdown_cell(text)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder.notebooks / "01_x.ipynb")
    site.build_site("demo")
    assert "<p>index <a" in pages(folder.report)["01_x.html"]
    assert [path.parent.name for path in folder.report.rglob("index.csv")] == ["ham10000"]


def test_executions_of_one_notebook_are_reached_from_its_page(report):
    text = pages(report)["04_experiment.html"]
    for name in synthetic.ROWS:
        assert f'<a href="04_experiment-{name}.html">{name}</a>' in text
    links = [at for tag, at in tags(pages(report)["04_experiment-RN4.html"]) if tag == "a"]
    order = [(at["rel"], at["href"]) for at in links if at.get("rel") in ("prev", "next")]
    assert order == [("prev", "04_experiment-RN3.html"), ("next", "04_experiment-CN2.html")]


def test_the_command_says_where_the_report_is_and_which_images_nobody_described(at, monkeypatch, capsys):
    folder = at(only={"notebooks"})
    bare = nbformat.v4.new_output("display_data", data={"image/png": "AAAA"})
    cells = [nbformat.v4.new_code_cell("x", outputs=[bare])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder.notebooks / "01_x.ipynb")
    monkeypatch.setattr(sys, "argv", ["workflow.report", "--run", "demo", "--made-in", "{}"])
    assert main() == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "no alternative text: images/01_x-0-0.png (give its cell the metadata `alt`)",
        "report: results/demo/report/index.html",
    ]


def test_the_command_refuses_an_unknown_run_in_one_line(at, monkeypatch, capsys):
    at(only=set())
    monkeypatch.setattr(sys, "argv", ["workflow.report", "--run", "nothing"])
    assert main() == 1
    assert re.fullmatch(r".*params/runs/nothing\.yaml.*no such file.*\n", capsys.readouterr().err)
