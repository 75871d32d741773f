"""A synthetic run in a folder of its own, and the report built from it."""

import pytest

from lib import files, paths
from tests.workflow.report import synthetic
from workflow.report import site

MADE_IN = {"results/demo/table1.csv": "05_performance", "figures/demo/figure_4a.pdf": "05_performance"}


@pytest.fixture
def at(tmp_path, monkeypatch):
    """The project's folders, moved to an empty one; the parameter files stay the project's."""

    def use(**parts):
        synthetic.make(tmp_path, **parts)
        for module in (paths, files):
            monkeypatch.setattr(module, "ROOT", tmp_path)
        monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
        return paths.Paths("demo")

    return use


@pytest.fixture
def report(at):
    """The folder of the report of the whole synthetic run."""
    folder = at()
    site.build_site("demo", MADE_IN)
    return folder.report
