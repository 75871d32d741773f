"""`make reference`: keeps what a finished run gave in results/reference/<run>, and the demo's Table 1 in the README.

python -m workflow.reference --run demo
"""

import argparse
import os
import sys

import pandas as pd
from filelock import FileLock, Timeout

from lib import files, params
from lib.evaluation import reference, table1
from lib.evaluation.runs import SETTINGS
from lib.paths import ROOT, Paths, show

README = ROOT / "README.md"
BEGIN, END = "<!-- made by `make reference` from results/reference/demo -->\n\n", "\n\n<!-- end -->"
SCORES = ("Macro F1", "COVID-19 precision", "COVID-19 recall")


def with_table(text: str, ledger: pd.DataFrame) -> str:
    """The README's text with Table 1 between its two markers; a cell is empty where a score has no value.

    Args:
        text: of the README.
        ledger: Table 1, as `table1.read_ledger`.
    """
    before, _, rest = text.partition(BEGIN)
    shown = table1.display_table(ledger)
    columns = {
        "Row (phantom data)": ledger["id"].tolist(),
        "Settings": [_settings(row) for _, row in ledger.iterrows()],
    }
    for name in SCORES:
        columns[f"{name} [95 %]"] = shown[name, "ours [95 %]"].tolist()
        columns[f"{name}, published"] = shown[name, "publ."].tolist()
    table = pd.DataFrame(columns).replace(table1.ABSENT, "")
    return (
        before
        + BEGIN
        + table.to_markdown(index=False, tablefmt="github", disable_numparse=True)
        + END
        + rest.partition(END)[2]
    )


def _settings(row: pd.Series) -> str:
    """Table 1's four settings in a few words; none for a baseline."""
    if row["id"] in table1.BASELINES:
        return ""
    used = [table1.SETTING_NAMES[name].lower() for name in SETTINGS[1:] if row[name] == "yes"]
    return ", ".join([row["transfer_learning"] or "from scratch", *used])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workflow.reference", description=__doc__.splitlines()[0])
    parser.add_argument("--run", default=os.environ.get("RUN") or "demo", help="name of the run (of params/runs/)")
    try:
        at = Paths(params.load(parser.parse_args().run).run)
        at.results.mkdir(parents=True, exist_ok=True)
        with FileLock(at.results / ".lock", timeout=0):
            print(f"Beside the reference so far:\n{reference.write(at)}\n")
    except (ValueError, files.Damaged) as error:  # of the parameters, too
        sys.exit(str(error))
    except Timeout:
        sys.exit(f"run {at.run} is being made by another process; `make reference` needs it finished")
    if at.run == "demo":
        ledger = table1.read_ledger(at.reference / "table1.csv")
        files.write_text(README, with_table(README.read_text(encoding="utf-8"), ledger))
    print(f"wrote {show(at.reference)}{' and the table in README.md' * (at.run == 'demo')}; commit it to keep it")


if __name__ == "__main__":
    main()
