"""Builds the report of a run: `python -m workflow.report --run demo`."""

import argparse
import contextlib
import json
import os
import sys

from filelock import FileLock, Timeout

from lib import files, params, paths
from workflow import provenance
from workflow.report import site

SUMMARIES = ("11_overview", "90_data_sheet", "91_model_card", "92_provenance", "93_checklists")


def execute_summaries(run: str) -> None:
    """Writes the run's provenance and executes the notebooks that sum it up; one that fails is said and kept."""
    from workflow.execute import NotebookFailed, execute  # a second that a mere conversion does not need

    values = site.values_of(run)
    provenance.write(run)
    for name in SUMMARIES:
        source = paths.NOTEBOOKS / f"{name}.ipynb"
        given = {key: values[key] for key in params.listed_in(source) if key in values}
        try:
            execute(source, paths.Paths(run).notebooks / source.name, given, name)
        except NotebookFailed as error:
            print(error, file=sys.stderr)


def _kept(at: paths.Paths, made_in: dict[str, str] | None) -> dict[str, str]:
    """The mapping that the DAG gives, written down for a report that is built without it; else the one kept."""
    file = at.results / "made_in.json"
    if made_in is not None:
        files.write_json(file, made_in)
    return files.read_json(file) if file.is_file() else {}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m workflow.report", description=__doc__)
    parser.add_argument("--run", default=os.environ.get("RUN") or "demo", help="name of the run (of params/runs/)")
    parser.add_argument("--made-in", type=json.loads, help="JSON: file of the run -> the notebook that made it; kept")
    parser.add_argument("--execute", action="store_true", help="execute the summaries (11, 90 to 93) anew before")
    given = parser.parse_args()
    os.environ[files.STEP] = "report"
    try:
        at = paths.Paths(given.run)
        alone = given.made_in is None and at.results.is_dir()  # not a step of a run, which holds the lock
        with FileLock(at.results / ".lock", timeout=0) if alone else contextlib.nullcontext():
            if given.execute and site.Site(given.run, {}):  # an unknown run is refused before anything runs
                execute_summaries(given.run)
            built = site.build_site(given.run, _kept(at, given.made_in))
    except Timeout:
        print(f"run {given.run} is being made by another process; its report is made then", file=sys.stderr)
        return 1
    except (params.ParameterError, ValueError, files.Damaged) as error:
        print(error, file=sys.stderr)
        return 1
    for image in built.undescribed:
        print(f"no alternative text: {image} (give its cell the metadata `alt`)")
    print(f"report: {paths.show(built.at.report / 'index.html')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
