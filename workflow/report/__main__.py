"""Builds the report of a run: `python -m workflow.report --run demo`."""

import argparse
import sys

from lib import params, paths
from workflow.report import site


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m workflow.report", description=__doc__)
    parser.add_argument("--run", default="demo", help="name of the run (params/runs/<run>.yaml)")
    parser.add_argument("--made-in", default="{}")
    parser.add_argument("--execute", action="store_true")
    name = parser.parse_args().run
    try:
        first, built = site.build(name)
    except (params.ParameterError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for line in built.run.missing:
        print(f"missing: {line}")
    for image in built.undescribed:
        print(f"no alternative text: {image} (give its cell the metadata `alt`)")
    print(f"report: {paths.show(first)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
