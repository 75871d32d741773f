"""The front door behind `make reproduce`: checks the parameters, runs the DAG, shows what came out.

python -m workflow.front --run demo [--data FOLDER] [--set "key=value key=value"] [--jobs N] [--profile NAME]

With `--study NAME`, `make study`: what a study adds to a run, and the report anew.
"""

import argparse
import contextlib
import ctypes
import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any, TextIO

import joblib
import yaml
from filelock import FileLock, Timeout

from lib import hardware, params
from lib.paths import ROOT, Paths, resolve, show
from workflow import FRONT, dag, intact, provenance
from workflow.progress import Progress, usual_seconds

DATA_RULE = "data_preparation"
"""Rule of the Snakefile that prepares the images."""

PROFILES = ROOT / "workflow" / "profiles"

MODEL_GB = {"resnet50v2": (0.1, 0.0), "covidnet": (0.15, 0.4)}
"""A trained network on the disk, and what COVID-Net's fully connected layers add at the paper's 224 pixels."""

NOTEBOOK_GB = 3
"""Memory that a notebook may need: so many run at once by default as fit, and as there are cores for."""


COLUMNS = "ours: this run; 95 %: interval over patients; publ: the paper; C19: COVID-19; prec.: precision; –: none"
"""What Table 1's columns are, where there is no room for their names."""

TELLING = (
    *("dryrun", "summary", "detailed_summary", "dag", "rulegraph", "filegraph", "d3dag", "lint", "list_rules"),
    *("list_target_rules", "list_changes", "list_input_changes", "list_params_changes", "list_untracked", "unlock"),
    *("cleanup_metadata", "delete_all_output", "delete_temp_output", "report", "archive", "touch", "print_compilation"),
)
"""Snakemake's options that run no step."""

QUOTED = r""""(?:\\.|[^"\\])*"|'(?:''|[^'])*'"""
PAIR = re.compile(rf"""(\w+)=({QUOTED}|\[(?:{QUOTED}|[^"'\[\]])*\]|[^\s"'\[]\S*|)(?:\s+|$)""", re.DOTALL)
"""A pair of SET. White space ends a value, but for that inside quotes and lists."""


def overrides(text: str, data: str) -> dict[str, Any]:
    """SET's `key=value` pairs (values in YAML, as in the parameter files) and DATA as one mapping.

    Raises:
        lib.params.ParameterError: a word that is no pair, a key that stands twice or changes nothing, a value that is
            no YAML.
    """
    example = "expected key=value, as in SET='epochs=3 seeds=[1, 2]'; quote a value that holds spaces"
    found, rest = {}, text.strip()
    while rest:
        if not (pair := PAIR.match(rest)):
            raise params.ParameterError(f"SET: found {params.short(rest.split(maxsplit=1)[0])}, {example}")
        (key, value), rest = pair.groups(), rest[pair.end() :]
        if key in found:
            raise params.ParameterError(f"SET: {params.short(key, str)}: set twice; keep one")
        if key == "seed":
            remedy = "each row is made with every one of `seeds`, the first of them 1: seeds=[1, 5]"
            raise params.ParameterError(f"SET: seed: changes nothing in a run; {remedy}")
        try:
            found[key] = params.parse_yaml(value)
        except ValueError as error:
            where = f"SET: {params.short(key, str)}"
            raise params.ParameterError(f"{where}: found {params.short(value)}, {error}") from None
    if data and "data" in found:
        raise params.ParameterError("SET: data: set in DATA, too; keep one")
    return found | ({"data": os.path.abspath(os.path.expanduser(data))} if data else {})


