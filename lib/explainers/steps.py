"""What the number of steps m of Integrated Gradients changes: the rows and the verdict of notebook 07."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lib.evaluation import bootstrap
from lib.explainers import measures
from lib.explainers.explain import Explainer

TRIED = (5, 10, 20, 25, 50, 100, 200, 250, 500)
"""Values of m that are tried where they divide the finest."""

CLOSED = 0.1
"""A rise in agreement counts as notable if it closes this share of the gap to full agreement."""


def divisors(finest: int, chosen: int) -> list[int]:
    """The values of m to try, ascending: those of TRIED that divide the finest, the run's own, and the finest.

    Raises:
        ValueError: the run's m does not divide the finest.
    """
    if finest % chosen:
        raise ValueError(f"ig_steps: found {chosen}, expected a divisor of ig_steps_reference, {finest}")
    return sorted({*(m for m in TRIED if finest % m == 0), chosen, finest})


def rows(explainer: Explainer, images: np.ndarray, classes: Sequence[int], tried: Sequence[int]) -> pd.DataFrame:
    """Completeness and ranks for each image and m.

    Returns:
        columns image (position), steps, completeness_error (relative to the change of the score), rank_correlation
        (of the pixels' signed attributions with those of the finest m), agreement (rank correlation of the evidence
        with Grad-CAM's map).
    """
    found = explainer.integrated_gradients.at_steps(images, classes, tried)
    cams = explainer.grad_cam(images, classes)
    finest = found[max(tried)].values.sum(axis=-1)
    parts = []
    for m, attributions in found.items():
        pixels, shown = attributions.values.sum(axis=-1), measures.evidence(attributions.values)
        ranks = [measures.rank_correlation(one, other) for one, other in zip(pixels, finest, strict=True)]
        agree = [measures.rank_correlation(one, other) for one, other in zip(shown, cams, strict=True)]
        columns = {"completeness_error": attributions.completeness_error, "rank_correlation": ranks, "agreement": agree}
        parts.append(pd.DataFrame({"image": range(len(images)), "steps": m, **columns}))
    return pd.concat(parts, ignore_index=True)


def verdict(table: pd.DataFrame, chosen: int, groups: dict[str, str], samples: int) -> dict:
    """Judges the suspicion that too few steps are why Integrated Gradients disagree with Grad-CAM.

    Args:
        table: steps.csv.
        chosen: the run's m.
        groups: image_id to patient.
        samples: resamples behind the intervals.

    Returns:
        `supported` (true if it is for any network), `sentence`, and `networks`: for each the mean agreement at the
        chosen and the finest m, the mean change with its 95 % interval, the share of the gap to full agreement that the
        change closes, and the mean rank correlation between both m.
    """
    finest = int(table.steps.max())
    networks = {}
    for name, part in table.groupby("experiment", sort=False):
        wide = part.pivot(index="image_id", columns="steps", values="agreement")
        change = (wide[finest] - wide[chosen]).dropna()
        low, high = bootstrap.mean_interval(change.to_numpy(), np.array([groups[one] for one in change.index]), samples)
        gap = 1 - wide[chosen].mean()
        networks[name] = {
            f"agreement at m = {chosen}": wide[chosen].mean(),
            f"agreement at m = {finest}": wide[finest].mean(),
            "change": change.mean(),
            "low": low,
            "high": high,
            "gap closed": change.mean() / gap if gap else 0.0,
            "same picture": part[part.steps == chosen].rank_correlation.mean(),
        }
    networks = {name: {key: _number(value) for key, value in of.items()} for name, of in networks.items()}
    supported = any((of["low"] or 0) > 0 and (of["gap closed"] or 0) >= CLOSED for of in networks.values())
    return {"supported": supported, "sentence": _sentence(networks, chosen, finest, supported), "networks": networks}


def _sentence(networks: dict, chosen: int, finest: int, supported: bool) -> str:
    parts = [
        f"{name}: agreement with Grad-CAM {_shown(of[f'agreement at m = {chosen}'])} at m = {chosen} and "
        f"{_shown(of[f'agreement at m = {finest}'])} at m = {finest}, change {_shown(of['change'], '+.3f')} "
        f"(95 % interval {_shown(of['low'], '+.3f')} to {_shown(of['high'], '+.3f')})"
        for name, of in networks.items()
    ]
    word = "supported" if supported else "not supported"
    return f"'Numerical precision could be one issue' is {word}. " + "; ".join(parts) + "."


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _shown(value: float | None, form: str = ".3f") -> str:
    return "undefined" if value is None else format(value, form)
