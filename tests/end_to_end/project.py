"""A copy of the project in another folder, where its front door is called."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from lib.paths import ROOT


def front_door(*more: str) -> list[str]:
    """The command behind `make reproduce`, for the demo."""
    return [sys.executable, "-m", "workflow.front", "--run", "demo", *more]


def environment(project: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(project), "PYTHONHASHSEED": "random"}


def copied(copy: Path) -> Path:
    """The project's own files in another folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy
