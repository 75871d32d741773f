"""A command that deletes says what, and deletes nothing else."""

import sys

import pytest

from lib import paths
from workflow import clean


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    for name in ("results/demo/a", "figures/demo", "data/demo/covidx", "results/other", "results/published", "lib"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("x")
    return tmp_path


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["clean", *arguments])
    clean.main()


def test_a_run_s_folders_go_and_all_others_stay(project, monkeypatch, capsys):
    call(monkeypatch, "--run", "demo")
    assert capsys.readouterr().out.split() == ["run", "demo:", "deletes", "results/demo", "figures/demo", "data/demo"]
    left = sorted(path.relative_to(project).as_posix() for path in project.rglob("file"))
    assert left == ["lib/file", "results/other/file", "results/published/file"]
    call(monkeypatch, "--run", "demo")
    assert capsys.readouterr().out == "run demo: nothing to delete\n"


def test_a_link_is_deleted_and_not_what_it_leads_to(project, monkeypatch):
    (project / "results/linked").symlink_to(project / "lib")
    call(monkeypatch, "--run", "linked")
    assert not (project / "results/linked").is_symlink()
    assert (project / "lib/file").is_file()


def test_downloads_in_a_run_s_folder_are_asked_for(project, monkeypatch, capsys):
    (project / "data/demo/covidx-sources").mkdir()
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(SystemExit, match="nothing deleted"):
        call(monkeypatch, "--run", "demo")
    assert "data/demo/covidx-sources" in capsys.readouterr().out
    assert (project / "results/demo/a/file").is_file()
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "y")
    call(monkeypatch, "--run", "demo")
    assert not (project / "data/demo").exists()


def test_no_name_deletes_nothing(project, monkeypatch):
    monkeypatch.delenv("RUN", raising=False)
    with pytest.raises(SystemExit, match="should be a run's name"):
        call(monkeypatch)
    assert len([*project.rglob("file")]) == 6
