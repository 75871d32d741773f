"""The front door behind `make reproduce`: checks the parameters, runs the DAG, shows what came out.

python -m workflow.front --run demo [--data FOLDER] [--set "key=value key=value"] [--jobs N] [--profile NAME]
"""

import argparse
import os
import shlex
import subprocess
import sys
import textwrap
from typing import Any

import joblib
import yaml
from filelock import FileLock, Timeout

from lib import hardware, params
from lib.paths import Paths, show
from workflow import dag, provenance

NOTEBOOK_GB = 3
"""Memory that a notebook may need: so many run at once by default as fit, and as there are cores for."""


def overrides(text: str, data: str) -> dict[str, Any]:
    """SET's `key=value` pairs (values in YAML) and DATA as one mapping.

    Raises:
        lib.params.ParameterError: a piece without `=`.
    """
    found = {}
    for piece in shlex.split(text):
        key, equals, value = piece.partition("=")
        if not equals:
            raise params.ParameterError(f"SET: found '{piece}', expected key=value, as in SET='epochs=3 seeds=[1,2]'")
        found[key] = yaml.safe_load(value)
    return found | ({"data": os.path.abspath(os.path.expanduser(data))} if data else {})


def snakemake_command(
    run: str, changes: dict[str, Any], jobs: int, cores: int, *, first: list[str], profile: str, extra: list[str]
) -> list[str]:
    """The call of Snakemake: at most `jobs` notebooks at once, on so many cores.

    Files in `first`, with all that they need, are made before everything else; `extra` arguments win over what stands
    before them and over the profile, a folder of workflow/profiles.
    """
    return [
        sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile",
        "--workflow-profile", f"workflow/profiles/{profile}",
        "--config", f"run={run}", f"jobs={jobs}", f"set={dag.packed(changes)}",
        *(["--prioritize", *first] if first else []),  # takes all that follows up to the next option
        "--cores", str(cores), *extra,
    ]  # fmt: skip


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
    lines = [*textwrap.wrap(table1.caption(ledger, at.run), 110), "", table1.to_terminal(ledger)]
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="demo")
    parser.add_argument("--data", default="")
    parser.add_argument("--set", default="", dest="changes")
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--profile", default="local", help="a folder of workflow/profiles")
    parser.add_argument("--snakemake", default="", help="further arguments for Snakemake")
    arguments = parser.parse_args()
    try:
        changes = overrides(arguments.changes, arguments.data)
        checked = params.load(arguments.run, None, changes)
        rows = {row: params.load(arguments.run, row, changes) for row in checked.experiments}
    except params.ParameterError as error:
        sys.exit(str(error))
    at = Paths(checked.run)
    at.results.mkdir(parents=True, exist_ok=True)
    cores = joblib.cpu_count()  # those that this process may use
    jobs, cores = at_once(arguments.jobs, checked.threads, cores, hardware.machine()["memory_gb"] or 2 * NOTEBOOK_GB)
    extra = shlex.split(arguments.snakemake)
    command = snakemake_command(
        checked.run, changes, jobs, cores, first=slow_files(at, rows), profile=arguments.profile, extra=extra
    )
    try:
        with FileLock(at.results / ".lock", timeout=0):
            environment = os.environ | {"PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]}
            code = subprocess.run(command, env=environment, check=False).returncode
    except Timeout:
        sys.exit(f"run {checked.run} is being made by another process (lock {show(at.results / '.lock')})")
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command goes on where it stopped")
    if code:
        reason = "the reason stands above. The same command goes on where it stopped."
        sys.exit(f"run {checked.run} did not finish; {reason}")
    if at.table1.is_file() and {"-n", "--dry-run"}.isdisjoint(extra):  # Snakemake may have been asked for less
        print(ending(at))


if __name__ == "__main__":
    main()
