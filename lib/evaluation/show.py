"""Table 1 and the claims' tally in the terminal: what `make reproduce` ends with.

python -m lib.evaluation.show --run demo
"""

import argparse
import sys

import pandas as pd

from lib.evaluation import render, table1
from lib.paths import Paths, show

VERDICTS = ("supported", "contradicted", "undecided")


def summary(at: Paths) -> str:
    """The compact Table 1 of a run, and how its claims were judged where they were, at most 110 columns wide.

    Raises:
        FileNotFoundError: the run has no table1.csv yet.
    """
    if not at.table1.is_file():
        raise FileNotFoundError(
            f"{show(at.table1)}: not found; expected the run's Table 1: `make reproduce RUN={at.run}` makes it"
        )
    lines = [
        f"Table 1, run {at.run}: percent, 95 % interval over patients, and the published value (publ)",
        "",
        render.to_terminal(table1.read(at.table1)),
    ]
    if at.run != "paper":
        lines += ["", f"Run {at.run} has not the paper's settings: compare it with the published values in form only."]
    if at.claims.is_file():
        lines += ["", *tally(pd.read_csv(at.claims, keep_default_na=False))]
    return "\n".join(lines)


def tally(claims: pd.DataFrame) -> list[str]:
    """A line each for the run's verdicts and, beside them, those that the published Table 1 gives.

    Args:
        claims: claims.csv with the columns verdict and published_verdict; another verdict counts under its own name.
    """
    sides = {"Claims, by this run": "verdict", "Claims, by the published Table 1": "published_verdict"}
    width = max(map(len, sides)) + 2
    return [f"{side + ':':{width}}{_counted(claims[column])}" for side, column in sides.items() if column in claims]


def _counted(verdicts: pd.Series) -> str:
    found = verdicts.replace("", "not judged").value_counts()
    names = [*VERDICTS, *sorted(set(found.index) - set(VERDICTS))]
    return ", ".join(f"{found.get(name, 0)} {name}" for name in names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="demo")
    try:
        print(summary(Paths(parser.parse_args().run)))
    except FileNotFoundError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