def snakemake_command(
    run: str,
    changes: dict[str, Any],
    jobs: int,
    cores: int,
    *,
    first: list[str],
    profile: str,
    extra: list[str],
    study: str = "",
) -> list[str]:
    """The call of Snakemake: at most `jobs` notebooks at once, on so many cores of this machine or, with a cluster's
    profile, on those that each job is given.

    Files in `first`, with all that they need, are made before everything else; `extra` arguments win over what stands
    before them and over the profile, a folder of workflow/profiles.
    """
    settings = profile_settings(profile)
    at_most = ["--jobs", str(jobs)] if "executor" in settings else ["--cores", str(cores)]
    return [
        sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile",
        "--workflow-profile", f"workflow/profiles/{profile}",
        # the profile's own values first: Snakemake would drop them for those of the command line
        "--config", *settings.get("config", []), f"run={run}", f"jobs={jobs}", f"set={dag.packed(changes)}",
        *([f"study={study}"] if study else []),
        *(["--prioritize", *first] if first else []),  # takes all that follows up to the next option
        *at_most, *(without_accounting() if settings.get("executor") == "slurm" else []), *extra,
    ]  # fmt: skip


def profile_settings(name: str) -> dict[str, Any]:
    """What the profile of that name says; where it names an executor, jobs run elsewhere than on this machine.

    Raises:
        ValueError: there is none of that name.
    """
    profiles = sorted(path.parent.name for path in PROFILES.glob("*/config.yaml"))
    if name not in profiles:
        raise ValueError(f"PROFILE: found '{name}', expected {' or '.join(profiles)}")
    return yaml.safe_load((PROFILES / name / "config.yaml").read_text(encoding="utf-8")) or {}


def without_accounting() -> list[str]:
    """Arguments for the Slurm plugin where `sacct` does not work: absent, or accounting storage is disabled.

    By default the plugin asks `sacct` wherever the command is installed, also what ended: it would wait for ever.
    """
    try:
        if subprocess.run(["sacct", "--noheader"], capture_output=True, timeout=60, check=False).returncode == 0:
            return []
    except (OSError, subprocess.TimeoutExpired):
        pass
    return ["--slurm-status-command", "squeue"]


