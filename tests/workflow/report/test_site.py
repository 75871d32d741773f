"""The report as a whole: complete, linked, escaped, equal for equal runs, and built from whatever there is."""

import itertools
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from lib import params
from tests.workflow.report import synthetic
from workflow.report import site
from workflow.report.__main__ import main

PARTS = ("data", "audit", "experiments", "notebooks", "figures", "table1", "claims", "errata")


class Elements(HTMLParser):
    """Start tags of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def pages(folder):
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.html"))}
    assert "index.html" in found
    return found


def everything(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_links(folder):
    elements = {name: Elements(text).found for name, text in pages(folder).items()}
    ids = {name: [at["id"] for _, at in found if "id" in at] for name, found in elements.items()}
    for name, found in elements.items():
        assert len(ids[name]) == len(set(ids[name])), f"{name}: an id stands twice"
        targets = [at[key] for _, at in found for key in ("href", "src") if key in at]
        assert len(targets) > 10
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
        for tag, at in Elements(text).found:
            loaded = [at.get(key, "") for key in ("src", "href") if tag != "a"]
            assert not any(re.match(r"[a-z]+://|//", value) for value in loaded), name
    for sheet in (report / "static").iterdir():
        assert not re.search(r"https?://|@import|url\(", sheet.read_text())


def test_labels_from_the_data_are_text_on_every_page(report):
    for name, text in pages(report).items():
        scripts = [at for tag, at in Elements(text).found if tag == "script"]
        assert scripts == [{"src": "static/report.js", "defer": None}], name
        assert not any(key.startswith("on") for _, at in Elements(text).found for key in at), name
    assert "&lt;script&gt;alert(" in pages(report)["data.html"]
    assert "&lt;script&gt;alert(" in pages(report)["claims.html"]


def test_phantoms_are_named_on_every_page_in_its_title_and_in_print(report):
    for name, text in pages(report).items():
        assert re.search(r"<title>PHANTOM DATA", text), name
        assert "<strong>PHANTOM DATA</strong>" in text, name
        assert "static/phantoms.css" in text, name
    assert "PHANTOM DATA" in (report / "static" / "phantoms.css").read_text()


def test_a_run_on_real_data_bears_no_such_banner(at, monkeypatch):
    folder = at()
    for path in folder.notebooks.glob("*.ipynb"):
        path.write_text(path.read_text().replace('"data": "phantoms"', '"data": "/data/chest"'))
    site.build("demo")
    for name, text in pages(folder.report).items():
        assert "PHANTOM" not in text, name


def test_equal_runs_give_equal_bytes(at, tmp_path):
    folder = at()
    site.build("demo")
    before = everything(folder.report)
    for path in sorted(folder.report.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    site.build("demo")
    assert everything(folder.report) == before


def test_durations_change_the_provenance_page_alone(at):
    folder = at()
    site.build("demo")
    before = pages(folder.report)
    for path in folder.notebooks.glob("*.ipynb"):
        node = json.loads(path.read_text())
        node["metadata"]["papermill"]["duration"] = 98765.4
        path.write_text(json.dumps(node))
    site.build("demo")
    after = pages(folder.report)
    assert {name for name in after if after[name] != before[name]} == {"provenance.html"}
    assert "98,765" in after["provenance.html"]


@pytest.mark.parametrize("missing", PARTS)
def test_a_missing_part_is_named_and_the_rest_is_shown(at, missing):
    folder = at(only=set(PARTS) - {missing})
    _, built = site.build("demo")
    check_links(folder.report)
    said = {
        "notebooks": "Notebook 00_data_preparation has not been run.",
        "experiments": "RN3, RN4",
        "table1": "Table 1 (results/demo/table1.csv) has not been made.",
        "claims": "claims.csv) has not been made.",
        "errata": "errata.csv) has not been made.",
        "figures": "Figures not made yet: 1a",
        "data": "data/demo/covidx",
        "audit": "results/demo/audit",
    }[missing]
    assert any(said in line for line in built.run.missing), built.run.missing
    assert said in pages(folder.report)["index.html"].replace("&#39;", "'")


def test_an_empty_run_has_a_report_that_says_so(at):
    folder = at(only=set())
    _, built = site.build("demo")
    check_links(folder.report)
    assert len(built.run.missing) >= 8
    assert not any("benchmark" in line for line in built.run.missing), "only numbered notebooks are part of a run"
    assert "<strong>PHANTOM DATA</strong>" in pages(folder.report)["index.html"]


def test_pages_of_steps_that_are_gone_are_removed(report):
    stale = report / "04_experiment-RN1.html"
    stale.write_text("old")
    (report / "images" / "old").mkdir()
    (report / "images" / "old" / "x.png").write_bytes(b"")
    site.build("demo")
    assert not stale.exists()
    assert not (report / "images" / "old").exists()


def test_headings_are_in_order_and_images_described(report):
    for name, text in pages(report).items():
        levels = [int(tag[1]) for tag, _ in Elements(text).found if re.fullmatch("h[1-6]", tag)]
        assert levels.count(1) == 1
        assert levels[0] == 1, name
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), name
        assert all(at.get("alt") for tag, at in Elements(text).found if tag == "img"), name
        assert all(at.get("scope") for tag, at in Elements(text).found if tag == "th"), name


def test_table_1_stands_with_intervals_published_values_and_ways_to_its_sources(report):
    text = pages(report)["index.html"]
    assert "[79.2, 87.2]" in text
    assert text.count('<span class="hidden">published </span>81') == 25
    assert '<a href="04_experiment-RN4.html#cell-5">RN4</a>' in text
    assert 'href="05_performance.html#table-1-shown"' in text
    assert 'href="files/table1.csv"' in text
    assert (report / "files" / "table1.csv").is_file()
    assert "<strong>86.2</strong>" in text
    assert "<strong>92.2</strong>" not in text, "a baseline is not the best row"


def test_figures_lead_to_their_cells_and_files(report):
    text = pages(report)["index.html"]
    assert 'href="05_performance.html#cell-3"' in text
    assert '<img src="figures/figure_4a.png" alt="ROC curves of two networks.">' in text
    assert 'href="figures/figure_4a.pdf"' in text
    assert (report / "figures" / "figure_4a.png").read_bytes() == synthetic.picture(seed=1)


def test_executions_of_one_notebook_are_reached_from_its_page(report):
    text = pages(report)["04_experiment.html"]
    for name in synthetic.ROWS:
        assert f'<a href="04_experiment-{name}.html">{name}</a>' in text
    order = re.findall(r'rel="(prev|next)" href="([^"]+)"', pages(report)["04_experiment-RN4.html"])
    assert order == [("prev", "04_experiment-RN3.html"), ("next", "04_experiment-CN2.html")]


def test_provenance_shows_what_was_set_otherwise_than_in_the_file(report):
    text = pages(report)["provenance.html"]
    assert "params/runs/demo.yaml: 64" in text
    assert "1,234" in text
    assert "section 3.1" in text


def test_a_run_without_a_parameter_file_and_results_is_refused(at, capsys, monkeypatch):
    at(only=set())
    with pytest.raises(params.ParameterError, match=r"params/runs/nothing\.yaml.*no such file"):
        site.build("nothing")


def test_the_command_says_what_is_missing_and_where_the_report_is(at, monkeypatch, capsys):
    at(only={"table1"})
    monkeypatch.setattr(sys, "argv", ["workflow.report", "--run", "demo"])
    assert main() == 0
    said = capsys.readouterr().out.splitlines()
    assert "missing: Notebook 00_data_preparation has not been run." in said
    assert said[-1] == "report: results/demo/report/index.html"


def test_the_command_refuses_an_unknown_run_in_one_line(at, monkeypatch, capsys):
    at(only=set())
    monkeypatch.setattr(sys, "argv", ["workflow.report", "--run", "nothing"])
    assert main() == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_report_is_built_without_tensorflow():
    check = "import sys, workflow.report.site, workflow.report.__main__; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
