import numpy as np
import pandas as pd
import pytest

from lib.evaluation import bootstrap, claims, comparisons, studies
from lib.evaluation.comparisons import CONTRADICTED, NOT_RUN, NOT_TESTABLE, SUPPORTED, UNDECIDED
from lib.evaluation.runs import Predictions
from lib.paths import Paths

LABELS = np.repeat([0, 1, 2], 20)
NAMES = np.array([f"i{n:02d}" for n in range(60)])
RIGHT = np.eye(3)[LABELS]
WRONG = np.eye(3)[(LABELS + 1) % 3]
DRAWS = bootstrap.Resampler(100)


def predictions(probabilities, names=NAMES):
    return Predictions(names, names, LABELS, probabilities)


def test_a_score_becomes_a_line_with_its_interval_and_what_it_rests_on():
    line = studies.score_line(predictions(RIGHT), "covid_auc", DRAWS, measure="m", row="RN7")
    assert (line["value"], line["patients"], line["images"], line["row"]) == (1.0, 20, 60, "RN7")
    assert line["low"] == pytest.approx(0.025 ** (1 / 20))  # Clopper and Pearson of 20 pairs of 20


def test_a_difference_is_taken_on_the_same_images_only():
    line = studies.difference_line(predictions(RIGHT), predictions(WRONG), "macro_f1", DRAWS)
    assert (line["value"], line["patients"]) == (1.0, 20)
    assert line["low"] < 1
    with pytest.raises(ValueError, match="found different test images"):
        studies.difference_line(predictions(RIGHT), predictions(RIGHT, NAMES[::-1]), "macro_f1", DRAWS)


def table(tmp_path, *lines):
    at = Paths("demo", tmp_path)
    folder = at.results / "studies" / "shortcuts"
    folder.mkdir(parents=True, exist_ok=True)
    studies.as_table(list(lines)).to_csv(folder / "views.csv", index=False)
    return at


def line(value, low, high, patients=40, **about):
    known = {
        "measure": "m",
        "what": "what",
        "row": "RN7",
        "trained_on": "full",
        "tested_on": "full",
        "score": "covid_auc",
    }
    return known | {"value": value, "low": low, "high": high, "patients": patients, "images": 60} | about


def verdict(at, **more):
    claim = {"id": "c", "section": "s", "claim": "c", "quote": "q", "kind": "measured", "study": "shortcuts"}
    claim |= {"lines": [{"measure": "m"}], "expects": "higher", "bar": 50.0} | more
    judged, _ = claims.judge([claim], comparisons.Judging(at, {}, DRAWS, 25))
    return judged["verdict"].iloc[0]


@pytest.mark.parametrize(
    ("measured", "expects", "expected"),
    [
        ((0.7, 0.6, 0.8), "higher", SUPPORTED),
        ((0.55, 0.45, 0.65), "higher", UNDECIDED),
        ((0.3, 0.2, 0.4), "higher", CONTRADICTED),
        ((0.3, 0.2, 0.4), "lower", SUPPORTED),
        ((0.7, 0.6, 0.8), "lower", CONTRADICTED),
        ((None, None, None), "higher", UNDECIDED),
        ((0.7, None, None, 7), "higher", UNDECIDED),
    ],
)
def test_a_measured_claim_follows_where_the_interval_lies(tmp_path, measured, expects, expected):
    assert verdict(table(tmp_path, line(*measured)), expects=expects) == expected


def test_a_claim_needs_its_lines_and_its_premise(tmp_path):
    at = table(tmp_path, line(0.7, 0.6, 0.8), line(0.5, 0.4, 0.6, measure="premise"))
    given = {"given": [{"measure": "premise"}], "given_bar": 50.0}
    assert verdict(at, lines=[{"measure": "other"}]) == NOT_RUN
    assert verdict(at, **given) == NOT_TESTABLE
    assert verdict(at, **given | {"given_bar": 30.0}) == SUPPORTED
    assert verdict(Paths("demo", tmp_path / "empty")) == NOT_RUN


def test_the_critics_claims_name_what_the_study_measures_and_are_not_the_reports():
    critics = claims.read_claims(study="shortcuts")
    assert len(critics) >= 6
    assert not {one["id"] for one in critics} & {one["id"] for one in claims.read_claims()}
    assert all(set(wanted) <= set(studies.COLUMNS) for one in critics for wanted in one["lines"])
    assert all(claims.rule(one).startswith("The interval of what was measured must lie") for one in critics)


def test_the_suspicions_about_augmentation_are_the_report_s():
    suspected = claims.read_claims(study="augmentation")
    assert [one["section"] for one in suspected] == ["the report, 5.1"] * 3
    assert {one["trained_on"] for claim in suspected for one in claim["lines"] if "trained_on" in one} == {"flip"}
    assert all(set(wanted) <= set(studies.COLUMNS) for one in suspected for wanted in one["lines"])


def test_the_answer_names_both_scores_and_what_they_rest_on(tmp_path):
    score = {"measure": "view_covid_f1", "score": "covid_f1"}
    at = table(
        tmp_path,
        line(0.96, 0.93, 0.99, **score),
        line(0.34, 0.24, 0.44, **score, trained_on="boxed_out", tested_on="boxed_out"),
    )
    said = studies.without_lungs(studies.read_parts(at, "shortcuts"))
    assert said == (
        "COVID-19 F1 of RN7 is 96.0 [93.0, 99.0] % with whole images, and 34.0 [24.0, 44.0] % without the box around "
        "each lung (40 patients with COVID-19)."
    )
    assert studies.without_lungs(studies.as_table([])) == ""


def test_a_line_is_said_with_as_much_as_is_known():
    (of,) = studies.as_table([line(0.123, -0.05, 0.3)]).itertuples()
    assert studies.said(of, "+.1f") == "+12.3 [-5.0, +30.0]"
    assert studies.said(of._replace(low=None, high=None)) == "12.3"
    assert studies.said(of._replace(value=None)) == "undefined"


def test_text_of_a_table_stays_text(tmp_path):
    at = table(tmp_path, line(0.5, None, None, note=""))
    found = studies.read_parts(at, "shortcuts")
    assert found["note"].tolist() == [""]
    assert pd.isna(found["low"]).all()
