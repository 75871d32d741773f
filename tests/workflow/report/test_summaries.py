"""The notebooks that sum a run up, really executed, on a run with hostile labels in which much is missing."""

import os
import shutil
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from lib import files, paths
from tests.workflow.report import synthetic
from tests.workflow.report.test_site import check_links, check_scripts, pages
from workflow.report.__main__ import SUMMARIES

COPIED = ("lib", "workflow", "params", "notebooks", "results/published", "results/reference")


def report(root, *more):
    command = [sys.executable, "-m", "workflow.report", "--run", "demo", "--execute", *more]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return pages(root / "results" / "demo" / "report"), done.stdout + done.stderr


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with the synthetic run; notebooks, rows, figures and the errata are missing in part."""
    root = tmp_path_factory.mktemp("project")
    synthetic.make(root)
    for name in COPIED:
        shutil.copytree(paths.ROOT / name, root / name, dirs_exist_ok=True)
    for name in SUMMARIES:
        (root / "results" / "demo" / "notebooks" / f"{name}.ipynb").unlink(missing_ok=True)
    return root


@pytest.fixture(scope="module")
def made(project):
    return report(project, "--made-in", '{"results/demo/table1.csv": "05_performance"}')


def test_all_of_them_run_and_every_link_leads(project, made):
    found, said = made
    check_links(project / "results" / "demo" / "report")
    stopped = sorted(path.name for path in (project / "results" / "demo" / "notebooks").glob("*.failed.ipynb"))
    assert stopped == ["06_explainability.failed.ipynb"], said
    assert {f"{name}.html" for name in SUMMARIES[1:]} | {"index.html"} <= set(found)


def test_hostile_labels_are_text(made):
    for name in ("index", *SUMMARIES[1:]):
        check_scripts(made[0][f"{name}.html"], name)
    for name in ("index", "90_data_sheet"):
        assert synthetic.EVIL in BeautifulSoup(made[0][f"{name}.html"], "html.parser").article.get_text(), name


def test_the_overview_shows_table_1_figures_verdicts_and_what_is_missing(made):
    page = BeautifulSoup(made[0]["index.html"], "html.parser")
    text = page.article.get_text(" ")
    assert "80.2 [76.2,\u00a084.2]" in text
    assert "1 supported, 1 contradicted, 1 undecided, 1 not run" in text
    assert page.select(".badge.verdict-supported")
    assert page.select(".badge.verdict-contradicted")
    assert [image["alt"][:9] for image in page.find_all("img")] == ["Figure 1a", "Figure 4a", "Figure 5b"]
    assert page.find("a", href="figures/figure_4a.pdf").string == "PDF"
    assert page.find("a", string="05_performance", href="05_performance.html")
    missing = page.find(id="missing").get_text()
    for part in ("notebook 01_data", "06_explainability.failed.ipynb, stopped", "row RN1 ", "errata.csv", "figure 2a"):
        assert part in missing
    assert "row RN3" not in missing
    assert "phantoms, generated pictures" in text
    assert "94.8%" in text, "the source-only baseline"


def test_the_model_card_shows_every_trained_row(made):
    page = BeautifulSoup(made[0]["91_model_card.html"], "html.parser")
    assert [head.string for head in page.select("tbody th")] == list(synthetic.ROWS)
    assert "not trained yet: RN1" in page.article.get_text()


def test_the_checklists_tell_what_this_run_has_and_what_it_has_not(made):
    page = BeautifulSoup(made[0]["93_checklists.html"], "html.parser")
    rows = {row.strong.string: row.get_text() for row in page.find(id="claim").select("tbody tr")}
    assert len(rows) == 44
    assert "For phantoms only. By [not in this run] rules. Left out: 1 rows (unreadable 1)" in rows["8"]
    assert "06 gallery (not in this run)" in rows["39"], "notebook 06 stopped"
    assert page.find(id="claim").find("a", string="05 Table 1", href="05_performance.html")
    assert page.find(id="claim").find("a", string="92 packages", href="92_provenance.html#packages")
    assert "Not answered: Neither names funding" in rows["44"]
    assert "not answered yet, since this run lacks something" in page.find(id="claim").caption.string


def test_seconds_and_what_was_set_stand_under_provenance_alone(project, made):
    before = made[0]
    text = BeautifulSoup(before["92_provenance.html"], "html.parser").article.get_text(" ")
    for said in ("1,234.5", "61.5", "the run's name", "[RN1, RN2, ", "In the file"):
        assert said in text
    for path in (project / "results" / "demo" / "notebooks").glob("0*.ipynb"):
        node = nbformat.read(path, as_version=4)
        node.metadata.papermill["duration"] = 98765.4
        nbformat.write(node, path)
    after, _ = report(project, "--made-in", '{"results/demo/table1.csv": "05_performance"}')
    assert {name for name in after if after[name] != before.get(name)} == {"92_provenance.html"}
    assert "98,765" in after["92_provenance.html"]


def test_the_run_stands_beside_its_reference(made):
    text = BeautifulSoup(made[0]["92_provenance.html"], "html.parser").article.get_text(" ")
    assert "Not the same as the reference, byte for byte: 0 of 11 rows are, table1.csv is not" in text
    assert "Likely reason (here / in the reference): settings: " in text


def test_one_that_fails_loses_neither_the_site_nor_the_others(project, made):
    files.write_csv(project / "results" / "demo" / "claims.csv", pd.DataFrame({"id": ["no verdict"]}))
    (project / "results" / "demo" / "table1.csv").unlink()
    found, said = report(project)
    assert "11_overview" in said
    assert "What ran is kept" in said
    assert "This notebook stopped." in found["index.html"]
    assert "Seconds and memory" in found["92_provenance.html"]
    check_links(project / "results" / "demo" / "report")
