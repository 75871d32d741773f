"""Notebooks in JupyterLab, as `make lab` starts it, in a real browser, where the demo has been made."""

import re
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.end_to_end.project import environment
from tests.explainers.test_own_image import picture, save_dicom, smooth

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(3600)]

LONG = 300_000  # milliseconds until a notebook is given up
CELLS = "[...jupyterapp.shell.currentWidget.content.model.sharedModel.cells].filter(one => one.cell_type == 'code')"
ERRORS = f"{CELLS}.flatMap(one => one.getOutputs()).filter(one => one.output_type == 'error').map(one => one.evalue)"
ALL_RAN_OR_ONE_FAILED = f"{CELLS}.every(one => one.execution_count) || {ERRORS}.length > 0"
WRITE_DOWN = """() => {
    window.labels = [];
    new MutationObserver(changes => {
        for (const change of changes)
            if (change.target.closest?.('.widget-label'))
                for (const node of change.addedNodes) window.labels.push(node.textContent);
    }).observe(document.body, {childList: true, subtree: true});
}"""


@pytest.fixture(scope="module")
def copy(chromium, project, tmp_path_factory):
    """The finished demo once more, since notebooks write and JupyterLab saves them."""
    return shutil.copytree(project, tmp_path_factory.mktemp("lab") / "project", symlinks=True)


@pytest.fixture
def page(chromium, copy, tmp_path):
    """A browser's page at a JupyterLab without a user's settings; both end with the test, and the kernels with them."""
    says = subprocess.check_output(["make", "--dry-run", "--no-print-directory", "lab"], cwd=copy, text=True)
    command = shlex.split(says.splitlines()[-1])
    command[0] = Path(sys.executable).with_name("jupyter")
    command += ["--ServerApp.open_browser=False", "--IdentityProvider.token=", "--allow-root"]
    command += ["--LabApp.expose_app_in_browser=True"]  # the notebook as a whole: the page draws what is looked at
    own = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    server = subprocess.Popen(command, cwd=copy, env=environment(copy) | own, stderr=subprocess.PIPE, text=True)
    started = next(filter(None, (re.search(r"http://localhost:\d+", line) for line in server.stderr)))
    threading.Thread(target=server.stderr.read, daemon=True).start()
    context = chromium.new_context(base_url=started[0], viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()
    server.terminate()
    server.wait()


def run(page, name):
    """Opens a notebook, runs all of its cells, and asserts that none fails."""
    page.goto(f"/lab/tree/notebooks/{name}.ipynb?reset")
    idle = page.get_by_text("Python 3 (ipykernel) | Idle", exact=True)
    idle.wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_function(ALL_RAN_OR_ONE_FAILED, timeout=LONG)
    assert page.evaluate(ERRORS) == []
    idle.wait_for()


def output(page, code, says=""):
    """The output of the cell that has this line of code, once it is drawn and says so."""
    found = page.locator(".jp-CodeCell").filter(has_text=code).locator(".jp-Cell-outputWrapper").filter(has_text=says)
    found.scroll_into_view_if_needed()
    return found


def shown(output):
    """Whether the output's one picture is drawn, once it is scrolled to."""
    image = output.locator("img")
    image.scroll_into_view_if_needed()
    return image.is_visible() and image.evaluate("image => image.complete && image.naturalWidth > 100")


def test_data_preparation(page):
    run(page, "00_data_preparation")
    output(page, "folder.iterdir()", says="phantoms.json")
    output(page, "covidx.balance", says="unlisted_files")
    assert shown(output(page, "figures.class_gallery(load.open_dataset(at.covidx))"))


def test_experiment(page):
    run(page, "04_experiment")
    output(page, "standing.read_standing(at)", says="data: phantoms")
    output(page, "scores = metrics.scores", says=re.compile(r"covid_recall\s+\d+\.\d\s+80"))  # Table 1: 80 %
    assert shown(output(page, "training.learning_curves"))


def test_explainability(page):
    run(page, "06_explainability")
    output(page, "files.write_csv(at.explanations", says="trained on phantoms")
    assert shown(output(page, 'at.figures / "figure_5a"'))
    assert shown(output(page, 'at.figures / "figure_5b"'))


def test_explain_your_image_answers_for_the_example_and_for_what_is_uploaded(page, tmp_path):
    run(page, "09_explain_your_image")
    example = output(page, "image = own.image_from_file", says="trained on phantoms")
    assert "covid-19" in example.locator("table").text_content()
    assert shown(example)

    (tmp_path / "chest.png").write_bytes(picture(smooth()))
    save_dicom(smooth(1, (3000, 4000)), tmp_path / "detector.dcm")
    (tmp_path / "broken.png").write_bytes(picture(smooth())[:1000])
    below, button = output(page, "ipywidgets.FileUpload"), page.locator("button.widget-upload")
    page.evaluate(WRITE_DOWN)

    def upload(name):
        page.evaluate("window.labels = []")
        with page.expect_file_chooser() as chooser:
            button.click()
        chooser.value.set_files(tmp_path / name)
        below.get_by_text(f"{name}: ").wait_for()
        page.locator("button.widget-upload:enabled").wait_for()
        assert page.evaluate("window.labels")[:1] == [f"Reading {name} ..."]
        assert "Reading" not in below.inner_text()
        return below.inner_text()

    answer = upload("chest.png")
    assert "chest.png: 100 x 80 pixels" in answer
    assert re.search(r"covid-19\s+[01]\.\d+", answer)
    assert shown(below)
    answer = upload("detector.dcm")
    assert "detector.dcm: 4000 x 3000 pixels" in answer
    assert "chest.png" not in answer
    assert shown(below)
    answer = upload("broken.png")
    assert re.search(r"broken\.png: .*\. Give a PNG, JPEG or DICOM file with one image", answer)
    assert "detector.dcm" not in answer
    assert below.locator("img").count() == 0


def test_the_file_browser_reaches_what_a_run_is_made_from_and_what_it_made(page):
    page.goto("/lab?reset")
    for folder, inside in (("results", "table1.csv"), ("figures", "figure_5a.png"), ("params", "demo.yaml")):
        page.locator(".jp-BreadCrumbs-home").click()
        for name in (folder, "runs" if folder == "params" else "demo"):
            page.locator(".jp-DirListing-item").get_by_text(name, exact=True).dblclick()
        page.locator(".jp-DirListing-item").get_by_text(inside, exact=True).wait_for()
