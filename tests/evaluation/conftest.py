import pytest

from lib import paths


@pytest.fixture
def at(tmp_path, monkeypatch):
    """The paths of a run `demo` below an empty folder."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return paths.Paths("demo")
