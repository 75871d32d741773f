"""The source-only baseline: predict the class from the archive that an image comes from, without looking at the image.

COVIDx's classes come from different archives. Whatever this baseline scores, a network can score by recognising the
archive (its scanners, markers, cropping) instead of the disease; Table 1's rows must be read against it.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from lib.data.load import Dataset


def source_probabilities(index: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """Share of each class among the training images of each source.

    Args:
        index: an index with source, label, split.
        classes: class names.

    Returns:
        a row a source and one, named "", of the whole training set, for sources that it does not hold; a column a
        class; rows sum to 1.
    """
    train = index[index["split"] == "train"]
    counts = pd.crosstab(train["source"], train["label"]).reindex(columns=list(classes), fill_value=0)
    counts.loc[""] = counts.sum()
    return counts.div(counts.sum(axis=1), axis=0)


def source_only(dataset: Dataset, split: str = "test") -> pd.DataFrame:
    """The baseline's predictions: fitted on the training set, applied to `split`.

    Returns:
        the columns of an experiment's predictions.csv: image_id, group_id, source, label, and a probability a class.
    """
    shares = source_probabilities(dataset.index, dataset.classes)
    table = dataset.part(split).index[["image_id", "group_id", "source", "label"]].copy()
    known = table["source"].where(table["source"].isin(shares.index), "")
    for name in dataset.classes:
        table[name] = shares[name].reindex(known).to_numpy(np.float64)
    return table


def beside_published(scores: dict[str, float | None], published: Path) -> pd.DataFrame:
    """The baseline's scores beside the best published ones, in percent.

    Args:
        scores: lib.evaluation.metrics.scores of the baseline.
        published: the paper's Table 1 as CSV.

    Returns:
        a row a score that Table 1 has: source only, best published, and the row that reached it.
    """
    table = pd.read_csv(published).set_index("id")
    rows = {}
    for name in (name for name in scores if name in table):
        best = table[name].idxmax()
        ours = None if scores[name] is None else round(100 * scores[name], 1)
        rows[name] = {"source only, %": ours, "best published, %": table.at[best, name], "of row": best}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("score")
