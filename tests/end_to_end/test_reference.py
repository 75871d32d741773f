"""The demo gives what is kept in git: who changes what it gives makes the reference anew (`make reference`)."""

import platform
import subprocess
from pathlib import Path

import pytest

from lib import files
from lib.paths import Paths
from tests.end_to_end.project import copied, environment, front_door

CPU = Path("/proc/cpuinfo")
MADE_WITH = files.read_json(Paths("demo").reference / "reference.json")["made_with"]["packages"]["python"]

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        not CPU.is_file() or " avx2 " not in CPU.read_text(), reason="equal bytes are promised where there is AVX2"
    ),
    pytest.mark.skipif(
        platform.python_version_tuple()[:2] != tuple(MADE_WITH.split(".")[:2]),
        reason=f"the versions of packages follow Python's, which was {MADE_WITH} for the reference",
    ),
]


def test_the_demo_gives_its_reference_byte_for_byte(tmp_path):
    """The claims need the rows, Table 1 and the scored explanations; no other notebook is run."""
    project = copied(tmp_path / "project")
    done = subprocess.run(
        front_door("--snakemake=results/demo/claims.csv"),
        cwd=project, env=environment(project), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    same = "The same as the reference, byte for byte: 11 of 11 rows, table1.csv and claims.csv."
    assert same in done.stdout, done.stdout[-3000:]
