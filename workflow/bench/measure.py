"""All measurements of `make bench`, each a ratio taken side by side in one process on this machine.

python -m workflow.bench [--images 256 --size 224 --rounds 3] [--precision float32 mixed_float16]
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from lib import hardware
from lib.files import write_csv
from lib.paths import BENCH, show

COLUMNS = ["name", "ratio", "low", "high", "equal", "device"]
TARGETS = {
    "conversion against one plain Pillow loop": 1.7,
    "linear stage, 30 epochs: stored activations against plain": 15,
    "fine-tuning, 10 epochs: stored activations against plain": 1.6,
    "input pipeline against one constant batch": 0.97,
    "input pipeline with augmentation against one constant batch": 0.93,
    "augmentation against Keras's image-by-image functions (scipy)": 10,
}
"""What these rows should reach on two CPU cores; shown beside them."""


def measure(images: int, size: int, rounds: int, precision: str) -> pd.DataFrame:
    """Every row in this process: name, ratio, low, high, equal (true, false or empty), device."""
    hardware.configure(precision=precision, deterministic=False)
    import workflow.bench.conversion
    import workflow.bench.explanations
    import workflow.bench.training

    parts = [lambda: workflow.bench.training.bench_rows(images, size, rounds)]
    if precision == "float32":
        parts = [workflow.bench.conversion.bench_rows, workflow.bench.explanations.bench_rows, *parts]
    rows = []
    for part in parts:
        for row in part():
            print(f"{row['ratio']:6.2f} [{row['low']:.2f}, {row['high']:.2f}]  {row['name']}", flush=True)
            rows.append(row)
    about = hardware.describe()
    device = ", ".join(about["gpus"]) or f"CPU, {os.cpu_count()} cores"
    return pd.DataFrame(rows).reindex(columns=COLUMNS[:-1]).assign(device=f"{device}, {precision}")


def read(path: Path = BENCH) -> pd.DataFrame:
    """What the last `make bench` measured; missing values are empty text.

    Raises:
        FileNotFoundError: nothing has been measured here.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{show(path)}: no such file; `make bench` measures on this machine and writes it")
    return pd.read_csv(path, keep_default_na=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", nargs="+", default=["float32"])
    parser.add_argument("--only", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    target = BENCH
    if arguments.only:
        table = measure(arguments.images, arguments.size, arguments.rounds, arguments.only)
        write_csv(target.with_name(f"bench-{arguments.only}.csv"), table)
        return
    tables = []
    for precision in arguments.precision:  # a process each: the dtype policy and the kernels are set once
        subprocess.run([sys.executable, "-m", "workflow.bench", *sys.argv[1:], "--only", precision], check=True)
        tables.append(pd.read_csv(target.with_name(f"bench-{precision}.csv")))
    table = pd.concat(tables, ignore_index=True)
    write_csv(target, table)
    shown = table.assign(target=table["name"].map(TARGETS).map("{:g}".format, na_action="ignore")).fillna("")
    print(shown.to_string(index=False, float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
