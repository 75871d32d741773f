"""The networks that notebook 04 leaves are found and opened."""

import numpy as np
import pytest

from lib import files, models, paths
from lib.explainers import network
from lib.explainers.integrated_gradients import IntegratedGradients
from tests.explainers import networks


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
        network.open_network(run, "RN4", 7)


def test_the_best_row_of_the_other_architecture_is_found(run):
    leave(run, "RN4", "resnet50v2", 0.8)
    assert network.other_backbone(run, "RN4") == []
    leave(run, "CN1", "covidnet", 0.5)
    leave(run, "CN2", "covidnet", 0.6)
    assert network.other_backbone(run, "RN4") == ["CN2"]


@pytest.mark.slow
def test_a_network_is_loaded_with_its_layer_and_predicts_as_before(run):
    leave(run, "CN1", "covidnet", 0.5)
    trained = models.build("covidnet", 32, seed=2)
    trained.save(run.experiment("CN1") / "model.keras")
    found = network.open_network(run, "CN1", 2)
    assert found.layer == "stage3_output"
    images = networks.images(2, 32)
    expected = trained.predict(np.repeat(images, 3, axis=-1).astype("float32"), verbose=0)
    np.testing.assert_allclose(found.probabilities(images), expected, atol=1e-6)


def test_double_precision_agrees_with_single_to_its_rounding():
    # float32 has 24 bits, 6e-8; sums over some thousand terms of mixed sign leave about 1e-5 of the largest value
    model, pixels = networks.convolutional(), networks.images(2, 16)
    single = IntegratedGradients(model, 5)(pixels, 1)
    double = IntegratedGradients(network.in_double(model), 5)(pixels, 1)
    assert not np.array_equal(single.values, double.values)
    np.testing.assert_allclose(single.values, double.values, atol=1e-5 * np.abs(double.values).max())
