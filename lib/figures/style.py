"""One look for all figures, and one way to save them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

from lib.evaluation.standing import Standing
from lib.files import replacing

CLASS_NAMES = {"covid-19": "COVID-19", "normal": "Normal", "pneumonia": "Pneumonia"}
"""Display names of the chest classes."""

CLASS_COLOURS = {"covid-19": "#c1432e", "normal": "#3b7a57", "pneumonia": "#3a6ea5"}
"""One colour a class, distinguishable with the common colour vision deficiencies."""

CLASS_LINES = {"covid-19": "-", "normal": "--", "pneumonia": "-."}
"""One kind of line a class, which paper without colours keeps apart."""

SPLIT_COLOURS = {"train": "#1f4e79", "validation": "#6fa8dc", "test": "#f6cf9f"}
"""One colour a split (Figure 2), from dark to light."""

ROW_COLOURS = ("#1f4e79", "#c98a00", "#4d9a94", "#8c564b")
"""One colour a row of Table 1 in figures that compare some, none of them a class's or a method's."""

_mark = ""


def about(images: Standing, row: str = "") -> str:
    """Has every figure from now on name the row that it shows, if it is one, and say if the data are phantoms.

    Returns:
        The data in words, for a notebook to print.
    """
    global _mark
    _mark = " · ".join([*([row] if row else []), *(["phantom data"] if images.phantoms else [])])
    return images.data


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
                "ps.fonttype": 42,
                "svg.hashsalt": "companion",
            }
        ),
    ):
        yield
    for number in set(plt.get_fignums()) - before:
        if _mark:  # below the picture, which it can neither cover nor shift
            plt.figure(number).text(1, -0.005, _mark, ha="right", va="top", fontsize=7.5, color="#8a4b00")
        plt.close(number)


def save(figure: Figure, stem: Path, dpi: int = 200) -> None:
    """Writes `stem`.png, of so many dots an inch, and `stem`.pdf; equal figures give equal bytes."""
    stem = Path(stem)
    for suffix, metadata in ((".png", {"Software": None}), (".pdf", {"CreationDate": None, "Producer": None})):
        with replacing(stem.with_name(stem.name + suffix)) as temporary:
            figure.savefig(temporary, dpi=dpi, bbox_inches="tight", metadata=metadata)
