"""All measurements of `make bench`, each a ratio taken side by side in one process on this machine.

python -m workflow.bench [--images 256 --size 224 --rounds 3] [--precision float32 mixed_float16]
"""

import argparse
import os
import subprocess
import sys

import pandas as pd

from lib import hardware
from lib.files import write_csv
from lib.paths import BENCH
from workflow.bench.measure import COLUMNS, TARGETS


def measure_all(images: int, size: int, rounds: int, precision: str) -> pd.DataFrame:
    """Every row in this process, with the columns COLUMNS."""
    hardware.configure(precision=precision, deterministic=False)
    from workflow.bench import conversion, explanations, training  # they load TensorFlow

    parts = [lambda: training.training_rows(images, size, rounds)]
    if precision == "float32":
        parts = [conversion.conversion_rows, explanations.explanation_rows, *parts, training.pinning]
    rows = []
    for part in parts:
        for row in part():
            print(f"{row['ratio']:6.2f} [{row['low']:.2f}, {row['high']:.2f}]  {row['name']}", flush=True)
            rows.append(row)
    device = ", ".join(hardware.describe()["gpus"]) or f"CPU, {os.cpu_count()} cores"
    return pd.DataFrame(rows).assign(device=f"{device}, {precision}")[COLUMNS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", nargs="+", default=["float32"])
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        table = measure_all(arguments.images, arguments.size, arguments.rounds, arguments.only)
        write_csv(BENCH.with_name(f"bench-{arguments.only}.csv"), table)
        return
    tables = []
    for precision in arguments.precision:  # a process each: the dtype policy and the kernels are set once
        subprocess.run([sys.executable, "-m", "workflow.bench", *sys.argv[1:], "--only", precision], check=True)
        tables.append(pd.read_csv(BENCH.with_name(f"bench-{precision}.csv")))
    table = pd.concat(tables, ignore_index=True)
    write_csv(BENCH, table)
    shown = table.assign(target=table["name"].map(TARGETS).map("{:g}".format, na_action="ignore")).fillna("")
    print(shown.to_string(index=False, float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
