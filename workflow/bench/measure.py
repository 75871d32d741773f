"""What all measurements share: one clock, one shape of row, one file.

A row is a ratio: the plain way's seconds over ours, so above 1 we are faster. Both ways run in one process and take
turns; ratio is the median of the rounds, low and high are the extreme rounds. Two kinds differ: what is set when
TensorFlow is loaded takes turns in short processes, and what the host feeds is a rate, in units of FED.
"""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pandas as pd

from lib.paths import BENCH, show

COLUMNS = ["name", "ratio", "low", "high", "equal", "device"]
TARGETS = {
    "conversion against one plain Pillow loop": 1.7,
    "linear stage, 30 epochs: stored activations against plain": 15,
    "fine-tuning, 10 epochs: stored activations against plain": 1.6,
    "input pipeline against one constant batch": 0.97,
    "input pipeline with augmentation against one constant batch": 0.93,
    "augmentation against Keras's image-by-image functions (scipy)": 10,
    "images a second that a core feeds, in units of 20,000": 1,
    "images a second that a core feeds, in units of 20,000, with augmentation": 1,
}
"""What these rows should reach on two CPU cores; shown beside them."""

FED = 20_000
"""Images a second that a core should make batches of: several times what the fastest GPU trains."""


def ratio_row(name: str, ratios: list[float], equal: bool | None = None) -> dict[str, object]:
    """One row, without the device. `equal`: whether both ways gave the same; None where they need not."""
    return {"name": name, "ratio": median(ratios), "low": min(ratios), "high": max(ratios), "equal": equal}


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare_speed(
    name: str,
    ours: Callable[[], object],
    plain: Callable[[], object],
    rounds: int,
    same: Callable[[object, object], bool] | None = None,
) -> dict[str, object]:
    """One row: both called `rounds` times, every other round in the opposite order, after a call without the clock.

    `same` tells whether what both returned in that call is the same; None leaves it open.
    """
    first = [way() for way in (ours, plain)]  # graphs are traced and files cached here
    ratios = []
    for number in range(rounds):
        ways = [ours, plain][:: -1 if number % 2 else 1]
        spent = {way: seconds(way) for way in ways}
        ratios.append(spent[plain] / spent[ours])
    return ratio_row(name, ratios, None if same is None else bool(same(*first)))


def read_bench(path: Path = BENCH) -> pd.DataFrame:
    """What the last `make bench` measured; missing values are empty text.

    Raises:
        FileNotFoundError: nothing has been measured here.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{show(path)}: no such file; `make bench` measures on this machine and writes it")
    return pd.read_csv(path, keep_default_na=False)
