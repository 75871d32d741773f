"""Claims: the rules of params/claims.yaml, on rows and files of known content."""

import numpy as np
import pandas as pd
import pytest

from lib import files, params
from lib.data.labels import CHEST_CLASSES
from lib.evaluation import claims, comparisons, runs
from lib.evaluation.bootstrap import Resampler
from lib.evaluation.comparisons import CONTRADICTED, NOT_RUN, NOT_TESTABLE, SUPPORTED, UNDECIDED, Finding
from lib.evaluation.runs import Predictions, Row
from lib.evaluation.standing import Standing
from tests.evaluation import synthetic

CONTRACT = {
    *("id", "section", "claim", "quote", "comparison", "statistic", "effect", "low", "high", "p_value", "verdict"),
    *("published_effect", "published_verdict", "note", "evidence", "data", "rows", "network", "patients"),
}
PHANTOMS = Standing({"data": "phantoms", "covidx_layout": "sources"}, {"covid-19": 20}, 18)


def row(name, labels, predicted, repeats=(), **settings):
    """A row whose images are one a patient and whose predictions are certain."""
    images = np.array([f"image{k:04d}" for k in range(len(labels))])
    made = [Predictions(images, images, np.asarray(labels), np.eye(3)[one]) for one in (predicted, *repeats)]
    return Row(name, made[0], settings=settings, repeats=tuple(made[1:]))


def judging(at, *rows, samples=400, steps=10, explained="RN4", **more):
    return comparisons.Judging(at, {one.name: one for one in rows}, Resampler(samples), steps, explained, **more)


def judged_as(kind, claim, *given, **more):
    """The only finding of a claim."""
    (found,) = claims.KINDS[kind].find(claim, judging(*given, **more))
    return found


PAIR = {"comparisons": [["RN3", "RN1"]], "score": "covid_recall", "expects": "higher"}
LABELS = np.repeat([0, 1, 2], 40)
RIGHT = LABELS.copy()
HALF = np.where((np.arange(120) < 40) & (np.arange(120) % 2 == 0), 1, LABELS)  # misses every other covid-19 image


def test_every_claim_of_the_file_is_a_line_with_the_agreed_columns(at):
    judged, pairs = claims.judge(claims.read_claims(), judging(at, standing=PHANTOMS))
    assert set(judged) >= CONTRACT
    assert len(judged) == len(claims.read_claims())
    assert judged["id"].is_unique
    assert set(judged["verdict"]) == {NOT_RUN, NOT_TESTABLE}
    assert judged.loc[judged["verdict"] == NOT_TESTABLE, "id"].tolist() == ["helps-doctors"]
    assert set(judged["data"]) == set(pairs["data"]) == {"phantoms, generated pictures: 20 images of 18 patients"}
    assert len(pairs) > len(judged)


def test_every_row_that_a_claim_names_exists():
    published = set(runs.published_table().index) | {"source-only", "majority"}
    published |= {path.stem for path in params.EXPERIMENTS.glob("*.yaml")}
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
        ({"needs": "luck"}, "needs: found 'luck', expected one of imagenet"),
        (
            {"kind": "untested", "because": "b", "verdict": "supported"},
            "verdict: found 'supported', expected one of not",
        ),
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
    assert (found.effect, found.p_value, found.verdict) == (0, 1, UNDECIDED)
    # 40 patients agree, so up to 1 - .025 ** (1 / 40) of others may not
    assert (found.low, found.high) == pytest.approx((-8.81, 8.81), abs=0.01)


def test_rows_on_different_images_are_not_compared(at):
    with pytest.raises(ValueError, match="RN3 and RN1: found different test images"):
        comparisons.compare(row("RN3", LABELS, RIGHT), row("RN1", LABELS[1:], HALF[1:]), "accuracy", Resampler(9))


