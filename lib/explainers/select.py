"""Which images are explained, by rules instead of a choice by hand, and what is known about them."""

import numpy as np
import pandas as pd

from lib.data.load import Dataset, Part

REGIONS = {"lungs": 1, "opacity": 2, "marker": 4}
"""Bit of each region in the masks of phantoms."""


def confident(predictions: pd.DataFrame, label: str = "covid-19", count: int = 2) -> pd.DataFrame:
    """Figure 5's rule: `count` correct predictions of a class with the highest probabilities, one a patient.

    Where fewer patients were predicted correctly, the wrong predictions with the highest probability of the class
    follow; ties go by image_id. `predictions` has the columns image_id, group_id, label and a probability a class.

    Returns:
        the chosen rows with columns `predicted` and `correct` added; their index is that of `predictions`.

    Raises:
        ValueError: the class has fewer than `count` patients.
    """
    known = judged(predictions)
    known = known[known.label == label].sort_values(["correct", label, "image_id"], ascending=[False, False, True])
    chosen = known.drop_duplicates("group_id").head(count)
    if len(chosen) < count:
        raise ValueError(f"{label}: found {len(chosen)} patients in the test set, expected at least {count}")
    return chosen


def gallery_cases(predictions: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """For every class: the most confident right prediction, the least confident right one, the most confident wrong.

    A case that does not occur is left out. Returns rows as `confident` does, with the column `case`.
    """
    known = judged(predictions).sort_values(["probability", "image_id"], ascending=[False, True])
    found = []
    for label in classes:
        right, wrong = (known[(known.label == label) & (known.correct == correct)] for correct in (True, False))
        cases = {"surest right": right[:1], "least sure right": right[1:][-1:], "surest wrong": wrong[:1]}
        found += [part.assign(case=case) for case, part in cases.items()]
    return pd.concat(found)


def judged(predictions: pd.DataFrame) -> pd.DataFrame:
    """The predictions with columns `predicted` (class), `probability` (of that class) and `correct` (bool)."""
    values = predictions.select_dtypes("floating")
    predicted = values.idxmax(axis=1)
    probability, correct = values.max(axis=1), predicted == predictions.label
    return predictions.assign(predicted=predicted, probability=probability, correct=correct)


def positions_of(index: pd.DataFrame, image_ids: pd.Series) -> np.ndarray:
    """Rows of a dataset's index that hold these images, in the order given."""
    place = pd.Series(np.arange(len(index)), index=index.image_id.astype(str))
    return place.loc[image_ids.astype(str)].to_numpy()


def spread_over_classes(part: Part, count: int) -> np.ndarray:
    """(at most `count`,) ascending positions of a split's images to explain where all are too many.

    Classes take turns, so that rare ones are not lost. Patients of a class come in a seeded order, and a second image
    of one only after the first ones of all.
    """
    chance = np.random.default_rng(1).random(len(part.labels))
    drawn = pd.DataFrame({"label": part.labels, "patient": part.index.group_id, "chance": chance}).sort_values("chance")
    drawn["again"] = drawn.groupby("patient").cumcount()
    drawn = drawn.sort_values("again", kind="stable")
    drawn["turn"] = drawn.groupby("label").cumcount()
    return np.sort(drawn.sort_values(["turn", "label"]).index[:count].to_numpy())


def known_regions(data: Dataset, positions: np.ndarray) -> dict[str, np.ndarray]:
    """Known regions of the images, each (N, S, S) bool: lungs, opacity and marker of phantoms, boxes of RSNA.

    A region that no image has is left out. Boxes (`box`) were carried through the resize; images without one have an
    empty mask.
    """
    found = {}
    if (masks := data.masks) is not None:
        flags = np.asarray(masks[positions])
        found = {name: (flags & bit) > 0 for name, bit in REGIONS.items()}
    if (boxes := data.boxes) is not None:
        by_image = dict(list(boxes.groupby(boxes.image_id.astype(str))[["x", "y", "width", "height"]]))
        ids = data.index.image_id.iloc[positions].astype(str)
        found["box"] = np.stack([boxes_mask(by_image.get(one, ()), data.images.shape[1]) for one in ids])
    return {name: mask for name, mask in found.items() if mask.any()}


def boxes_mask(boxes: np.ndarray, size: int) -> np.ndarray:
    """(S, S) bool, true inside any of the (K, 4) boxes x, y, width, height in pixels (clipped to the image)."""
    mask = np.zeros((size, size), dtype=bool)
    for x, y, width, height in np.asarray(boxes, dtype=float).reshape(-1, 4):
        left, top = max(0, round(x)), max(0, round(y))
        mask[top : max(top, round(y + height)), left : max(left, round(x + width))] = True
    return mask
