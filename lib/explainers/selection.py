"""Which images are shown: rules on predictions.csv instead of a choice by hand."""

import numpy as np
import pandas as pd


def confident(predictions: pd.DataFrame, label: str = "covid-19", count: int = 2) -> pd.DataFrame:
    """Figure 5's rule: the correct predictions of a class with the highest probabilities, one a patient.

    Where fewer patients were predicted correctly, the wrong predictions with the highest probability of the class
    follow; ties go by image_id.

    Args:
        predictions: columns image_id, group_id, label and a probability a class, as predictions.csv.
        label: the class.
        count: number of images.

    Returns:
        the chosen rows with columns `predicted` and `correct` added; their index is that of `predictions`.

    Raises:
        ValueError: the class has fewer than `count` patients.
    """
    rows = judged(predictions)
    rows = rows[rows.label == label].sort_values(["correct", label, "image_id"], ascending=[False, False, True])
    chosen = rows.drop_duplicates("group_id").head(count)
    if len(chosen) < count:
        raise ValueError(f"{label}: found {len(chosen)} patients in the test set, expected at least {count}")
    return chosen


def gallery(predictions: pd.DataFrame, classes: list[str]) -> pd.DataFrame:
    """For every class: the most confident right prediction, the least confident right one, the most confident wrong.

    A case that does not occur is left out. Returns rows as `confident` does, with the column `case`.
    """
    rows = judged(predictions).sort_values(["probability", "image_id"], ascending=[False, True])
    found = []
    for label in classes:
        right, wrong = (rows[(rows.label == label) & (rows.correct == correct)] for correct in (True, False))
        cases = {"surest right": right[:1], "least sure right": right[1:][-1:], "surest wrong": wrong[:1]}
        found += [part.assign(case=case) for case, part in cases.items()]
    return pd.concat(found)


def judged(predictions: pd.DataFrame) -> pd.DataFrame:
    """The predictions with columns `predicted` (class), `probability` (of that class) and `correct` (bool)."""
    columns = [name for name in predictions if predictions[name].dtype.kind == "f"]
    values = predictions[columns].to_numpy()
    predicted = np.asarray(columns)[values.argmax(axis=1)]
    return predictions.assign(
        predicted=predicted, probability=values.max(axis=1), correct=predicted == predictions.label.to_numpy()
    )


def positions(index: pd.DataFrame, image_ids: pd.Series) -> np.ndarray:
    """Rows of a dataset's index that hold these images, in the order given."""
    place = pd.Series(np.arange(len(index)), index=index.image_id.astype(str))
    return place.loc[image_ids.astype(str)].to_numpy()
