"""What a run's results stand on: comparable by settings and images, never by name."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import yaml

from lib import files, params
from lib.evaluation import standing
from lib.evaluation.runs import Predictions, Row
from lib.paths import PUBLISHED
from tests.evaluation import synthetic


def row(name, **changed):
    test = Predictions(np.array(["a"]), np.array(["a"]), np.array([0]), np.eye(3)[[0]])
    return Row(name, test, settings=synthetic.as_in_the_paper(name) | changed)


def named(table):
    return table["setting"].tolist()


def test_the_published_settings_are_those_of_the_run_paper():
    paper = params.load("paper", "RN4")
    table = pd.read_csv(PUBLISHED / "settings.csv", dtype=str)
    for setting, value in zip(table["setting"], table["value"], strict=True):
        assert getattr(paper, setting) == yaml.safe_load(value), setting


@pytest.mark.parametrize("name", synthetic.SKILL)
def test_a_row_made_as_the_paper_s_is_comparable_whatever_its_run_is_called(name):
    assert synthetic.COVIDX.differences(row(name, run="mine")).empty


@pytest.mark.parametrize(
    ("name", "changed", "differs"),
    [
        ("RN7", {"scratch_epochs": 29}, ["scratch_epochs"]),
        ("RN3", {"epochs": 29, "scratch_epochs": 29}, ["epochs"]),
        ("RN7", {"image_size": 64, "scratch_learning_rate": 0.001}, ["image_size", "scratch_learning_rate"]),
        ("RN3", {"imagenet_weights": "stand_in"}, ["imagenet_weights"]),
        ("RN4", {"learning_rate_decay": "cosine"}, ["learning_rate_decay"]),
        # RN7 uses none of them
        ("RN7", {"imagenet_weights": "stand_in", "fine_tuning_epochs": 1, "epochs": 1, "l2": 0.0}, []),
        ("RN4", {"fine_tuning_learning_rate": 1e-4}, ["fine_tuning_learning_rate"]),
        ("RN4", {"fine_tuning_start": "conv5_block1_1_conv"}, ["fine_tuning_start"]),
        ("CN2", {"fine_tuning_start": "stage4_pepx1_project1"}, []),  # no boundary gives the published count
        ("CN1", {"l2": 0.0}, ["l2"]),
        ("RN8", {"class_weights": False}, ["Table 1, class weights"]),
        ("RN4", {"continues": "", "fine_tuning": False}, ["Table 1, fine tuning"]),
    ],
)
def test_every_setting_that_a_row_uses_counts_and_no_other(name, changed, differs):
    assert named(synthetic.COVIDX.differences(row(name, run="paper", **changed))) == differs


def test_phantoms_and_other_images_are_not_covidx():
    phantoms = dataclasses.replace(synthetic.COVIDX, settings=synthetic.COVIDX.settings | {"data": "phantoms"})
    assert named(phantoms.differences(row("RN7"))) == ["data"]
    fewer = dataclasses.replace(synthetic.COVIDX, images={"covid-19": 82, "normal": 8000, "pneumonia": 6500})
    assert named(fewer.differences(row("RN7"))) == ["images of covid-19"]  # the others are off by less than a tenth
    lists = dataclasses.replace(synthetic.COVIDX, settings=synthetic.COVIDX.settings | {"covidx_layout": "lists"})
    assert lists.differences(row("RN7")).to_numpy().tolist() == [["covidx_layout", "lists", "sources"]]


def test_what_was_not_written_down_is_a_difference():
    bare = Row("RN7", row("RN7").test)
    assert "image_size" in named(synthetic.COVIDX.differences(bare))
    assert named(standing.Standing().differences(row("RN7"))) == ["data"]


def test_differences_of_a_run_name_their_rows():
    rows = {"RN3": row("RN3", imagenet_weights="stand_in", batch_size=8), "RN7": row("RN7", batch_size=8)}
    table = standing.differences(synthetic.COVIDX, rows).set_index("setting")
    assert table["rows"].to_dict() == {"batch_size": "all", "imagenet_weights": "RN3"}
    assert table.loc["batch_size", ["this run", "in the paper"]].tolist() == ["8", "32"]


def test_a_network_is_described_by_what_it_was_made_with():
    fine_tuned = row("RN4", imagenet_weights="stand_in").settings
    said = "ResNet50V2, pretrained on skin images in place of ImageNet, fine-tuned, class weights"
    assert standing.network(fine_tuned) == said
    assert standing.network(row("RN8").settings) == "ResNet50V2, from scratch, class weights, augmentation"
    assert standing.network({}) == ""


def test_the_data_of_a_run_are_read_from_what_notebook_00_left(at):
    assert standing.read_standing(at) == standing.Standing()
    synthetic.write(at, experiments=(), patients=20)
    found = standing.read_standing(at)
    index = pd.read_csv(at.covidx / "index.csv")
    assert found.phantoms
    assert found.data == f"phantoms, generated pictures: {len(index)} images of {index['group_id'].nunique()} patients"
    files.write_json(at.covidx / "settings.json", synthetic.COVIDX.settings)
    assert standing.read_standing(at).data.startswith("chest X-rays: ")
