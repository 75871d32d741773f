"""The pinned versions are the same for everybody, hashed, and name no index."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from lib.paths import ROOT

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
