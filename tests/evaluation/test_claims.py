"""Claims: the rules of params/claims.yaml, on rows and files of known content."""

import numpy as np
import pandas as pd
import pytest

from lib import files
from lib.data.labels import CHEST_CLASSES
from lib.evaluation import claims, comparisons, runs
from lib.evaluation.bootstrap import Resampler
from lib.evaluation.comparisons import CONTRADICTED, NOT_RUN, SUPPORTED, UNDECIDED, Finding
from lib.evaluation.runs import Predictions, Row
from lib.paths import Paths
from tests.evaluation import synthetic

COLUMNS = [
    *("id", "section", "claim", "quote", "comparison", "statistic", "effect", "low", "high", "p_value", "verdict"),
    *("published_effect", "published_verdict", "note", "evidence"),
]


def row(name, labels, predicted, repeats=()):
    """A row whose images are one a patient and whose predictions are certain."""
    images = np.array([f"image{k:04d}" for k in range(len(labels))])
    made = [Predictions(images, images, np.asarray(labels), np.eye(3)[one]) for one in (predicted, *repeats)]
    return Row(name, made[0], repeats=tuple(made[1:]))


def judging(at, *rows, samples=400, steps=10, **more):
    return comparisons.Judging(at, {one.name: one for one in rows}, Resampler(samples), steps, **more)


def judged_as(kind, claim, *given, **more):
    """The only finding of a claim."""
    (found,) = claims.KINDS[kind].find(claim, judging(*given, **more))
    return found


PAIR = {"comparisons": [["RN3", "RN1"]], "score": "covid_recall", "expects": "higher"}
LABELS = np.repeat([0, 1, 2], 40)
RIGHT = LABELS.copy()
HALF = np.where((np.arange(120) < 40) & (np.arange(120) % 2 == 0), 1, LABELS)  # misses every other covid-19 image


def test_every_claim_of_the_file_is_a_line_with_the_agreed_columns(at):
    judged, pairs = claims.judge(claims.read_claims(), judging(at))
    assert list(judged) == COLUMNS
    assert len(judged) == len(claims.read_claims())
    assert judged["id"].is_unique
    assert set(judged["verdict"]) == {NOT_RUN}
    assert len(pairs) > len(judged)


def test_every_row_that_a_claim_names_exists():
    published = set(runs.published_table().index) | {"source-only", "majority"}
    for claim in claims.read_claims():
        named = {name for pair in claim.get("comparisons", []) for name in pair} | set(claim.get("rows", []))
        assert named | ({claim["row"]} if "row" in claim else set()) <= published, claim["id"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "guess"}, "kind: found 'guess', expected one of rows"),
        ({"expects": "better"}, "expects: found 'better', expected one of higher"),
        ({"expects": "not lower"}, "margin: missing"),
        ({"score": None}, "score: missing"),
    ],
)
def test_a_faulty_claim_is_named(tmp_path, change, message):
    claim = {"id": "c", "section": "5.1", "claim": "c", "quote": "q", "kind": "rows"} | PAIR | change
    path = tmp_path / "claims.yaml"
    files.write_json(path, [{key: value for key, value in claim.items() if value is not None}])
    with pytest.raises(ValueError, match=f"c: {message}"):
        claims.read_claims(path)


def test_a_difference_is_in_points_on_the_same_patients(at):
    found = judged_as("rows", PAIR, at, row("RN3", LABELS, RIGHT), row("RN1", LABELS, HALF))
    assert found.effect == pytest.approx(50)  # 40 of 40 recalled against 20 of 40
    # the difference of paired recalls is the share of the 20 missed: 20/40 +- 1.96 sqrt(0.25 / 40) = 34.5 to 65.5
    assert found.low == pytest.approx(34.5, abs=6)
    assert found.high == pytest.approx(65.5, abs=6)
    assert found.verdict == SUPPORTED
    assert found.published_effect == 21


def test_equal_rows_have_no_difference_at_all(at):
    found = judged_as("rows", PAIR, at, row("RN3", LABELS, HALF), row("RN1", LABELS, HALF))
    assert (found.effect, found.low, found.high, found.p_value, found.verdict) == (0, 0, 0, 1, UNDECIDED)


def test_rows_on_different_images_are_not_compared(at):
    with pytest.raises(ValueError, match="RN3 and RN1: found different test images"):
        comparisons.compare(row("RN3", LABELS, RIGHT), row("RN1", LABELS[1:], HALF[1:]), "accuracy", Resampler(9))


