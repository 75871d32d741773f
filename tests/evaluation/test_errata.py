"""Errata: notebook 10's own cells, each number against the paper, hand arithmetic or a small list of known content."""

from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest

from lib import files
from lib.evaluation import errata, runs
from lib.evaluation.standing import Standing
from lib.models import counts
from lib.paths import NOTEBOOKS

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

NOTEBOOK = nbformat.read(NOTEBOOKS / "10_claims.ipynb", as_version=4)
CELLS = {cell.metadata.get("name", cell.id): cell.source for cell in NOTEBOOK.cells}


class Page:
    """Notebook 10's errata on a run's folder: `page(name)` runs the cell of one slip and returns what it noted."""

    def __init__(self, monkeypatch, at, data):
        monkeypatch.setattr(counts, "count_parameters", lambda: COUNTS)
        self.at = at
        self.names = {"at": self.at, "readings": pd.DataFrame(columns=["statistic"]), "display": lambda shown: None}
        self.names |= {"images": Standing(), "networks": {"RN1": "ResNet50V2, from scratch"}}
        self.names["p"] = SimpleNamespace(data=str(data), experiments=["RN2", "RN3"], ig_steps=10)
        exec("from lib import params, paths\n" + CELLS["imports"] + "\n" + CELLS["slips"], self.names)

    def __call__(self, name):
        exec(CELLS[f"slip-{name}"], self.names)
        return self.names["slips"].found.get(name)


@pytest.fixture
def page(monkeypatch, at, tmp_path):
    return Page(monkeypatch, at, tmp_path)


@pytest.fixture
def page_with_list(monkeypatch, at, tmp_path):
    files.write_text(tmp_path / "covidx-lists-full" / "train_COVIDx0.txt", LIST)
    return Page(monkeypatch, at, tmp_path)


def test_the_slips_of_the_counts_are_shown_with_their_sizes(page):
    line = page("classifier-count")
    assert (line["report_says"], line["computed"]) == ("6,146 free parameters", "6,147")
    assert "ResNet50V2 +0, the first +15,232" in page("resnet-version")["evidence"]
    assert "9,472 + fully connected part 103,818,243 = 103,827,715" in page("covidnet-frozen")["evidence"]
    assert "140,563,651" in page("covidnet-blocks")["computed"]
    line = page("covidnet-fine-tuning")
    assert "+4,900,800" in line["evidence"]  # 103,818,243 - 98,917,443
    assert "103,818,243" in line["consequence"]


def test_the_numbers_that_the_report_gives_are_table_1_s():
    free = runs.published_table()["free_params"].astype(int)
    said = errata.read_slips()
    for name, row in (("classifier-count", "RN1"), ("resnet-version", "RN7"), ("covidnet-fine-tuning", "CN2")):
        assert f"{free[row]:,}" in said[name]["report_says"]
    assert f"{free['CN3']:,}" in said["covidnet-frozen"]["report_says"]
    f1 = runs.published_table()["covid_f1"].astype(int)
    best = f"{f1.max() / 100:.2f} ({', '.join(f1.index[f1 == f1.max()])})"
    assert best in said["source-only"]["report_says"]


def test_both_readings_stand_beside_the_frozen_stages(page):
    page("classifier-count")
    assert "not both have been run." in page("covidnet-frozen")["consequence"]
    both = [
        {"comparison": "CN3-described − CN3", "statistic": "Macro F1", "effect": 3.25, "rows": "CN3-described, CN3"}
    ]
    page.names["readings"] = pd.DataFrame(both)
    page.names["slips"].networks["CN3"] = "COVID-Net, from scratch"
    line = page("covidnet-frozen")
    assert "CN3-described − CN3: +3.2 points of macro F1" in line["consequence"]
    assert (line["rows"], line["network"]) == ("CN3-described, CN3", "CN3: COVID-Net, from scratch")
    assert line["data"] == page.names["images"].data


def test_another_row_is_at_least_as_good_as_the_best_in_all_but_recall(page):
    line = page("best-model")
    assert line["computed"].endswith(": RN2")
    assert "Accuracy 90, more in RN2 (91)" in line["evidence"]


def test_figure_4b_gives_table_1_s_line(page):
    """By hand: 2,100 / 2,325 right; precision 72 / 96, recall 72 / 92, F1 2 * 72 / (96 + 92)."""
    page("best-model")
    line = page("figure-4b")
    assert "Accuracy 90.32" in line["computed"]
    assert "precision 75.00, COVID-19 recall 78.26, COVID-19 F1 76.60" in line["computed"]
    assert line["title"] == "Figure 4b's counts agree with Table 1's line RN4"
    assert line["consequence"].startswith("5 of 5 scores agree")


def test_a_mistyped_figure_would_be_found(page, monkeypatch):
    monkeypatch.setattr(runs, "published_confusion", lambda: np.array([[27, 5, 15], [13, 1221, 94], [11, 87, 807]]))
    page("best-model")
    line = page("figure-4b")
    assert "differ from" in line["title"]
    assert "COVID-19 recall 57.45" in line["computed"]  # 27 / 47
    assert "Accuracy" not in line["computed"]  # 2,055 / 2,280 = 90.1 still rounds to 90


