"""What is explained is found where notebooks 00 and 04 leave it."""

import numpy as np
import pandas as pd
import pytest

from lib import files, models, paths
from lib.data import load
from lib.explainers import subject


@pytest.fixture
def dataset(tmp_path):
    """Three prepared images of 8 pixels: the first with lungs and an opacity, the second with a box, the third bare."""
    index = pd.DataFrame(
        {
            "image_id": ["a", "b", "c"],
            "group_id": ["1", "2", "3"],
            "source": ["s"] * 3,
            "label": ["covid-19", "pneumonia", "normal"],
            "split": ["test"] * 3,
            "file": ["f"] * 3,
            "sha256": ["0"] * 3,
        }
    )
    files.write_csv(tmp_path / "index.csv", index)
    np.save(tmp_path / "images.npy", np.zeros((3, 8, 8, 1), np.uint8))
    return tmp_path


def test_regions_come_from_masks_and_boxes_and_absent_ones_are_left_out(dataset):
    masks = np.zeros((3, 8, 8), np.uint8)
    masks[0, 2:6, 2:6] = 1
    masks[0, 3, 3] = 1 | 2
    np.save(dataset / "masks.npy", masks)
    files.write_csv(
        dataset / "boxes.csv", pd.DataFrame([["b", 1, 2, 3, 4]], columns=["image_id", *"xy", "width", "height"])
    )
    found = subject.regions(load.open_dataset(dataset), np.array([1, 0]))
    assert list(found) == ["lungs", "opacity", "box"]  # no image carries a marker
    assert found["lungs"].sum(axis=(1, 2)).tolist() == [0, 16]
    assert found["opacity"].sum(axis=(1, 2)).tolist() == [0, 1]
    assert found["box"].sum(axis=(1, 2)).tolist() == [12, 0]
    assert found["box"][0, 2:6, 1:4].all()


def test_a_marker_is_a_region(dataset):
    masks = np.zeros((3, 8, 8), np.uint8)
    masks[2, :2, :2] = 4
    np.save(dataset / "masks.npy", masks)
    assert list(subject.regions(load.open_dataset(dataset), np.arange(3))) == ["marker"]


def test_without_masks_and_boxes_nothing_is_known(dataset):
    assert subject.regions(load.open_dataset(dataset), np.arange(3)) == {}


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    return paths.Paths("try")


def leave(run, experiment, backbone, macro_f1):
    """What notebook 04 leaves of an experiment, but for its network."""
    folder = run.experiment(experiment)
    files.write_json(folder / "settings.json", {"backbone": backbone})
    files.write_json(folder / "metrics.json", {"macro_f1": macro_f1})
    (folder / "model.keras").touch()


def test_an_experiment_that_was_not_run_is_named_with_those_that_were(run):
    leave(run, "RN1", "resnet50v2", 0.5)
    with pytest.raises(FileNotFoundError, match=r"04_experiment for RN4 first. Trained in this run: RN1"):
        subject.open_subject(run, "RN4", 7)


def test_the_best_row_of_the_other_architecture_is_found(run):
    leave(run, "RN4", "resnet50v2", 0.8)
    assert subject.other_backbone(run, "RN4") == []
    leave(run, "CN1", "covidnet", 0.5)
    leave(run, "CN2", "covidnet", 0.6)
    assert subject.other_backbone(run, "RN4") == ["CN2"]


@pytest.mark.slow
def test_a_network_is_loaded_with_its_layer_and_predicts_as_before(run):
    network = models.build("covidnet", 32, seed=2)
    path = run.experiment("CN1") / "model.keras"
    path.parent.mkdir(parents=True)
    network.save(path)
    found = subject.open_subject(run, "CN1", 2)
    assert (found.backbone, found.layer) == ("covidnet", "stage3_output")
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1), dtype=np.uint8)
    expected = network.predict(np.repeat(images, 3, axis=-1).astype("float32"), verbose=0)
    np.testing.assert_allclose(found.probabilities(images), expected, atol=1e-6)