def test_area_and_scores_can_both_be_compared(at):
    one, other = row("RN3", LABELS, RIGHT), row("RN1", LABELS, HALF)
    effect, spread = comparisons.compare(one, other, "covid_auc", Resampler(400))
    assert effect == pytest.approx(25)  # half of the covid-19 images tie with all others: area 1 against 0.75
    assert spread.shape == (400,)


@pytest.mark.parametrize(
    ("expects", "effect", "low", "high", "p_value", "expected"),
    [
        ("higher", 5, 1, 9, 0.01, SUPPORTED),
        ("higher", -5, -9, -1, 0.01, CONTRADICTED),
        ("higher", 5, -1, 11, 0.10, UNDECIDED),
        ("lower", -5, -9, -1, 0.01, SUPPORTED),
        ("lower", 5, 1, 9, 0.01, CONTRADICTED),
        ("not higher", -1, -4, 1.5, 0.60, SUPPORTED),
        ("not higher", -1, -6, 4, 0.60, UNDECIDED),
        ("not higher", 5, 3, 7, 0.01, CONTRADICTED),
        ("not lower", 1, -1.5, 4, 0.60, SUPPORTED),
        ("not lower", -5, -7, -3, 0.01, CONTRADICTED),
        ("not lower", 0, -3, 3, 1.00, UNDECIDED),
    ],
)
def test_a_comparison_is_decided_by_its_rule(expects, effect, low, high, p_value, expected):
    assert comparisons.decide(expects, effect, low, high, p_value, margin=2) == expected


@pytest.mark.parametrize(
    ("expects", "effect", "expected"),
    [
        ("higher", 1, SUPPORTED),
        ("higher", -1, CONTRADICTED),
        ("higher", 0, UNDECIDED),
        ("lower", -9, SUPPORTED),
        ("not lower", 0, SUPPORTED),
        ("not lower", -2, CONTRADICTED),
        ("higher", np.nan, ""),
    ],
)
def test_published_values_are_decided_by_their_order(expects, effect, expected):
    assert comparisons.decide_published(expects, effect, margin=2) == expected


@pytest.mark.parametrize(
    ("given", "all_rule", "any_rule"),
    [
        ([SUPPORTED, SUPPORTED], SUPPORTED, SUPPORTED),
        ([SUPPORTED, CONTRADICTED], CONTRADICTED, SUPPORTED),
        ([CONTRADICTED, CONTRADICTED], CONTRADICTED, CONTRADICTED),
        ([SUPPORTED, NOT_RUN], UNDECIDED, SUPPORTED),
        ([CONTRADICTED, UNDECIDED], CONTRADICTED, UNDECIDED),
        ([NOT_RUN, NOT_RUN], NOT_RUN, NOT_RUN),
    ],
)
def test_a_claim_as_a_whole_follows_from_its_comparisons(given, all_rule, any_rule):
    findings = [Finding(f"pair {k}", "Macro F1", verdict=verdict) for k, verdict in enumerate(given)]
    assert comparisons.whole(findings).verdict == all_rule
    assert comparisons.whole(findings, any_supports=True).verdict == any_rule


def test_the_effect_of_a_claim_is_the_mean_only_over_one_statistic():
    one, other = Finding("a", "Macro F1", effect=2.0), Finding("b", "Macro F1", effect=4.0)
    assert comparisons.whole([one, other]).effect == 3
    assert np.isnan(comparisons.whole([one, Finding("b", "Accuracy", effect=4.0)]).effect)


def test_the_published_table_contradicts_both_claims_about_pretraining(at):
    """RN3 81 < RN7 82, and CN1 64 < CN3 68 (Table 1)."""
    judged, pairs = claims.judge(claims.read_claims(), judging(at))
    published = judged.set_index("id")["published_verdict"]
    assert published["imagenet-helps"] == published["ham10000-helps"] == CONTRADICTED
    assert published["fine-tuning-boosts"] == published["weights-raise-recall"] == SUPPORTED
    against = pairs[pairs["published_verdict"] == CONTRADICTED]
    assert set(against["comparison"]) == {"RN3 − RN7", "CN1 − CN3"}


