"""The pinned versions are the same for everybody, hashed, and name no index."""

import json
import re
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