def test_area_and_scores_can_both_be_compared(at):
    one, other = row("RN3", LABELS, RIGHT), row("RN1", LABELS, HALF)
    effect, spread = comparisons.compare(one, other, "covid_auc", Resampler(400))
    assert effect == pytest.approx(0.25)  # half of the covid-19 images tie with all others: area 1 against 0.75
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
    ("expects", "low", "high", "expected"),
    [
        ("higher", 1, 3, SUPPORTED),
        ("higher", -5, -3, CONTRADICTED),
        ("higher", -2, 0, UNDECIDED),  # a difference of one whole percent is within the rounding
        ("higher", 0, 2, UNDECIDED),
        ("lower", -9, -7, SUPPORTED),
        ("lower", 7, 9, CONTRADICTED),
        ("not lower", -1, 1, SUPPORTED),
        ("not lower", -2, 0, UNDECIDED),
        ("not lower", -4, -2, CONTRADICTED),
        ("not higher", -7, -5, SUPPORTED),
        ("not higher", 2, 4, CONTRADICTED),
        ("higher", np.nan, np.nan, ""),
    ],
)
def test_published_values_are_decided_by_the_ends_that_are_known(expects, low, high, expected):
    assert comparisons.decide_published(expects, low, high, margin=2) == expected


def test_published_differences_have_an_interval_or_the_bounds_of_rounding():
    """Newcombe (1998), by hand: 80 % and 59 % of 92; Wilson [70.9, 87.0] (74 of 92) and [48.5, 68.2] (54 of 92)."""
    difference, low, high = comparisons.published_difference(80, 59, "covid_recall")
    assert difference == 21
    assert low == pytest.approx(21 - np.hypot(80 - 71.2, 68.2 - 59), abs=0.3)
    assert high == pytest.approx(21 + np.hypot(87.2 - 80, 59 - 48.5), abs=0.3)
    assert comparisons.published_difference(81, 82, "macro_f1") == (-1, -2, 0)
    accuracy = comparisons.published_difference(91, 89, "accuracy")  # of 2,325 images: +- 1.7
    assert accuracy[1:] == pytest.approx((0.3, 3.7), abs=0.1)


