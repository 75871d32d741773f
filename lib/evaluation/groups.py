"""Whom a network is wrong about: areas that need not know the hospital, and the patients by age, sex and view."""

import numpy as np
import pandas as pd

from lib.evaluation import bootstrap, metrics
from lib.evaluation.runs import Predictions

AGES = {"under 40": 0, "40 to 59": 40, "60 to 79": 60, "80 and over": 80}
"""Age bands by their first year: our choice."""

OLDEST = 110  # years: what is above, as in some headers, is no age
FEWEST = 10
"""A group of fewer patients has no score that says anything about others like them: our choice."""


def two_classes(images: pd.DataFrame, positive: str, negative: str) -> Predictions:
    """The images of two classes as predictions of these two, the positive one first, so that its area is `covid_auc`.

    An image's score is its probability of COVID-19, where this is the positive class. Otherwise it is that of the
    positive class renormalised against the negative one, p / (p + q), so that COVID-19 does not enter; 1/2 where both
    are 0.

    Args:
        images: columns image_id, group_id, label, and for each class its probability.
        positive: a class; so is `negative`.

    Raises:
        ValueError: there is no image of either class.
    """
    images = images[images["label"].isin([positive, negative])]
    if images.empty:
        raise ValueError(f"found no image of {positive} or {negative}")
    score = images[positive].to_numpy(float)
    if positive != "covid-19":
        shares = metrics.ratio(score, score + images[negative].to_numpy(float))
        score = np.where(np.isnan(shares), 0.5, shares)
    labels = (images["label"] != positive).to_numpy(np.int64)
    ids, patients = (images[name].to_numpy() for name in ("image_id", "group_id"))
    return Predictions(ids, patients, labels, np.stack([score, 1 - score], axis=1))


def difference(one: Predictions, other: Predictions, score: str, samples: int, seed: int = 1) -> dict[str, float]:
    """A score of `one` minus that of `other`, which may share images or patients, with its 95 % interval.

    Patients are drawn once over both together; whoever is in both counts equally often in both.

    Returns:
        value in -1..1, low, high, patients (the fewest behind either score), images (of both together); nan where a
        score is undefined, no interval below `bootstrap.LEAST_PATIENTS`.
    """
    values = [of.scores()[score] for of in (one, other)]
    value = np.nan if None in values else values[0] - values[1]
    patients = min(bootstrap.patients_behind(of, score) for of in (one, other))
    ids = [of.images.astype(str) for of in (one, other)]
    images, first = np.unique(np.concatenate(ids), return_index=True)
    line = {"value": value, "low": np.nan, "high": np.nan, "patients": patients, "images": len(images)}
    if patients < bootstrap.LEAST_PATIENTS or np.isnan(value):
        return line
    groups, labels = (
        np.concatenate([getattr(of, name) for of in (one, other)])[first] for name in ("groups", "labels")
    )
    # each class of `other`, often the smaller set, must occur in a draw, and some image beside it
    draws = bootstrap.draw(groups, np.where(np.isin(images, ids[1]), labels, labels.max() + 1), samples, seed)
    spreads = []
    for of, own in zip((one, other), ids, strict=True):
        who, group = np.unique(draws.group[np.searchsorted(images, own)], return_inverse=True)
        spreads.append(bootstrap.spread(bootstrap.Resamples(draws.weights[:, who], group), of, score))
    line["low"], line["high"] = bootstrap.difference_interval(spreads[0] - spreads[1], value, patients)
    return line


def known(index: pd.DataFrame) -> pd.DataFrame:
    """Years, sex and view of each image's patient; nan and "" where the index does not tell them.

    An age is a number of years, 0 to `OLDEST`; "50+" is none. A view is its first word, so that AP is one view whether
    the patient lies or stands.

    Args:
        index: may have the columns age, sex and view, of any type.

    Returns:
        columns age (float), sex ("female", "male", "") and view, with the index's own index.
    """
    told = {name: index[name] if name in index else pd.Series("", index.index) for name in ("age", "sex", "view")}
    told = {name: of.astype("object").where(of.notna(), "").astype(str).str.strip() for name, of in told.items()}
    years = pd.to_numeric(told["age"], errors="coerce").astype(float)
    sex = told["sex"].str.upper().str[:1].map({"F": "female", "M": "male"}).fillna("")
    view = told["view"].str.upper().str.split().str[0].fillna("")
    return pd.DataFrame({"age": years.where(years.between(0, OLDEST)), "sex": sex, "view": view})


def people(index: pd.DataFrame) -> pd.DataFrame:
    """As `known`, with the age as its band of `AGES`, "" where it is unknown."""
    told = known(index)
    bands = pd.cut(told["age"], [*AGES.values(), np.inf], right=False, labels=list(AGES))
    return told.assign(age=bands.astype("object").fillna(""))
