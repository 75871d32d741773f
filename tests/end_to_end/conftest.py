"""The demo, run once for all modules."""

import os
import signal
import subprocess
import time

import pytest

from tests.end_to_end.project import copied, environment, front_door


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A copy of the project's own files, run once: killed after the first notebooks, then started again."""
    copy = copied(tmp_path_factory.mktemp("fresh") / "project")
    command, at = front_door("--set", ""), {"cwd": copy, "env": environment(copy)}
    interrupted = subprocess.Popen(command, **at, start_new_session=True)
    first = copy / "results/demo/notebooks/00_data_preparation.ipynb"
    deadline = time.monotonic() + 600
    while not first.exists() and interrupted.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(5)
    os.killpg(interrupted.pid, signal.SIGKILL)
    interrupted.wait()
    before = first.stat().st_mtime_ns
    done = subprocess.run(command, **at, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    assert first.stat().st_mtime_ns == before, "after kill -9, what was finished is not run again"
    (copy / "terminal.txt").write_text(done.stdout)
    return copy