@pytest.mark.parametrize(
    ("given", "all_rule", "any_rule"),
    [
        ([SUPPORTED, SUPPORTED], SUPPORTED, SUPPORTED),
        ([SUPPORTED, CONTRADICTED], CONTRADICTED, SUPPORTED),
        ([CONTRADICTED, CONTRADICTED], CONTRADICTED, CONTRADICTED),
        ([SUPPORTED, NOT_RUN], UNDECIDED, SUPPORTED),
        ([CONTRADICTED, UNDECIDED], CONTRADICTED, UNDECIDED),
        ([NOT_RUN, NOT_RUN], NOT_RUN, NOT_RUN),
        ([NOT_TESTABLE, NOT_RUN], NOT_TESTABLE, NOT_TESTABLE),
        ([SUPPORTED, NOT_TESTABLE], UNDECIDED, SUPPORTED),
        ([CONTRADICTED, NOT_TESTABLE], CONTRADICTED, UNDECIDED),
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


def test_the_published_table_contradicts_what_its_rounding_cannot_explain(at):
    """CN1 64 < CN3 68, but RN3 81 against RN7 82 may be equal, and RN4's recall of 78 against 72 is 6 of 92 images."""
    judged, pairs = claims.judge(claims.read_claims(), judging(at))
    published = judged.set_index("id")["published_verdict"]
    assert published["ham10000-helps"] == CONTRADICTED
    assert published["imagenet-helps"] == published["weights-raise-recall"] == UNDECIDED
    assert published["fine-tuning-boosts"] == SUPPORTED
    against = pairs[pairs["published_verdict"] == CONTRADICTED]
    assert set(against["comparison"]) == {"CN1 − CN3"}


def test_a_missing_row_leaves_the_others_judged(at):
    made = judging(at, row("RN3", LABELS, RIGHT), row("RN1", LABELS, HALF))
    judged, pairs = claims.judge(claims.read_claims(), made)
    raises = pairs[pairs["id"] == "weights-raise-recall"].set_index("comparison")
    assert raises.at["RN3 − RN1", "verdict"] == SUPPORTED
    assert raises.at["RN4 − RN2", "verdict"] == NOT_RUN
    assert raises.at["RN4 − RN2", "note"] == "RN4 and RN2 not run."
    assert judged.set_index("id").at["weights-raise-recall", "verdict"] == UNDECIDED


def as_in_the_paper(name, predicted, **changed):
    return row(name, LABELS, predicted, **(synthetic.as_in_the_paper(name) | changed))


def test_published_values_are_only_compared_with_rows_made_as_the_paper_s(at):
    claim = {"scores": ["accuracy"], "row": "RN4"}
    paper = judged_as("values", claim, at, as_in_the_paper("RN4", RIGHT), standing=synthetic.COVIDX)
    for changed, standing in (({"epochs": 7}, synthetic.COVIDX), ({}, PHANTOMS), ({}, Standing())):
        other = judged_as("values", claim, at, as_in_the_paper("RN4", RIGHT, run="paper", **changed), standing=standing)
        assert other.verdict == NOT_TESTABLE
        assert "settings are not the paper's" in other.note
    assert paper.verdict == CONTRADICTED
    assert paper.effect == pytest.approx(10)
    assert paper.published_verdict == SUPPORTED  # Figure 4b: 2,100 of 2,325 right, 90.3


def test_a_published_value_is_judged_with_the_exact_ends_of_table_1(at):
    """40 of 40 recalled: the exact interval starts at .025 ** (1 / 40) = 91.2 %, though no resample leaves 100 %."""
    claim = {"scores": ["covid_recall"], "row": "CN3"}  # published 95
    found = judged_as("values", claim, at, as_in_the_paper("CN3", RIGHT), standing=synthetic.COVIDX)
    assert (found.low, found.high) == pytest.approx((100 * 0.025 ** (1 / 40) - 95, 5))
    assert found.verdict == SUPPORTED


def test_the_diagonal_is_as_strong_as_its_weakest_class(at):
    found = judged_as("diagonal", {"row": "RN4", "least": 30}, at, row("RN4", LABELS, HALF))
    assert found.effect == 50
    assert found.verdict == SUPPORTED
    assert found.published_effect == pytest.approx(100 * 72 / 92)


def test_further_seeds_stand_in_the_note(at):
    found = judged_as("rows", PAIR, at, row("RN3", LABELS, RIGHT, [HALF]), row("RN1", LABELS, HALF, [HALF]))
    assert found.note == "Over 2 seeds: mean +25.0, standard deviation 35.4."  # differences 50 and 0


NEVER = np.where(LABELS == 0, 1, LABELS)  # says normal instead of covid-19
FALSE_ALARMS = np.where(np.arange(120) % 3, LABELS, 0)


def test_a_row_that_never_predicts_covid_decides_nothing_about_precision(at):
    """As zero, RN1's precision would lie far below RN3's 60 %, and contradict that weights lower it."""
    claim = PAIR | {"score": "covid_precision", "expects": "lower"}
    found = judged_as("rows", claim, at, row("RN3", LABELS, FALSE_ALARMS), row("RN1", LABELS, NEVER))
    assert found.verdict == UNDECIDED
    assert np.isnan(found.effect)
    assert found.note == "COVID-19 precision is not defined for RN1: COVID-19 is never predicted."


def test_few_patients_of_a_class_decide_nothing(at):
    """4 COVID-19 patients, all of them missed by one row and recalled by the other."""
    few = np.r_[np.zeros(4, int), np.repeat([1, 2], 60)]
    found = judged_as("rows", PAIR, at, row("RN3", few, few), row("RN1", few, np.where(few == 0, 1, few)))
    assert (found.effect, found.patients, found.verdict) == (100, 4, UNDECIDED)
    assert np.isnan([found.low, found.high, found.p_value]).all()
    assert "Rests on 4 patients, fewer than 18" in found.note


def test_too_few_patients_leave_the_other_comparisons_p_values_alone(at):
    claim = PAIR | {"comparisons": [["RN3", "RN1"], ["RN4", "RN2"]], "score": "covid_precision"}
    once = np.where(np.arange(120) == 0, 0, NEVER)  # one image is called COVID-19
    rows = (
        row("RN3", LABELS, RIGHT),
        row("RN1", LABELS, FALSE_ALARMS),
        row("RN4", LABELS, once),
        row("RN2", LABELS, RIGHT),
    )
    clear, thin = claims.KINDS["rows"].find(claim, judging(at, *rows))
    assert (clear.verdict, thin.verdict) == (SUPPORTED, UNDECIDED)
    assert clear.p_value == pytest.approx(2 / 401)


def test_what_needs_imagenet_is_not_testable_with_a_stand_in(at):
    claim = {"id": "c", "section": "5.1", "claim": "c", "quote": "q", "kind": "rows", "needs": "imagenet"} | PAIR
    settings = {"backbone": "resnet50v2", "pretraining": "imagenet"}
    stand_in = row("RN3", LABELS, RIGHT, imagenet_weights="stand_in", **settings)
    real = row("RN3", LABELS, RIGHT, imagenet_weights="imagenet", **settings)
    (without,), (_,) = (
        one.to_dict("records") for one in claims.judge([claim], judging(at, stand_in, row("RN1", LABELS, HALF)))
    )
    (with_it,), (_,) = (
        one.to_dict("records") for one in claims.judge([claim], judging(at, real, row("RN1", LABELS, HALF)))
    )
    assert without["verdict"] == NOT_TESTABLE
    assert without["note"] == "RN3 started from weights of the run's skin images, not from ImageNet's."
    assert without["network"] == "RN3: ResNet50V2, pretrained on skin images in place of ImageNet"
    assert without["rows"] == "RN3, RN1"
    assert with_it["verdict"] == SUPPORTED


def test_what_a_generator_decides_is_not_testable_on_phantoms(at):
    index(at, (10, 50, 40))
    claim = {"id": "c", "section": "3", "claim": "c", "quote": "q", "kind": "smallest_class", "needs": "real images"}
    verdicts = [
        claims.judge([claim], judging(at, standing=of))[0]["verdict"].item() for of in (PHANTOMS, synthetic.COVIDX)
    ]
    assert verdicts == [NOT_TESTABLE, SUPPORTED]


def test_both_readings_of_a_row_are_compared_where_both_were_run(at):
    rows = row("CN3-described", LABELS, RIGHT), row("CN3", LABELS, HALF), row("CN1-described", LABELS, RIGHT)
    table = comparisons.readings(judging(at, *rows))
    assert table["comparison"].unique().tolist() == ["CN3-described − CN3"]
    # F1 of covid-19 with every other image missed: 2 * 20 / (40 + 20)
    assert table["effect"].iloc[1] == pytest.approx(100 * (1 - 2 / 3))
    assert "Published" not in claims.comparisons_styler(table).data


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
    lists = judged_as("same_distribution", {"margin": 2}, at, standing=Standing({"covidx_layout": "lists"}))
    assert (lists.verdict, lists.effect) == (UNDECIDED, lost.effect)
    most = judged_as("smallest_class", {}, at)
    assert most.effect == 0
    assert most.verdict == CONTRADICTED


def scorecard(at, *lines):
    columns = ["measure", "method", "class", "value", "low", "high", "chance", "patients", "other_image"]
    files.write_csv(at.explanations / "scorecard.csv", pd.DataFrame(lines, columns=columns))


def attribution_lines(over_brightness=0.05, patients=20):
    """Grad-CAM and Integrated Gradients beat the shuffled network; the image's brightness only if told so."""
    methods = "grad_cam", "integrated_gradients"
    lines = [["lungs_share", method, "all", 0.5, 0.4, 0.6, 0.3, patients, 0.3] for method in methods]
    for other, effect in (("randomised", 0.1), ("brightness", over_brightness)):
        ends = [effect - 0.02, effect + 0.02] if patients >= 18 else [np.nan, np.nan]
        lines += [
            [f"lungs_share_over_{other}", method, "all", effect, *ends, 0.0, patients, np.nan] for method in methods
        ]
    return lines


def test_attribution_must_beat_both_the_shuffled_network_and_the_image_s_brightness(at):
    claim = {"measures": ["lungs_share"]}

    def verdicts(**given):
        scorecard(at, *attribution_lines(**given), ["lungs_share", "grad_cam", "normal", 0.9, 0.8, 1, 0.3, 3, np.nan])
        return [one.verdict for one in claims.KINDS["attribution"].find(claim, judging(at))]

    assert verdicts() == [SUPPORTED] * 4
    assert verdicts(over_brightness=-0.05) == [SUPPORTED] * 2 + [CONTRADICTED] * 2
    assert verdicts(over_brightness=0.01) == [SUPPORTED] * 2 + [UNDECIDED] * 2
    assert verdicts(patients=17) == [UNDECIDED] * 4  # far above 30 % of the area, by whatever
    first, *_ = claims.KINDS["attribution"].find(claim, judging(at, explained="RN8"))
    assert "The report speaks of RN4, judged here is RN8." in first.note
    assert first.rows == "RN8"


def test_methods_that_agree_contradict_that_they_differ(at):
    scorecard(at, ["rank_correlation", "both", "all", 0.8, 0.7, 0.9, 0.0, 19, 0.1])
    agree = judged_as("agreement", {"measure": "rank_correlation", "most": 0.5}, at)
    scorecard(at, ["rank_correlation", "both", "all", 0.1, 0.0, 0.2, 0.0, 19, 0.1])
    differ = judged_as("agreement", {"measure": "rank_correlation", "most": 0.5}, at)
    assert (agree.verdict, differ.verdict) == (CONTRADICTED, SUPPORTED)


STEPS = {"share": 0.1, "completeness": 0.05}


def steps(at, rise, error=0.03, images=18):
    """Two networks whose paths end at m = 40 and m = 20; every image's agreement rises by as much to the end."""
    lines = [
        {"experiment": name, "image_id": f"i{k}", "steps": m, "completeness_error": error if m == finest else 0.3}
        | {"agreement": 0.1 + 0.01 * k + (m == finest) * rise}
        for name, finest in (("RN4", 40), ("CN2", 20))
        for k in range(images)
        for m in (10, finest)
    ]
    files.write_csv(at.explanations / "steps.csv", pd.DataFrame(lines))


@pytest.mark.parametrize(("rise", "expected"), [(0.5, SUPPORTED), (0.001, CONTRADICTED)])
def test_precision_is_a_cause_if_finer_steps_close_the_gap(at, rise, expected):
    steps(at, rise)
    for found, finest in zip(claims.KINDS["precision"].find(STEPS, judging(at, samples=200)), (40, 20), strict=True):
        assert found.comparison.endswith(f", m = {finest} − m = 10")
        assert (found.effect, found.low, found.high) == pytest.approx((rise, rise, rise))
        assert found.verdict == expected
        assert found.evidence.endswith("steps.csv")
    assert judged_as("precision", STEPS, at, steps=7).verdict == NOT_RUN


@pytest.mark.parametrize(("given", "said"), [({"error": 0.051}, "no reference"), ({"images": 17}, "17 patients")])
def test_a_reference_that_has_not_converged_or_few_images_decide_nothing_about_precision(at, given, said):
    steps(at, 0.001, **given)
    for found in claims.KINDS["precision"].find(STEPS, judging(at, samples=200)):
        assert found.verdict == UNDECIDED
        assert said in found.note


def test_a_whole_run_is_judged_from_its_files(at):
    synthetic.write(at, patients=250)
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
    assert said["weights-raise-recall"] == "COVID-19 recall must be higher in the first row of every pair."
    assert said["best-covidnet"].endswith(
        "must not be lower in the first row of every pair, where less than 2 points do not matter."
    )
    assert not any("{" in words or ";" in words for words in said.values())


def test_verdicts_are_tallied_on_both_sides():
    verdicts = {"verdict": [SUPPORTED, UNDECIDED, SUPPORTED], "published_verdict": [CONTRADICTED, "", np.nan]}
    frame = pd.DataFrame(verdicts)
    assert claims.tally(frame) == {SUPPORTED: 2, CONTRADICTED: 0, UNDECIDED: 1, NOT_TESTABLE: 0, NOT_RUN: 0}
    published = claims.tally(frame, "published_verdict")
    assert (published[CONTRADICTED], published["no number given"]) == (1, 2)


def test_verdicts_are_shown_in_words_and_escaped(at):
    judged, pairs = claims.judge(claims.read_claims(), judging(at, row("RN3", LABELS, RIGHT), row("RN1", LABELS, HALF)))
    judged.loc[0, "claim"] = "<script>"
    text = claims.claims_styler(judged).to_html()
    assert "<script>" not in text
    assert "+50.0 [" in claims.comparisons_styler(pairs[pairs["id"] == "weights-raise-recall"]).to_html()
    assert not judged["note"].str.contains(";").any()
    assert claims.claims_styler(judged).to_html() == text
