"""The pinned versions are the same for everybody, hashed, and name no index."""

import re

import pytest
import yaml
from packaging.requirements import Requirement

from lib.paths import ROOT
from workflow.environment import environment, pins

LOCKS = ["requirements.lock", "requirements-cuda.lock"]


def blocks(lock):
    """name==version lines with the lines of hashes that follow them."""
    return re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8").strip())


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock):
    found = [block for block in blocks(lock) if not block.startswith("#")]
    assert len(found) > 100
    for block in found:
        requirement = Requirement(re.split(r"\s*\\", block)[0])
        assert [specifier.operator for specifier in requirement.specifier] == ["=="]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), requirement


@pytest.mark.parametrize("lock", [*LOCKS, "environment.yml", "pyproject.toml"])
def test_no_address_of_an_index(lock):
    assert not re.search(r"https?://|--(extra-)?index|find-links", (ROOT / lock).read_text(encoding="utf-8"))


def test_conda_users_get_the_same_versions():
    stored = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert stored == environment(ROOT / "requirements.lock")
    (packages,) = [part["pip"] for part in yaml.safe_load(stored)["dependencies"] if isinstance(part, dict)]
    assert packages == [*pins(ROOT / "requirements.lock"), "--editable ."]


def test_without_a_gpu_nothing_of_cuda_is_pulled():
    named = {re.split(r"[=\[]", pin)[0] for pin in pins(ROOT / "requirements.lock")}
    assert not [name for name in named if name.startswith("nvidia-")]
    with_cuda = {re.split(r"[=\[]", pin)[0] for pin in pins(ROOT / "requirements-cuda.lock")}
    assert {name for name in with_cuda if name.startswith("nvidia-cudnn")}
    assert named <= with_cuda


def test_the_lock_holds_every_direct_dependency():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = {}
    for pin in pins(ROOT / "requirements.lock"):
        requirement = Requirement(pin)
        locked.setdefault(requirement.name.lower(), []).append(str(next(iter(requirement.specifier)).version))
    for line in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
        wanted = Requirement(line)
        versions = locked.get(wanted.name.lower(), [])
        assert any(wanted.specifier.contains(version) for version in versions), line
