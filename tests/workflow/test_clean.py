"""A command that deletes says what, and deletes nothing else."""

import sys

import pytest

from lib import files, paths
from workflow import clean


@pytest.fixture
def project(tmp_path, monkeypatch):
    for module in (paths, files):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    for name in ("results/demo/a", "figures/demo", "data/demo/covidx", "results/other", "results/published", "lib"):
        files.write_text(tmp_path / name / "file", "x")
    for name in ("results/demo/logs/a.log", "results/demo/table1.csv.damaged", "data/demo/phantoms/a.png"):
        files.write_text(tmp_path / name, "x", sealed=False)
    return tmp_path


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["clean", *arguments])
    clean.main()


def test_a_run_s_folders_go_and_all_others_stay(project, monkeypatch, capsys):
    call(monkeypatch, "--run", "demo")
    assert capsys.readouterr().out.split() == ["run", "demo:", "deletes", "results/demo", "figures/demo", "data/demo"]
    found = sorted(path.relative_to(project) for path in project.rglob("file"))
    left = [path.as_posix() for path in found if files.SUMS not in path.parts]
    assert left == ["lib/file", "results/other/file", "results/published/file"]
    call(monkeypatch, "--run", "demo")
    assert capsys.readouterr().out == "run demo: nothing to delete\n"


def test_a_link_is_deleted_and_not_what_it_leads_to(project, monkeypatch):
    (project / "results/linked").symlink_to(project / "lib")
    call(monkeypatch, "--run", "linked")
    assert not (project / "results/linked").is_symlink()
    assert (project / "lib/file").is_file()


@pytest.mark.parametrize("mine", ["data/demo/covidx-sources/a.zip", "results/demo/notes.md", "figures/demo/a/b.png"])
def test_what_a_run_did_not_make_is_asked_for(project, monkeypatch, capsys, mine):
    (project / mine).parent.mkdir(parents=True, exist_ok=True)
    (project / mine).write_text("mine")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(SystemExit, match="nothing deleted"):
        call(monkeypatch, "--run", "demo")
    assert f"with what it did not make:\n  {mine}\n" in capsys.readouterr().out
    assert (project / "results/demo/a/file").is_file()
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "y")
    call(monkeypatch, "--run", "demo")
    assert not (project / "data/demo").exists()


def test_no_name_deletes_nothing(project, monkeypatch):
    monkeypatch.delenv("RUN", raising=False)
    with pytest.raises(SystemExit, match="should be a run's name"):
        call(monkeypatch)
    assert len([path for path in project.rglob("file") if files.SUMS not in path.parts]) == 6
