"""The synthetic run's report, and where its screenshots go."""

import os
from pathlib import Path

import pytest

from lib import paths
from tests.workflow.report import synthetic
from tests.workflow.report.conftest import MADE_IN
from workflow.report import site


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The folder of the report: $COMPANION_REPORT where set, else that of a synthetic run."""
    given = os.environ.get("COMPANION_REPORT")
    if given:
        return Path(given).resolve()
    root = tmp_path_factory.mktemp("run")
    synthetic.make(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "ROOT", root)
        patch.setattr(paths, "NOTEBOOKS", root / "notebooks")
        return site.build_site("demo", MADE_IN).at.report


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory):
    """Where screenshots go: $COMPANION_SCREENSHOTS, or pytest's own folder."""
    folder = os.environ.get("COMPANION_SCREENSHOTS")
    return Path(folder) if folder else tmp_path_factory.mktemp("screenshots")
