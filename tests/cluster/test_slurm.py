"""Runs on a Slurm of one node, which is this machine: what the cluster does to jobs, and that it changes no byte."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end.project import copied, environment, front_door
from tests.robustness.test_faults import SMALL

MISSING = [name for name in ("slurmctld", "slurmd", "munged") if shutil.which(name) is None]
pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)} here (Debian: apt-get install slurm-wlm munge)"),
    pytest.mark.skipif(os.geteuid() != 0, reason="munged and slurmctld are started as root"),
]

NODE = Path(__file__).with_name("one_node.sh")
# The node may have one core; and short jobs are asked after more often
SMALL_NODE = "--set-threads data_preparation=1 --slurm-init-seconds-before-status-checks 3"
STEP = "results/demo/notebooks/02_architectures.ipynb"
"""A notebook that needs no other."""


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The environment in which Slurm's commands find the node."""
    folder = tmp_path_factory.mktemp("slurm")
    ports = {"SLURMCTLD_PORT": free_port(), "SLURMD_PORT": free_port()}
    subprocess.run(["sh", NODE, "start", folder], env=os.environ | ports, check=True)
    yield {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["sh", NODE, "stop", folder], check=True)


@pytest.fixture
def project(tmp_path):
    return copied(tmp_path / "project")


def start(project, cluster, *more, target=STEP):
    """The front door with the cluster's profile, in its own process; `ended` waits for it."""
    command = front_door("--profile", "slurm", "--set", SMALL, f"--snakemake={' '.join([*more, SMALL_NODE, target])}")
    return subprocess.Popen(
        command, cwd=project, env=environment(project) | cluster, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def ended(running, code=0):
    """What the front door printed."""
    said, _ = running.communicate(timeout=1200)
    assert running.returncode == code, said[-4000:]
    assert "Traceback" not in said
    return said


def jobs(cluster, project):
    """Jobs of a project that Slurm knows, oldest first: id, state, megabytes and minutes that they asked for."""
    command = ["squeue", "--noheader", "--states=all", "--format=%i|%T|%m|%l|%Z"]
    done = subprocess.run(command, env=os.environ | cluster, capture_output=True, text=True, check=False)
    found = [line.split("|") for line in done.stdout.splitlines()]
    return sorted((int(number), *rest[:-1]) for number, *rest in found if rest[-1] == str(project))


def wait_for_notebook(cluster, project):
    """The running job, once its notebook has started."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        running = [one for one in jobs(cluster, project) if one[1] == "RUNNING"]
        logs = (project / ".snakemake/slurm_logs").rglob(f"{running[-1][0]}.log" if running else "none")
        if any("02_architectures starts" in re.sub(" +", " ", log.read_text()) for log in logs):
            return running[-1]
        time.sleep(0.5)
    raise AssertionError(f"no job ran: {jobs(cluster, project)}")


def test_a_run_on_the_cluster_gives_the_bytes_of_a_local_one(cluster, project, tmp_path):
    local = copied(tmp_path / "local")
    command = front_door("--set", SMALL)
    subprocess.run(command, cwd=local, env=environment(local), check=True, capture_output=True)
    said = ended(start(project, cluster, target=""))
    assert "on a cluster" in said
    assert "Report: results/demo/report/index.html" in said
    for name in ("table1.csv", "experiments/RN3/predictions.csv", "experiments/RN3/predictions_validation.csv"):
        ours = (project / "results/demo" / name).read_bytes()
        assert ours == (local / "results/demo" / name).read_bytes() != b"", name
    states = [state for _, state, *_ in jobs(cluster, project)]
    assert len(states) == len([*(project / "results/demo/notebooks").glob("*.ipynb")])
    assert set(states) == {"COMPLETED"}


def test_a_cancelled_job_is_submitted_again_with_more_memory_and_time(cluster, project):
    running = start(project, cluster)
    number, *_ = wait_for_notebook(cluster, project)
    subprocess.run(["scancel", str(number)], env=os.environ | cluster, check=True)
    ended(running)
    assert (project / STEP).is_file()
    first, second = jobs(cluster, project)
    assert first[1:] == ("CANCELLED", "4000M", "1:00:00")
    assert second[1:] == ("COMPLETED", "8000M", "2:00:00")


def test_a_job_that_takes_too_much_memory_is_submitted_again_with_more(cluster, project):
    ended(start(project, cluster, "--set-resources", "'architectures:mem_mb=attempt * attempt * 400'"))
    first, *_, last = jobs(cluster, project)
    assert first[2] == "400M"
    assert first[1] in ("FAILED", "CANCELLED", "OUT_OF_MEMORY")
    assert last[1] == "COMPLETED"
    assert last[2] in ("1600M", "3600M")


def test_an_interrupted_run_cancels_its_jobs_and_the_same_command_goes_on(cluster, project):
    running = start(project, cluster)
    wait_for_notebook(cluster, project)
    running.send_signal(signal.SIGINT)
    assert "interrupted; the same command goes on where it stopped" in ended(running, code=1)
    assert [state for _, state, *_ in jobs(cluster, project)] == ["CANCELLED"]
    assert not (project / STEP).exists()
    ended(start(project, cluster))
    assert (project / STEP).is_file()


def test_a_restart_of_the_controller_loses_no_job(cluster, project):
    running = start(project, cluster)
    wait_for_notebook(cluster, project)
    pid = Path(cluster["SLURM_CONF"]).with_name("slurmctld.pid")
    os.kill(int(pid.read_text()), signal.SIGTERM)
    time.sleep(5)
    subprocess.run(["slurmctld"], env=os.environ | cluster, check=True)
    ended(running)
    assert [state for _, state, *_ in jobs(cluster, project)] == ["COMPLETED"]
