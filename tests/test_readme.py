"""What stands in the README's blocks of code is run, with the smallest sizes added; a block of no known kind fails.

Two kinds need a finished run: tests/end_to_end runs the lines of Python, tests/robustness/test_faults.py papermill's.
"""

import os
import re
import shlex
import subprocess
import sys
import unicodedata

import pytest
import yaml

from lib import params
from lib.data import DataError, prepare, sources
from lib.paths import ROOT
from tests.end_to_end.project import copied, environment
from workflow.front import overrides

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROSE = FENCE.sub("", TEXT)
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
HELP = re.findall(r"^(\w+):.*  ## ", MAKEFILE, re.MULTILINE)
"""Targets that `make help` lists."""

ADDED = {
    "reproduce": ["SNAKEMAKE_ARGS=--dry-run", "SET=image_size=32"],  # the plan, asked of Snakemake, too
    "study": ["SNAKEMAKE_ARGS=--dry-run", "SET=image_size=32"],
    "test": ["PYTEST_ARGS=--collect-only -q tests/test_paths.py"],
    "data": [],  # tests/workflow/download goes on from here
}
"""What a line of make is given besides, by target, so that it ends soon."""

SAYS = {
    "reproduce": r"(?s)Run {run}: rows RN1, .*^total +\d\d",
    "study": r"(?s)Run {run}: rows RN1, .* and \d\d of a study.*^total +\d\d",
    "test": r"tests/test_paths\.py::test_",
    "data": r"^would run -m workflow\.download with RUN={run}, DATA=$",
}
"""What it prints then."""


def kind(language, text):
    """Which of the tests runs a block; None: none does."""
    programs = {line.split(" ")[0] for line in text.splitlines()}
    if language in ("python", "bibtex"):
        return language
    if not language and programs in ({"make"}, {"papermill"}):
        return programs.pop()
    return "folders" if not language and text.startswith("covidx-sources/ ") else None


def blocks(wanted):
    return [text for language, text in FENCE.findall(TEXT) if kind(language, text) == wanted]


def lines_of(program):
    return [line.partition(" #")[0].rstrip() for text in blocks(program) for line in text.splitlines()]


def test_every_block_is_of_a_kind_that_a_test_runs():
    assert "```" not in PROSE
    assert [text for language, text in FENCE.findall(TEXT) if kind(language, text) is None] == []
    assert all(blocks(name) for name in ("make", "papermill", "python", "bibtex", "folders"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A data folder after the README's drawing, of folders and empty files."""
    root = outer = tmp_path_factory.mktemp("data")
    (drawing,) = blocks("folders")
    for first, rest in re.findall(r"^(\S*) +(.+)$", re.sub(r" +\(.*\)", "", drawing), re.MULTILINE):
        outer = root / first if first else outer  # a line that begins with a space goes on
        for name in rest.split():
            (outer / name).mkdir(parents=True) if name.endswith("/") else (outer / name).touch()
    return root


def test_the_folders_are_those_that_are_read(folders):
    assert set(sources.find_sources(folders / "covidx-sources")) == set(sources.FOLDERS)
    assert len(sources.ham10000_folders(folders)) == 2
    for layout in ("sources", "lists"):
        prepare.check_layout(prepare.data_folder(str(folders)), layout)
    with pytest.raises(DataError, match=r"/HAM10000_metadata\.csv: the file is empty"):  # where it is looked for
        sources.read_ham10000(folders)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project whose environment is this one; only a download is told, not done."""
    copy = copied(tmp_path_factory.mktemp("readme") / "project")
    python, installed = copy / ".venv/bin/python", copy / ".venv/.installed"
    python.parent.mkdir(parents=True)
    told = 'echo "would run $* with RUN=$RUN, DATA=$DATA"'
    python.write_text(f'#!/bin/sh\ncase "$*" in *download*) {told};; *) exec "{sys.executable}" "$@";; esac\n')
    python.chmod(0o755)
    installed.write_text("requirements.lock\n")
    os.utime(installed, (2**32, 2**32))  # newer than the lock file
    return copy


def known(word):
    """Whether the Makefile has the variable of a `NAME=value`."""
    return re.search(rf"^{word.partition('=')[0]} \?=", MAKEFILE, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("line", lines_of("make"))
def test_a_line_of_make(line, project, folders):
    _, target, *given = shlex.split(line.replace("/path/to/data", str(folders)))
    assert all(map(known, given))
    command = ["make", "--no-print-directory", target, *given, *ADDED[target], "ACCELERATOR=cpu"]
    done = subprocess.run(command, cwd=project, env=environment(project), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    run = dict(word.split("=") for word in given).get("RUN", "demo")
    assert re.search(SAYS[target].format(run=run), done.stdout, re.MULTILINE), done.stdout
    assert str(folders) in done.stdout.replace("\n", "") or "DATA=" not in line


def test_what_is_cited_is_the_paper_of_citation_cff():
    (entry,) = blocks("bibtex")
    fields = dict(re.findall(r"^  (\w+) *= \{(.*)\},?$", entry, re.MULTILINE))
    accented = re.sub(r"\{\\'(\w)\}", lambda found: unicodedata.normalize("NFC", f"{found[1]}\u0301"), fields["author"])
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["preferred-citation"]
    assert accented.split(" and ") == [f"{one['family-names']}, {one['given-names']}" for one in cited["authors"]]
    assert re.sub("[{}]", "", fields["title"]) == cited["title"]
    assert fields["year"] == str(cited["year"])
    assert cited["institution"]["name"] in fields["note"]
    assert re.match(r"@misc\{\w+,\n", entry)


def test_every_make_in_the_prose_is_a_target_with_a_line_of_help_and_has_the_makefile_s_variables():
    found = [words.split() for words in re.findall(r"`make\s+([^`]+)`", PROSE)]
    assert {target for target, *_ in found} <= set(HELP)
    assert all(known(word) for _, *words in found for word in words)
    assert len(found) > 10


@pytest.mark.parametrize("changes", re.findall(r'`SET="([^"`]+)"`', PROSE))
def test_every_set_is_one_that_a_run_takes(changes):
    assert params.load("demo", None, overrides(changes, ""))