def test_f1_follows_from_precision_and_recall_within_rounding(page):
    line = page("f1-scores")
    assert "All 11 fit" in line["computed"]
    assert "RN1 72.2 (72)" in line["evidence"]  # 2 * 93 * 59 / 152


def test_a_wrong_f1_would_be_found(page):
    page.names["percent"].loc["RN5", "covid_f1"] = 60
    line = page("f1-scores")
    assert (line["section"], line["report_says"]) == ("Table 1, RN5", "RN5: 60")
    assert line["computed"] == "RN5 54.1 (60)"  # 2 * 48 * 62 / 110


def test_source_only_is_computed_from_full_lists(page_with_list):
    """`COVID-19 unless rsna`: 5 called, 4 right, all 4 found: precision .8, recall 1, F1 8 / 9."""
    line = page_with_list("source-only")
    assert "0.889 on train_COVIDx0.txt" in line["computed"]
    assert "precision 0.800, recall 1.000" in line["evidence"]


def test_source_only_of_the_run_stands_beside_it(page):
    assert page("source-only") is None
    files.write_json(page.at.audit / "source_only.json", {"covid_f1": 0.5})
    assert "0.500 on this run's test set" in page("source-only")["computed"]


def test_the_split_is_computed_from_its_shares(page):
    assert page("nominal-split")["computed"] == "72.25 / 12.75 / 15 %"


def test_a_seed_does_not_fix_a_draw_from_a_set_of_strings(page):
    line = page("split-seed")
    said = line["computed"].removeprefix("random.seed(1) draws patients ").split(" and ")
    first, other = (part.split(" in ")[0] for part in said)
    assert first != other
    assert len(first.split(", ")) == 6
    assert line["evidence"].endswith("the same one twice draws the same")


def test_the_stretch_changes_an_image_at_factor_one(page):
    line = page("brightness")
    # (110 - 100) / 40 * 255 = 63.75, (120 - 100) / 40 * 255 = 127.5
    assert line["computed"].startswith("pixels 100, 110, 120, 140 became 0, 63.8, 127.5, 255")
    assert "40 became 255" in line["evidence"]


def test_grad_cam_line_reads_every_step_of_each_network(page):
    """A series that falls, rises and falls is said whole: its ends alone would tell another story."""
    assert "Not measured" in page("grad-cam-exact")["computed"]
    lines = [
        {"experiment": name, "steps": m, "completeness_error": error, "agreement": 0.25}
        for name in ("RN8", "CN3")
        for m, error in ((10, 0.5), (10, 0.64), (25, 0.628), (100, 0.163))
    ]
    files.write_csv(page.at.explanations / "steps.csv", pd.DataFrame(lines))
    said = page("grad-cam-exact")["computed"]
    assert said.startswith("RN8: mean completeness error 57.0% at m = 10, 62.8% at m = 25, 16.3% at m = 100;")
    assert "CN3: mean completeness error 57.0% at m = 10" in said


def test_the_sum_as_written_and_the_trapezoid_rule_are_two_things(page):
    """Mean of 3 (k/m)^2 over k = 1..m is (m + 1)(2m + 1) / (2 m^2); the trapezoid rule's is 1 + 1 / (2 m^2)."""
    assert "ends gives 1.15500, the trapezoid rule 1.00500" in page("trapezoid")["computed"]


def test_patient_numbers_that_meet_are_counted(page_with_list):
    line = page_with_list("id-collisions")
    assert line["computed"] == "train_COVIDx0.txt: 1 of sirm's 2 numbers are also cohen's"


IDS = pd.DataFrame(
    {
        "group_id": ["cohen-12", "cohen-13", "fig1-COVID-00012", "actmed-ANON12", "sirm-12", "sirm-7", "rsna-0004cfab"],
        "source": ["cohen", "cohen", "fig1", "actmed", "sirm", "sirm", "rsna"],
    }
)


def test_without_lists_the_run_s_index_is_searched(page):
    """Figure1's `COVID-00012` is an id of its own, not the number 12."""
    assert page("id-collisions") is None
    files.write_csv(page.at.covidx / "index.csv", IDS)
    assert page("id-collisions")["computed"].endswith("index.csv: 1 of sirm's 2 numbers are also cohen's")


def test_the_numbers_of_phantoms_are_nobody_s_slip(page, capsys):
    page.names["p"].data = "phantoms"
    files.write_csv(page.at.covidx / "index.csv", IDS)
    assert page("id-collisions") is None
    assert "No real list" in capsys.readouterr().out


def test_the_figures_shortcuts_read_each_other_the_codes_the_stages_before(page):
    line = page("covidnet-shortcuts")
    assert "read stage1_shortcut, stage2_shortcut, stage3_shortcut in the figure" in line["computed"]
    assert "stage1_output, stage2_output, stage3_output in the code" in line["computed"]
    assert line["evidence"].count("138,718,147") == 2