def at_once(asked: int, threads: int, cores: int, memory_gb: float) -> tuple[int, int]:
    """How many notebooks run at once, and on how many cores Snakemake may count.

    Args:
        asked: the front door's JOBS; 0 leaves it to this function: one notebook a core, as far as memory allows, or one
            in all where it takes all cores.
        threads: the run's parameter, 0 for all cores.
        cores: that this process may use.
        memory_gb: of the machine.
    """
    if not threads:
        jobs = asked or 1
        return jobs, max(cores, jobs)
    jobs = asked or max(1, min(cores // threads, int(memory_gb // NOTEBOOK_GB)))
    return jobs, jobs * threads


def executes(command: list[str]) -> bool:
    """Whether the call of Snakemake runs steps, rather than tells or tidies something.

    Raises:
        ValueError: arguments that Snakemake does not take.
    """
    from snakemake.cli import get_argument_parser  # a second that a call without further arguments need not wait for

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            asked = get_argument_parser().parse_args(command[3:])
    except SystemExit:
        raise ValueError(f"SNAKEMAKE_ARGS: {said.getvalue().strip().splitlines()[-1]}") from None
    return not any(getattr(asked, name, None) for name in TELLING)


def slow_files(at: Paths, rows: dict[str, params.Params]) -> list[str]:
    """What takes longest to make: made first, so that no core waits for it at the end.

    Rows trained from scratch update every layer in every epoch; the scorecard follows the explained row.
    """
    slow = [at.experiment(name) / "metrics.json" for name, row in rows.items() if row.pretraining == "none"]
    if any(row.explained_experiment == name for name, row in rows.items()):
        slow.append(at.explanations / "scorecard.csv")
    return [show(path) for path in slow]


def ending(at: Paths) -> str:
    """Table 1 of a run, how its claims were judged where they were, and where the report is; at most 110 columns.

    It says on which data, where the settings differ from the paper's, and whether the run gave what its reference did.
    """
    import pandas as pd  # two seconds that the start need not wait for

    from lib.evaluation import claims, reference, runs, standing, table1

    ledger = table1.read_ledger(at.table1)
    lines = [*textwrap.wrap(table1.caption(ledger, at.run), 110), "", table1.to_terminal(ledger), COLUMNS]
    rows = runs.read_rows(at, ledger.loc[ledger["free_params"].notna(), "id"].tolist(), [1])
    unlike = standing.differences(standing.read_standing(at), rows)
    if len(unlike):
        here = [f"{name} {ours} ({theirs})" for name, ours, theirs in unlike[list(standing.COLUMNS)].to_numpy()]
        lines += ["", *textwrap.wrap(f"Not as in the paper (its value): {', '.join(here)}.", 110)]
    if at.claims.is_file():
        judged = pd.read_csv(at.claims, keep_default_na=False)
        sides = {f"Claims, by this run, on {judged['data'].iloc[0]}": "verdict"}
        sides["Claims, by the published numbers"] = "published_verdict"
        for side, column in sides.items():
            lines += [
                "",
                f"{side}:",
                f"  {', '.join(f'{n} {name}' for name, n in claims.tally(judged, column).items())}",
            ]
    lines += ["", str(reference.compare(at, provenance.collect(at.run)))]
    return "\n".join([*lines, "", f"Report: {show(at.report / 'index.html')}"])


def plan(at: Paths, checked: params.Params, rows: dict[str, params.Params], jobs: int, memory_gb: float | None) -> str:
    """What the run will do, in a few lines; asks of the data only what can be seen at once.

    `memory_gb` are of this machine; None stands for a cluster, which gives each job its own.

    Raises:
        lib.params.ParameterError: a file or folder that a parameter names is not there, or own_image is too large.
        lib.data.DataError: the data folder does not hold what will be prepared.
        OSError: the disk has no room for what the run leaves.
    """
    if checked.data != "phantoms":
        from lib.data import prepare  # pandas, a second that phantoms need not wait for

        prepare.check_layout(prepare.data_folder(checked.data), checked.covidx_layout)
    for name, words in params.NO_FILES.items():
        value = getattr(checked, name)
        if name != "data" and value not in words and not resolve(value).is_file():
            raise params.ParameterError(f"{name}: found '{value}', no file; expected a file or {' or '.join(words)}")
    if checked.own_image not in params.NO_FILES["own_image"]:
        from lib.data import decode  # Pillow, which others need not wait for

        try:
            decode.check_bytes(resolve(checked.own_image).stat().st_size)
        except decode.Unreadable as error:
            raise params.ParameterError(
                f"own_image: found '{checked.own_image}', {error}; give a smaller file"
            ) from None
    if unknown := checked.explained_experiment not in rows:
        params.load(checked.run, checked.explained_experiment)  # says which rows there are
    of_size = {name: least + more * (checked.image_size / 224) ** 2 for name, (least, more) in MODEL_GB.items()}
    networks = len(checked.seeds) * sum(of_size[row.backbone] for row in rows.values())
    images = 0 if checked.data == "phantoms" else 40_000 * checked.image_size**2 / 1e9
    each = 3 * max(of_size.values())  # with checkpoints
    training = jobs if memory_gb else min(jobs, len(checked.seeds) * len(rows))
    needed = 1 + networks + training * each + 2 * images  # with room to convert
    at.results.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(at.results).free / 1e9
    if free < needed:
        fits = int((free - (needed - training * each)) // each)
        fewer = f", or set JOBS={fits}" if fits > 0 else ""
        asked = f"about {needed:.1f} GB are needed with JOBS={jobs}"
        raise OSError(f"{show(at.results)}: {free:.1f} GB free, {asked}: make room{fewer}")
    data = "generated phantoms" if checked.data == "phantoms" else checked.data
    repeated = f", each with {len(checked.seeds)} seeds" if len(checked.seeds) > 1 else ""
    own = [name for name in rows if name in checked.experiments]
    beside = f" and {len(rows) - len(own)} of a study" if len(rows) > len(own) else ""
    text = f"Run {checked.run}: row{'s' * (len(own) > 1)} {', '.join(own)} of Table 1{beside}{repeated}, on {data}, at "
    text += f"{checked.image_size} x {checked.image_size} pixels; {jobs} notebook{'s' * (jobs > 1)} at once; "
    text += f"about {jobs * NOTEBOOK_GB} of {memory_gb:.0f} GB of memory and " if memory_gb else "on a cluster; about "
    text += f"{needed:.0f} of {free:.0f} GB of free disk"
    lines = textwrap.wrap(text, 110)
    if memory_gb and jobs * NOTEBOOK_GB > memory_gb:
        lines.append(f"That may be more memory than there is: JOBS={max(1, int(memory_gb // NOTEBOOK_GB))} would fit")
    if unknown:
        text = f"explained_experiment: {checked.explained_experiment} is not among the rows, so nothing is explained: "
        lines += textwrap.wrap(f"{text}notebooks 06 to 09 are left out", 110)
    return "\n".join(lines)


def follow(command: list[str], progress: Progress, log: TextIO, *, local: bool) -> int:
    """Runs Snakemake to its end, or ends it and all that it started with this process; returns its exit status.

    Args:
        command: the call.
        progress: shows what its jobs say.
        log: takes what Snakemake itself says.
        local: its jobs are this machine's: they end with it at once. Others are cancelled by Snakemake itself.
    """

    def listen(lines: TextIO) -> None:
        for line in lines:
            print(line, end="", file=log, flush=True)
            progress.of_snakemake(line)

    environment = os.environ | {"PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")}
    environment.pop("SNAKEMAKE_PROFILE", None)  # of the user's other work
    if local:
        environment[FRONT] = str(os.getpid())
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup, which keeps a run beyond its terminal
            signal.signal(number, signal.default_int_handler)
    running = subprocess.Popen(
        command, env=environment, start_new_session=True, preexec_fn=_end_with_parent,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
    )  # fmt: skip
    listener = threading.Thread(target=listen, args=[running.stderr], daemon=True)
    try:
        listener.start()
        for line in running.stdout:
            progress.of_notebook(line.rstrip("\n"))
        return running.wait()
    except KeyboardInterrupt:
        os.killpg(running.pid, signal.SIGKILL if local else signal.SIGINT)
        running.wait()
        raise
    finally:
        listener.join(timeout=10)


def _end_with_parent() -> None:
    """Where the system can: this process is killed when the front door is, also by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def complaint(log: Path) -> str:
    """What Snakemake said that no step has said already; empty where a step failed, which gives its own reason."""
    said = log.read_text(encoding="utf-8", errors="replace")
    if "CalledProcessError" not in said:
        return "\n".join([line for line in said.splitlines() if line.strip()][-20:])
    silent = [log.with_name(f"{name}.log") for name in ("report", "provenance") if f"-m workflow.{name} " in said]
    return "\n".join(one.read_text(encoding="utf-8", errors="replace").strip() for one in silent if one.is_file())


def _words(text: str) -> list[str]:
    """SNAKEMAKE_ARGS as a shell would divide it."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"SNAKEMAKE_ARGS: found {text!r}: {error}") from None


def count(text: str) -> int:
    """JOBS as a number."""
    if not text.isascii() or not text.isdigit() or int(text) > 10_000:
        raise ValueError(f"JOBS: found {text!r}, expected a whole number from 0 (as many as fit) to 10,000")
    return int(text)


def arguments() -> argparse.Namespace:
    """The command line; what it leaves out comes from the environment, where make puts it whole."""
    given = os.environ.get
    parser = argparse.ArgumentParser(
        prog="python -m workflow.front", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", default=given("RUN") or "demo")
    parser.add_argument("--data", default=given("DATA", ""))
    parser.add_argument("--set", default=given("SET", ""), dest="changes")
    parser.add_argument("--jobs", default=given("JOBS") or "0")
    parser.add_argument("--profile", default=given("PROFILE") or "local", help="a folder of workflow/profiles")
    parser.add_argument("--study", help="of params/studies")
    parser.add_argument("--snakemake", default=given("SNAKEMAKE_ARGS", ""), help="further arguments for Snakemake")
    return parser.parse_args()


def main() -> None:
    sys.stdout.reconfigure(errors="replace")  # a terminal may know fewer letters
    asked = arguments()
    try:
        changes = overrides(asked.changes, asked.data)
        checked = params.load(asked.run, None, changes)
        rows = {row: params.load(asked.run, row, changes) for row in checked.experiments}
        rows |= dag.asked(asked.study, asked.run, changes) if asked.study is not None else {}
        at_most, extra = count(asked.jobs), _words(asked.snakemake)
        profile = profile_settings(asked.profile)
        at = Paths(checked.run)
        cores = joblib.cpu_count()  # those that this process may use
        memory = hardware.machine()["memory_gb"] or 2 * NOTEBOOK_GB
        jobs, cores = at_once(at_most, checked.threads, cores, memory)
        if "executor" in profile:
            jobs, memory = at_most or profile["jobs"], None
        first = [] if extra or asked.study else slow_files(at, rows)  # else these are made beside what is asked for
        # of a study the data come first, since they say which of its rows can be trained
        stages = [[*extra, target] for target in (DATA_RULE, "study")] if asked.study else [extra]
        door = {"first": first, "profile": asked.profile, "study": asked.study or ""}
        commands = [snakemake_command(checked.run, changes, jobs, cores, extra=of, **door) for of in stages]
        working = executes(commands[0]) if extra else True
        if working and profile.get("executor") == "slurm" and shutil.which("sbatch") is None:
            expected = "expected Slurm's command sbatch on this machine; start it where jobs are submitted"
            raise ValueError(f"PROFILE: found '{asked.profile}', {expected}, or leave PROFILE out")
        print(plan(at, checked, rows, jobs, memory), flush=True)
    except (ValueError, OSError) as error:  # of parameters and data, too
        sys.exit(str(error))
    log = at.results / "logs" / "snakemake.log"
    try:
        with FileLock(at.results / ".lock", timeout=0):
            if working:
                for line in [*intact.make_room(at, generated=checked.data == "phantoms"), *intact.unknown(at)]:
                    print(line, flush=True)
            log.parent.mkdir(exist_ok=True)
            local = "executor" not in profile and not any(one.startswith("--exec") for one in extra)
            usual, own = usual_seconds(at)
            with contextlib.ExitStack() as stack:
                said = stack.enter_context(log.open("w", encoding="utf-8"))
                shown = stack.enter_context(log.with_name("terminal.log").open("w", encoding="utf-8"))
                for command in commands:
                    with Progress(shown, usual, own, jobs) as progress:
                        code = follow(command, progress, said, local=local)
                    if code:
                        break
    except Timeout:
        sys.exit(f"run {checked.run} is being made by another process (lock {show(at.results / '.lock')})")
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on where it stopped")
    except OSError as error:
        sys.exit(str(error))
    if code:
        reason = complaint(log)
        reason += "\n" * bool(reason) + f"run {checked.run} did not finish; the reason stands above"
        sys.exit(f"{reason} (what Snakemake said is in {show(log)}). The same command goes on where it stopped.")
    if not working:
        print(log.read_text(encoding="utf-8"), end="")
    elif asked.study:
        command = [sys.executable, "-m", "workflow.report", "--run", checked.run, "--execute"]
        sys.exit(subprocess.run(command, check=False).returncode)
    elif at.table1.is_file():  # Snakemake may have been asked for less
        print(ending(at))


if __name__ == "__main__":
    main()
