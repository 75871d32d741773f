"""Pictures of numbers about the networks: free parameters by boundary, measured ratios, cost by row."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lib.figures import style


def boundaries(counts: dict[str, dict[str, int]], published: dict[str, int], marked: dict[str, str]) -> Figure:
    """Free parameters against the first trained layer, one panel a network, Table 1's number as a line.

    Args:
        counts: network -> first trained layer -> free parameters, in the network's order.
        published: network -> Table 1's number for its fine-tuned rows.
        marked: network -> the first trained layer that this companion uses.
    """
    with style.apply():
        figure, axes = plt.subplots(1, len(counts), figsize=(5.6 * len(counts), 3.6), squeeze=False)
        for ax, (name, by_layer) in zip(axes[0], counts.items(), strict=True):
            values = np.array(list(by_layer.values())) / 1e6
            at = list(by_layer).index(marked[name])
            ax.step(range(len(values)), values, where="mid", color="#1f4e79")
            ax.axhline(published[name] / 1e6, color="#c1432e", linestyle="--", linewidth=1.2)
            ax.text(
                0, published[name] / 1e6, f"published {published[name]:,}", va="bottom", color="#c1432e", fontsize=9
            )
            ax.plot(at, values[at], "o", color="#1f4e79")
            place = {"xytext": (-8, -14), "textcoords": "offset points", "ha": "right", "fontsize": 9}
            ax.annotate(marked[name], (at, values[at]), **place)
            ax.set(title=name, xlabel="first trained layer with parameters", ylabel="free parameters (millions)")
            ax.set_ylim(0, values.max() * 1.1)
    return figure


def ratios(table: pd.DataFrame) -> Figure:
    """Measured ratios of bench.csv on a log axis, with their extremes.

    Args:
        table: columns name, ratio, low, high.
    """
    shown = table.iloc[::-1]
    with style.apply():
        figure, ax = plt.subplots(figsize=(9, 0.42 * len(shown) + 1.2), layout="constrained")
        errors = np.maximum([shown["ratio"] - shown["low"], shown["high"] - shown["ratio"]], 0)
        gained = shown["ratio"] - 1  # bars begin at 1, equal speed
        ax.barh(shown["name"], gained, left=1, xerr=errors, color="#6fa8dc", error_kw={"linewidth": 1})
        ax.axvline(1, color="#333333", linewidth=1)
        ax.set(xscale="log", xlabel="times as fast; lines: extreme rounds")
        for place, value in enumerate(shown["ratio"]):
            ax.text(1.02, place, f"{value:.2f}", va="center", fontsize=9, transform=ax.get_yaxis_transform())
        ax.grid(axis="y", visible=False)
    return figure


def hours(table: pd.DataFrame) -> Figure:
    """Hours of each row, done plainly and as this companion does it.

    Args:
        table: as `workflow.bench.cost.table`.
    """
    rows = table[table["id"] != "all"]
    places = np.arange(len(rows))
    with style.apply():
        figure, ax = plt.subplots(figsize=(9, 3.4))
        ax.bar(places - 0.2, rows["plain_hours"], 0.4, color="#b7b7b7", label="plainly")
        ax.bar(places + 0.2, rows["our_hours"], 0.4, color="#1f4e79", label="shared and stored")
        ax.set_xticks(places, rows["id"].str.replace(", ", ",\n"))
        ax.set_ylabel("hours (modelled)")
        ax.legend()
    return figure