def test_a_missing_row_leaves_the_others_judged(at):
    made = judging(at, row("RN3", LABELS, RIGHT), row("RN1", LABELS, HALF))
    judged, pairs = claims.judge(claims.read_claims(), made)
    raises = pairs[pairs["id"] == "weights-raise-recall"].set_index("comparison")
    assert raises.at["RN3 − RN1", "verdict"] == SUPPORTED
    assert raises.at["RN4 − RN2", "verdict"] == NOT_RUN
    assert raises.at["RN4 − RN2", "note"] == "RN4 and RN2 not run"
    assert judged.set_index("id").at["weights-raise-recall", "verdict"] == UNDECIDED


def test_published_values_are_only_compared_with_the_run_paper(at):
    claim, perfect = {"scores": ["accuracy"], "row": "RN4"}, row("RN4", LABELS, RIGHT)
    small, paper = (judged_as("values", claim, of_run, perfect) for of_run in (at, Paths("paper")))
    assert small.verdict == UNDECIDED
    assert "only the run paper" in small.note
    assert paper.verdict == CONTRADICTED
    assert paper.effect == pytest.approx(10)
    assert paper.published_verdict == SUPPORTED  # Figure 4b: 2,100 of 2,325 right, 90.3


def test_a_published_value_is_judged_with_the_exact_ends_of_table_1(at):
    """40 of 40 recalled: the exact interval starts at .025 ** (1 / 40) = 91.2 %, though no resample leaves 100 %."""
    claim = {"scores": ["covid_recall"], "row": "CN3"}  # published 95
    found = judged_as("values", claim, Paths("paper"), row("CN3", LABELS, RIGHT))
    assert (found.low, found.high) == pytest.approx((100 * 0.025 ** (1 / 40) - 95, 5))
    assert found.verdict == SUPPORTED


def test_the_diagonal_is_as_strong_as_its_weakest_class(at):
    found = judged_as("diagonal", {"row": "RN4", "least": 30}, at, row("RN4", LABELS, HALF))
    assert found.effect == 50
    assert found.verdict == SUPPORTED
    assert found.published_effect == pytest.approx(100 * 72 / 92)


def test_further_seeds_stand_in_the_note(at):
    found = judged_as("rows", PAIR, at, row("RN3", LABELS, RIGHT, [HALF]), row("RN1", LABELS, HALF, [HALF]))
    assert found.note == "over 2 seeds: mean +25.0, standard deviation 35.4"  # differences 50 and 0


def test_both_readings_of_a_row_are_compared_where_both_were_run(at):
    rows = row("CN3-described", LABELS, RIGHT), row("CN3", LABELS, HALF), row("CN1-described", LABELS, RIGHT)
    table = comparisons.readings(judging(at, *rows))
    assert table["comparison"].unique().tolist() == ["CN3-described − CN3"]
    # F1 of covid-19 with every other image missed: 2 * 20 / (40 + 20)
    assert table["effect"].iloc[1] == pytest.approx(100 * (1 - 2 / 3))


def index(at, shares):
    """An index of 100 images a split, one a patient; `shares` gives the images a class of the test set."""
    label = np.repeat(CHEST_CLASSES * 3, [10, 50, 40, 10, 50, 40, *shares])
    table = pd.DataFrame({"label": label, "split": np.repeat(["train", "validation", "test"], 100)})
    table["image_id"] = table["group_id"] = [f"i{k}" for k in range(300)]
    files.write_csv(at.covidx / "index.csv", table)


def test_a_split_that_keeps_the_shares_is_told_from_one_that_does_not(at):
    index(at, (10, 50, 40))
    kept = judged_as("same_distribution", {"margin": 2}, at)
    assert kept.effect == pytest.approx(0)
    assert kept.verdict == SUPPORTED
    index(at, (30, 30, 40))
    lost = judged_as("same_distribution", {"margin": 2}, at)
    assert lost.effect == pytest.approx(100 * (0.30 - 50 / 300))
    assert lost.verdict == CONTRADICTED
    lists = judged_as("same_distribution", {"margin": 2}, at, ready_made=True)
    assert (lists.verdict, lists.effect) == (UNDECIDED, lost.effect)
    most = judged_as("smallest_class", {}, at)
    assert most.effect == 0
    assert most.verdict == CONTRADICTED


def scorecard(at, *lines):
    columns = ["measure", "method", "class", "value", "low", "high", "chance", "images", "other_image"]
    files.write_csv(at.explanations / "scorecard.csv", pd.DataFrame(lines, columns=columns))


