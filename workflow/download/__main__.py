"""Fetches the public archives into a run's data folder: `python -m workflow.download --run paper`."""

import argparse
import os
import sys

from lib import params, paths
from lib.data import DataError
from workflow.download.archives import ARCHIVES, acquire


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workflow.download", description=__doc__)
    parser.add_argument(
        "--run",
        default=os.environ.get("RUN") or "paper",
        help="whose data folder is filled",
    )
    parser.add_argument("--into", default=os.environ.get("DATA", ""), help="another data folder")
    parser.add_argument("--only", nargs="*", default=[], choices=list(ARCHIVES), help="some of them")
    given = parser.parse_args(arguments)
    try:
        data = given.into or params.load(given.run).data
        if data == "phantoms":
            print(f"Run '{given.run}' generates its data: nothing to fetch; RUN=paper fetches the archives")
            return 0
        return 1 if acquire(paths.resolve(data), given.only) else 0
    except (DataError, params.ParameterError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. What was fetched is kept; the same command goes on from there.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
