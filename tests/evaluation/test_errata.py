"""Errata: each number against the paper, hand arithmetic or a small list of known content."""

import keras
import numpy as np
import pandas as pd
import pytest

from lib import files
from lib.evaluation import counts, errata, errata_data, readable
from lib.training import augment
from tests.evaluation.test_claims import Folder

COUNTS = {
    **{"classifier_resnet": 6_147, "fine_tuned_resnet": 15_240_195, "scratch_resnet": 23_525_507},
    **{"resnet50_v1": 23_540_739, "classifier_covidnet": 3_075, "fully_connected": 103_818_243, "conv1": 9_472},
    **{"pepx_block": 1_845_504, "scratch_trained": 138_718_147, "scratch_frozen": 103_827_715, "nearest": 103_818_243},
}

LIST = """12 a.png COVID-19 cohen
12 b.png COVID-19 cohen
13 c.png pneumonia cohen
COVID-19(12) COVID-19(12).png COVID-19 sirm
COVID-19(99) COVID-19(99).png COVID-19 sirm
0004cfab-14fd-4e49-80ba-63a80b6bddd6 0004cfab-14fd-4e49-80ba-63a80b6bddd6.png normal rsna
"""


@pytest.fixture
def at(tmp_path):
    return Folder(tmp_path)


def by_id(lines):
    return {line["id"]: line for line in lines}


def test_counts_of_small_networks_follow_by_hand():
    """At 64 pixels only the first fully connected layer differs from 224: 2 x 2 instead of 7 x 7 positions of 2048."""
    found = counts.count(64)
    keras.backend.clear_session()
    smaller = (7 * 7 - 2 * 2) * 2048 * 1024
    for name in ("fully_connected", "scratch_trained", "scratch_frozen"):
        assert found[name] == COUNTS[name] - smaller, name
    for name in ("classifier_resnet", "fine_tuned_resnet", "scratch_resnet", "resnet50_v1", "conv1", "pepx_block"):
        assert found[name] == COUNTS[name], name
    assert found["classifier_covidnet"] == 3_075


def test_the_slips_of_the_counts_are_shown_with_their_sizes():
    lines = by_id(errata.parameter_counts(COUNTS))
    assert (lines["classifier-count"]["report_says"], lines["classifier-count"]["computed"]) == (
        "6,146 free parameters",
        "6,147",
    )
    assert "ResNet50V2 +0, the first +15,232" in lines["resnet-version"]["evidence"]
    assert "9,472 + fully connected part 103,818,243 = 103,827,715" in lines["covidnet-frozen"]["evidence"]
    assert "+4,900,800" in lines["covidnet-fine-tuning"]["evidence"]  # 103,818,243 - 98,917,443
    assert "140,563,651" in lines["covidnet-blocks"]["computed"]


def test_both_readings_stand_beside_the_frozen_stages():
    readings = pd.DataFrame([{"comparison": "CN3-described − CN3", "statistic": "Macro F1", "effect": 3.25}])
    line = by_id(errata.parameter_counts(COUNTS, readings))["covidnet-frozen"]
    assert "CN3-described − CN3: +3.2 points of macro F1" in line["consequence"]
    assert "not both have been run" in by_id(errata.parameter_counts(COUNTS))["covidnet-frozen"]["consequence"]


def test_figure_4b_gives_table_1_s_line():
    """By hand: 2,100 / 2,325 right; precision 72 / 96, recall 72 / 92, F1 2 * 72 / (96 + 92)."""
    line = errata.figure_4b()
    assert "Accuracy 90.32" in line["computed"]
    assert "precision 75.00, COVID-19 recall 78.26, COVID-19 F1 76.60" in line["computed"]
    assert line["title"] == "Figure 4b's counts agree with Table 1's line RN4"


def test_a_mistyped_figure_would_be_found(monkeypatch):
    monkeypatch.setattr(errata, "published_confusion", lambda: np.array([[27, 5, 15], [13, 1221, 94], [11, 87, 807]]))
    line = errata.figure_4b()
    assert "differ from" in line["title"]
    assert "COVID-19 recall 57.45" in line["computed"]  # 27 / 47
    assert "Accuracy" not in line["computed"]  # 2,055 / 2,280 = 90.1 still rounds to 90


def test_f1_follows_from_precision_and_recall_within_rounding():
    line = errata.f1_scores()
    assert "All 11 fit" in line["computed"]
    assert "RN1 72.2 (72)" in line["evidence"]  # 2 * 93 * 59 / 152


