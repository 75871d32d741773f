"""The pinned versions are the same for everybody, hashed, and name no index."""

import json
import os
import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from lib import files
from lib.paths import ROOT, Paths

LOCKS = ["requirements.lock", "requirements-cuda.lock"]


def requirements(lock):
    """The name==version lines, each with the text of hashes that follows it."""
    found = re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8").strip())
    return [(Requirement(re.split(r"\s*\\", block)[0]), block) for block in found if not block.startswith("#")]


def pinned(lock):
    """name -> the versions, of which markers choose."""
    found = {}
    for requirement, _ in requirements(lock):
        found.setdefault(requirement.name.lower(), set()).update(one.version for one in requirement.specifier)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock):
    assert len(requirements(lock)) > 100
    for requirement, block in requirements(lock):
        assert [specifier.operator for specifier in requirement.specifier] == ["=="]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), requirement


@pytest.mark.parametrize("lock", [*LOCKS, "environment.yml", "pyproject.toml"])
def test_no_address_of_an_index(lock):
    assert not re.search(r"https?://|--(extra-)?index|find-links", (ROOT / lock).read_text(encoding="utf-8"))


def test_conda_users_get_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (packages,) = [part["pip"] for part in environment["dependencies"] if isinstance(part, dict)]
    assert packages == ["-r requirements.lock"]


def test_with_a_gpu_the_versions_are_the_same_and_cuda_comes_besides():
    plain, cuda = map(pinned, LOCKS)
    assert not [name for name in plain if name.startswith("nvidia-")]
    assert [name for name in cuda if name.startswith("nvidia-cudnn")]
    assert plain.items() <= cuda.items()


@pytest.mark.parametrize(
    ("driver", "asked", "lock"),
    [
        ("", [], "requirements.lock"),
        ("echo GPU 0: A100", [], "requirements-cuda.lock"),
        ("", ["ACCELERATOR=cuda"], "requirements-cuda.lock"),  # a login node of a cluster
        ("echo GPU 0: A100", ["ACCELERATOR=cpu"], "requirements.lock"),
    ],
)
def test_accelerator_wins_over_what_the_machine_has(tmp_path, driver, asked, lock):
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{driver}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert f"-r {lock}\n" in make(tmp_path, *asked).stdout
    installed = tmp_path / "venv/.installed"
    installed.parent.mkdir()
    installed.write_text(f"{lock}\n")
    os.utime(installed, (2**32, 2**32))  # newer than the lock file
    assert "pip install" not in make(tmp_path, *asked).stdout
    installed.write_text("another.lock\n")
    os.utime(installed, (2**32, 2**32))
    assert f"-r {lock}\n" in make(tmp_path, *asked).stdout


@pytest.mark.parametrize("asked", ["gpu", "CUDA", "cpu cuda", "$(shell touch x)"])
def test_another_accelerator_is_refused_in_a_sentence(tmp_path, asked):
    done = make(tmp_path, f"ACCELERATOR={asked}")
    assert done.returncode == 2
    assert f"ACCELERATOR: found '{asked}', expected cpu or cuda" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def make(folder, *more):
    """`make environment`, told but not done, where `folder` comes first among the programs."""
    return subprocess.run(
        ["make", "--dry-run", "environment", f"VENV={folder}/venv", *more],
        cwd=ROOT, env=os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_lock_holds_every_direct_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = pinned("requirements.lock")
    for line in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        wanted = Requirement(line)
        assert any(wanted.specifier.contains(version) for version in locked.get(wanted.name.lower(), ())), line


def test_a_container_is_made_by_the_makefile_s_step_under_the_reference_s_python():
    lines = re.sub(r"\\\n", " ", (ROOT / "Containerfile").read_text(encoding="utf-8")).splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    assert [rest for word, rest in steps if word == "RUN" and "apt-get" not in rest] == [
        "make environment",
        "touch .venv/.installed",
    ], "nothing is installed but by the Makefile"
    (base,) = [rest for word, rest in steps if word == "FROM"]
    made_with = files.read_json(Paths("demo").reference / "reference.json")["made_with"]["packages"]["python"]
    assert re.search(r"/python:(\d+\.\d+)\.\d+-slim", base)[1] == ".".join(made_with.split(".")[:2])
    copied = [name for word, rest in steps if word == "COPY" for name in rest.split()[:-1]]
    assert {"Makefile", "requirements.lock", "pyproject.toml", "."} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)


def test_a_development_container_is_that_container():
    about = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))
    assert (ROOT / ".devcontainer" / about["build"]["dockerfile"]).resolve() == ROOT / "Containerfile"
    command, target = about["postCreateCommand"].split()
    assert command == "make"
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