def test_the_tuned_convolutions_are_counted(page):
    """COVID-Net has 1 + (1 + 5 * 3) + (1 + 5 * 4) + (1 + 5 * 5) + (1 + 5 * 3) = 80, a stage of three blocks 16."""
    line = page("convolutions-tuned")
    assert "CN2 0 of 80 (from fc1 on)" in line["computed"]
    assert "CN2-described 16 of 80" in line["computed"]
    assert "RN4-few 3 of 53" in line["computed"]  # 1x1, 3x3, 1x1 of the last block
    assert "102,760,448" in line["evidence"]


def test_the_nearest_neighbour_leaves_stripes_that_cannot_be_shown(page):
    """A triangle as wide as two pixels of the result leaves (sin u / u)^2, u = pi 1024 / 224 / 6, which is 8 %."""
    assert "nearest neighbour leaves 100%, antialiasing 8%" in page("resizing")["computed"]


def test_addresses_are_compared_letter_by_letter(page, tmp_path):
    said = "the same address: left out, one slash more: kept, of a lateral view: kept, of another finding: kept"
    assert page("radiography-urls")["computed"] == said
    folder = tmp_path / "covidx-sources"
    (folder / "covid-chestxray-dataset").mkdir(parents=True)
    (folder / "COVID-19 Radiography Database").mkdir()
    rows = pd.DataFrame({"finding": "COVID-19", "view": ["PA", "L"], "url": ["a", "b"]})
    rows.to_csv(folder / "covid-chestxray-dataset" / "metadata.csv", index=False)
    urls = pd.DataFrame({"URL": ["a", "b", "c"]})
    urls.to_excel(folder / "COVID-19 Radiography Database" / "COVID-19.metadata.xlsx", index=False)
    assert page("radiography-urls")["evidence"].endswith("1 of 3 are left out, 2 stand anywhere in source 1")


def test_the_classifiers_penalty_is_small_beside_the_cross_entropy(page):
    """0.01 * 2 * 1024 * 3 / 1027 = 0.0598; log 3 = 1.0986; fc1: 0.01 * 2 * 100352 * 1024 / 101376 = 20.27."""
    line = page("classifier-l2")
    assert "starts at 0.060, beside a cross entropy of 1.099" in line["computed"]
    assert "fc1 20.3 and fc2 10.2" in line["evidence"]


def test_the_last_epoch_stands_beside_the_best(page):
    assert "Not measured" in page("last-epoch")["computed"]
    files.write_csv(page.at.experiment("RN1") / "history.csv", pd.DataFrame({"val_macro_f1": [0.5, 0.75, 0.625]}))
    assert page("last-epoch")["computed"] == "RN1: best epoch 2 of 3 (0.750), the last has 0.625"


def test_a_sure_probability_has_no_gradient_left(page):
    """p = 1 / 3: 2 / 9; p = e^10 / (e^10 + 2) = 0.99991: 0.00009."""
    said = page("ig-softmax")["computed"]
    assert "0.22222 at p = 0.33333" in said
    assert "0.00009 at p = 0.99991" in said


def test_every_slip_of_the_file_has_its_cell():
    assert {f"slip-{name}" for name in errata.read_slips()} == {name for name in CELLS if name.startswith("slip-")}


@pytest.mark.parametrize("otherwise", [False, True])
def test_a_check_without_a_slip_is_no_erratum(otherwise):
    slips = errata.Slips()
    slips.note("nominal-split", computed="c", evidence="e")
    texts = {"says": "", "agree": 0, "scores": 5}
    slips.note("figure-4b", computed="c", evidence="e", otherwise=otherwise, **texts)
    found = slips.table()["id"].tolist(), slips.table(fine=True)["id"].tolist()
    assert found == ((["nominal-split", "figure-4b"], []) if otherwise else (["nominal-split"], ["figure-4b"]))


def test_what_is_noted_is_kept_in_order_and_shown_escaped():
    slips = errata.Slips()
    slips.note("split-seed", computed="<script>", evidence="e")
    assert "<script>" not in slips.note("nominal-split", computed="<script>", evidence="e").to_html()
    assert slips.table()["id"].tolist() == ["split-seed", "nominal-split"]
    assert list(slips.table()) == list(errata.COLUMNS)
    with pytest.raises(KeyError, match="no-such-slip: found no slip"):
        slips.note("no-such-slip", computed="", evidence="")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": None}, "one: title: missing"),
        ({"titel": "x"}, "one: titel: unknown"),
        ({"otherwise": {"says": "x"}}, "one: says: unknown"),
        ({"id": "two"}, "two: id used twice"),
    ],
)
def test_a_faulty_slip_is_named(tmp_path, change, message):
    texts = dict.fromkeys(errata.SAID, "x")
    one = {key: value for key, value in ({"id": "one"} | texts | change).items() if value is not None}
    files.write_json(tmp_path / "errata.yaml", [one, {"id": "two"} | texts])
    with pytest.raises(ValueError, match=f"errata.yaml: {message}"):
        errata.read_slips(tmp_path / "errata.yaml")