def test_a_wrong_f1_would_be_found(monkeypatch):
    published = errata.published_table()
    published.loc["RN5", "covid_f1"] = 60
    monkeypatch.setattr(errata, "published_table", lambda: published)
    line = errata.f1_scores()
    assert line["report_says"] == "RN5: 60"
    assert line["computed"] == "RN5 54.1 (60)"  # 2 * 48 * 62 / 110


def test_another_row_is_at_least_as_good_as_the_best_in_all_but_recall():
    line = errata.best_model()
    assert line["computed"].endswith(": RN2")
    assert "Accuracy 90, more in RN2 (91)" in line["evidence"]


def test_the_split_is_computed_from_its_shares():
    assert errata_data.nominal_split(0.15, 0.15)["computed"] == "72.25 / 12.75 / 15 %"


def test_a_seed_does_not_fix_a_draw_from_a_set_of_strings():
    line = errata_data.split_seed()
    drawn = [
        part.split(" in ")[0] for part in line["computed"].removeprefix("random.seed(1) draws patients ").split(" and ")
    ]
    assert len(drawn) == 2
    assert drawn[0] != drawn[1]
    assert line["evidence"].endswith("the same one twice draws the same")


def test_the_stretch_changes_an_image_at_factor_one():
    line = errata.brightness(augment.stretch)
    # (110 - 100) / 40 * 255 = 63.75, (120 - 100) / 40 * 255 = 127.5
    assert line["computed"].startswith("pixels 100, 110, 120, 140 became 0, 63.8, 127.5, 255")
    assert "40 became 255" in line["evidence"]


def test_the_sum_as_written_and_the_trapezoid_rule_are_two_things():
    """Mean of 3 (k/m)^2 over k = 1..m is (m + 1)(2m + 1) / (2 m^2); the trapezoid rule's is 1 + 1 / (2 m^2)."""
    line = errata.baselines(10)
    assert "the sum gives 1.15500, the trapezoid rule 1.00500" in line["computed"]


def test_grad_cam_line_reads_the_steps_of_the_run(at):
    assert "Not measured" in errata.grad_cam_exact(at)["computed"]
    lines = [{"steps": m, "completeness_error": 1 / m, "agreement": 0.25} for m in (10, 100)]
    files.write_csv(at.explanations / "steps.csv", pd.DataFrame(lines))
    assert "goes from 10.00% to 1.00%" in errata.grad_cam_exact(at)["computed"]


def write_list(root):
    files.write_text(root / "covidx-lists-full" / "train_COVIDx0.txt", LIST)


def test_source_only_is_computed_from_full_lists(at, tmp_path):
    """`COVID-19 unless rsna`: 5 called, 4 right, all 4 found: precision .8, recall 1, F1 8 / 9."""
    write_list(tmp_path)
    (line,) = errata_data.source_only(at, tmp_path)
    assert "0.889 on train_COVIDx0.txt" in line["computed"]
    assert "precision 0.800, recall 1.000" in line["evidence"]
    assert "0.77 (RN2, RN4)" in line["report_says"]
    assert errata_data.source_only(at, None) == []


def test_source_only_of_the_run_stands_beside_it(at):
    files.write_json(at.audit / "source_only.json", {"covid_f1": 0.5})
    (line,) = errata_data.source_only(at, None)
    assert "0.500 on this run's test set" in line["computed"]


def test_patient_numbers_that_meet_are_counted(at, tmp_path):
    write_list(tmp_path)
    (line,) = errata_data.id_collisions(at, tmp_path)
    assert line["computed"] == "train_COVIDx0.txt: 1 of sirm's 2 numbers are also cohen's"


def test_without_lists_the_run_s_index_is_searched(at):
    assert errata_data.id_collisions(at, None) == []
    ids = pd.DataFrame(
        {"group_id": ["cohen-12", "fig1-COVID-00012", "rsna-0004cfab"], "source": ["cohen", "fig1", "rsna"]}
    )
    files.write_csv(at.covidx / "index.csv", ids)
    (line,) = errata_data.id_collisions(at, None)
    assert "1 of fig1's 1 numbers are also cohen's" in line["computed"]


def test_the_table_is_complete_and_shown_escaped(at):
    table = errata.table(at, COUNTS, augment.stretch, data=None, shares=(0.15, 0.15), steps=50)
    assert table["id"].is_unique
    assert (table.map(len) > 0).all(axis=None)
    table.loc[0, "computed"] = "<script>"
    assert "<script>" not in readable.table(readable.errata(table)).to_html()
