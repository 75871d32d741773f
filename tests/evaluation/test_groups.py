"""Areas within one source and the patients' groups, against hand arithmetic."""

import numpy as np
import pandas as pd
import pytest

from lib.data.labels import CHEST_CLASSES
from lib.evaluation import bootstrap, groups
from lib.evaluation.runs import Predictions


def images(rows):
    """rows: (label, covid-19, normal, pneumonia), an image of a patient of its own each."""
    table = pd.DataFrame(rows, columns=["label", *CHEST_CLASSES])
    names = [f"image{k:03d}" for k in range(len(table))]
    return table.assign(image_id=names, group_id=[f"patient-{name}" for name in names])


def many(positive, negative, start=0):
    """Predictions of one image a patient: the scores of the positive and of the negative side."""
    score = np.r_[positive, negative].astype(float)
    names = np.array([f"i{start + k:03d}" for k in range(len(score))])
    labels = np.repeat([0, 1], [len(positive), len(negative)])
    return Predictions(names, names, labels, np.stack([score, 1 - score], axis=1))


def test_the_covid_19_area_takes_the_probability_as_it_is():
    """Of the four pairs, two are won, one is tied and one is lost: 2.5 / 4. The pneumonia counts for neither side."""
    rows = [("covid-19", 0.6, 0.4, 0), ("covid-19", 0.2, 0.1, 0.7), ("normal", 0.2, 0.8, 0), ("normal", 0.5, 0.5, 0)]
    test = groups.two_classes(images([*rows, ("pneumonia", 0.9, 0, 0.1)]), "covid-19", "normal")
    assert len(test.images) == 4
    assert test.scores()["covid_auc"] == 2.5 / 4


def test_another_area_renormalises_so_that_covid_19_does_not_count():
    rows = [("pneumonia", 0.9, 0.02, 0.08), ("normal", 0.0, 0.5, 0.5), ("normal", 1.0, 0.0, 0.0)]
    test = groups.two_classes(images(rows), "pneumonia", "normal")
    np.testing.assert_allclose(test.probabilities[:, 0], [0.8, 0.5, 0.5])
    assert test.labels.tolist() == [0, 1, 1]
    assert test.scores()["covid_auc"] == 1


def test_one_side_alone_has_no_area_and_no_image_is_an_error():
    alone = groups.two_classes(images([("normal", 0.1, 0.8, 0.1)]), "covid-19", "normal")
    assert alone.scores()["covid_auc"] is None
    line = groups.difference(many([0.9], [0.1]), alone, "covid_auc", 100)
    assert np.isnan([line["value"], line["low"], line["high"]]).all()
    with pytest.raises(ValueError, match="no image of covid-19 or pneumonia"):
        groups.two_classes(images([("normal", 0.1, 0.8, 0.1)]), "covid-19", "pneumonia")


def test_a_difference_counts_shared_patients_once_and_in_the_same_draw():
    """`across` holds `within` and images that are as hard: whatever is drawn, areas of one rise with the other's."""
    generator = np.random.default_rng(3)
    sick, well = generator.normal(0.7, 0.2, 40), generator.normal(0.4, 0.2, 40)
    within = many(sick, well)
    other = many(sick, well, start=200)
    both = Predictions(
        *(np.concatenate([getattr(of, name) for of in (within, other)]) for name in within.__annotations__)
    )
    line = groups.difference(both, within, "covid_auc", 400)
    assert line["value"] == pytest.approx(0, abs=1e-12)
    assert (line["patients"], line["images"]) == (40, 160)
    assert line["low"] < 0 < line["high"]
    ends = [
        bootstrap.score_interval(bootstrap.draw(of.groups, of.labels, 400), of, "covid_auc") for of in (both, within)
    ]
    apart = np.hypot(*(high - low for low, high in ends))
    assert (
        line["high"] - line["low"] < 0.9 * apart
    )  # narrower than with draws of its own for each: half of it is shared


def test_a_difference_of_the_same_images_is_nothing_and_of_few_patients_has_no_interval():
    few = many(np.linspace(0.5, 0.9, 17), np.linspace(0.1, 0.6, 30))
    line = groups.difference(few, few, "covid_auc", 100)
    assert line["value"] == 0
    assert line["patients"] == 17 == bootstrap.LEAST_PATIENTS - 1
    assert np.isnan([line["low"], line["high"]]).all()


def test_a_difference_of_accuracies_of_two_groups_is_theirs():
    """30 patients of whom all are right, and 40 of whom half are: 1/2, and the interval lies well above 0."""
    right, half = many([0.9] * 15, [0.1] * 15), many([0.9, 0.1] * 10, [0.9, 0.1] * 10, start=100)
    line = groups.difference(right, half, "accuracy", 400)
    assert (line["value"], line["patients"], line["images"]) == (0.5, 30, 70)
    assert 0.3 < line["low"] < 0.5 < line["high"] < 0.7  # the standard error is sqrt(1/4 / 40) = 0.08


def test_people_of_empty_and_junk_metadata_are_not_told():
    age = [
        "0",
        "39.0",
        "40",
        " 59 ",
        "60",
        "79.9",
        "80",
        "110",
        "148",
        "-3",
        "50+",
        "early 40s",
        "",
        None,
        "nan",
        "inf",
    ]
    told = groups.people(pd.DataFrame({"age": age}))
    bands = ["under 40"] * 2 + ["40 to 59"] * 2 + ["60 to 79"] * 2 + ["80 and over"] * 2 + [""] * 8
    assert told["age"].tolist() == bands
    assert (told[["sex", "view"]] == "").all(axis=None)


def test_people_are_read_in_the_spellings_of_the_sources():
    index = pd.DataFrame({"age": [55.0, np.nan], "sex": ["M", "female"], "view": [" AP Supine", "pa"]}, index=[7, 3])
    told = groups.people(index)
    assert told.index.tolist() == [7, 3]
    assert told.values.tolist() == [["40 to 59", "male", "AP"], ["", "female", "PA"]]
    assert groups.people(pd.DataFrame({"sex": ["O", np.nan], "view": [np.nan, ""]})).eq("").all(axis=None)