def test_attribution_is_judged_against_chance_for_each_method(at):
    scorecard(
        at,
        ["lungs_share", "grad_cam", "all", 0.5, 0.4, 0.6, 0.3, 9, 0.3],
        ["lungs_share", "integrated_gradients", "all", 0.2, 0.1, 0.25, 0.3, 9, np.nan],
        ["lungs_share", "integrated_gradients", "normal", 0.9, 0.8, 0.95, 0.3, 3, np.nan],
    )
    cam, gradients = claims.KINDS["attribution"].find({"measures": ["lungs_share"]}, judging(at))
    assert (cam.effect, cam.low, cam.high) == pytest.approx((20, 10, 30))
    assert cam.verdict == SUPPORTED
    assert gradients.effect == pytest.approx(-10)
    assert gradients.verdict == CONTRADICTED


def test_methods_that_agree_contradict_that_they_differ(at):
    scorecard(at, ["rank_correlation", "both", "all", 0.8, 0.7, 0.9, 0.0, 9, 0.1])
    agree = judged_as("agreement", {"measure": "rank_correlation", "most": 0.5}, at)
    scorecard(at, ["rank_correlation", "both", "all", 0.1, 0.0, 0.2, 0.0, 9, 0.1])
    differ = judged_as("agreement", {"measure": "rank_correlation", "most": 0.5}, at)
    assert (agree.verdict, differ.verdict) == (CONTRADICTED, SUPPORTED)


@pytest.mark.parametrize(("rise", "expected"), [(0.5, SUPPORTED), (0.001, CONTRADICTED)])
def test_precision_is_a_cause_if_finer_steps_close_the_gap(at, rise, expected):
    lines = [
        {"experiment": "RN4", "image_id": f"i{k}", "steps": steps, "agreement": 0.1 + 0.01 * k + (steps == 40) * rise}
        for k in range(6)
        for steps in (10, 40)
    ]
    files.write_csv(at.explanations / "steps.csv", pd.DataFrame(lines))
    found = judged_as("precision", {"share": 0.1}, at, samples=200)
    assert (found.effect, found.low, found.high) == pytest.approx((rise, rise, rise))  # every image rises as much
    assert found.verdict == expected
    assert found.evidence.endswith("steps.csv")
    assert judged_as("precision", {"share": 0.1}, at, steps=7).verdict == NOT_RUN


def test_a_whole_run_is_judged_from_its_files(at):
    synthetic.write(at, patients=60)
    found = runs.read_rows(at, list(synthetic.SKILL), [1])
    made = judging(at, *(found | runs.baseline_rows(at, found)).values(), samples=200)
    judged, pairs = claims.judge(claims.read_claims(), made)
    by_id = judged.set_index("id")["verdict"]
    assert by_id["best-covidnet"] == SUPPORTED  # the synthetic CN2 has by far the most skill
    assert by_id["on-the-lungs"] == by_id["numerical-precision"] == NOT_RUN
    judged_rows = pairs[pairs["id"] == "fine-tuning-boosts"]
    assert (judged_rows["low"] <= judged_rows["effect"]).all()
    assert (judged_rows["effect"] <= judged_rows["high"]).all()
    assert judged_rows["p_value"].between(0, 1).all()


def test_every_rule_is_said_in_words():
    said = {claim["id"]: claims.rule(claim) for claim in claims.read_claims()}
    assert said["weights-raise-recall"] == "COVID-19 recall, RN3 − RN1, RN4 − RN2: higher than 0"
    assert said["best-covidnet"].endswith("not lower than 0 (less than 2 points do not matter)")
    assert not any("{" in words for words in said.values())


def test_verdicts_are_tallied_on_both_sides():
    verdicts = {"verdict": [SUPPORTED, UNDECIDED, SUPPORTED], "published_verdict": [CONTRADICTED, "", np.nan]}
    frame = pd.DataFrame(verdicts)
    assert claims.tally(frame) == {SUPPORTED: 2, CONTRADICTED: 0, UNDECIDED: 1, NOT_RUN: 0}
    published = claims.tally(frame, "published_verdict")
    assert (published[CONTRADICTED], published["no number given"]) == (1, 2)


def test_verdicts_are_shown_in_words_and_escaped(at):
    judged, pairs = claims.judge(claims.read_claims(), judging(at, row("RN3", LABELS, RIGHT), row("RN1", LABELS, HALF)))
    judged.loc[0, "claim"] = "<script>"
    text = claims.claims_styler(judged).to_html()
    assert "<script>" not in text
    assert "+50.0 [" in claims.comparisons_styler(pairs).to_html()
    assert claims.claims_styler(judged).to_html() == text
