"""One look for all figures, and one way to save them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from lib.files import replacing

CLASS_NAMES = {"covid-19": "COVID-19", "normal": "Normal", "pneumonia": "Pneumonia"}
"""Display names of the chest classes."""

CLASS_COLOURS = {"covid-19": "#c1432e", "normal": "#3b7a57", "pneumonia": "#3a6ea5"}
"""One colour a class, distinguishable with the common colour vision deficiencies."""

SPLIT_COLOURS = {"train": "#1f4e79", "validation": "#6fa8dc", "test": "#e69138"}
"""One colour a split (Figure 2)."""


@contextmanager
def apply() -> Iterator[None]:
    """Within the block, figures are drawn in the companion's style.

    Figures made in it are handed back to their caller: pyplot forgets them, so that Jupyter shows them once.
    """
    before = set(plt.get_fignums())
    with (
        sns.axes_style("whitegrid"),
        sns.plotting_context("notebook", font_scale=0.9),
        matplotlib.rc_context(
            {
                "figure.dpi": 110,
                "figure.constrained_layout.use": True,
                "axes.titleweight": "bold",
                "axes.spines.top": False,
                "axes.spines.right": False,
                "pdf.fonttype": 42,
                "svg.hashsalt": "companion",
            }
        ),
    ):
        yield
    for number in set(plt.get_fignums()) - before:
        plt.close(number)


def save(figure: Figure, stem: Path) -> None:
    """Writes `stem`.png and `stem`.pdf; equal figures give equal bytes."""
    stem = Path(stem)
    for suffix, metadata in ((".png", {"Software": None}), (".pdf", {"CreationDate": None, "Producer": None})):
        with replacing(stem.with_name(stem.name + suffix)) as temporary:
            figure.savefig(temporary, dpi=200, bbox_inches="tight", metadata=metadata)
