"""The speed rows compare like with like."""

import builtins
import time

import numpy as np

from lib.explainers.grad_cam import GradCam
from lib.explainers.integrated_gradients import IntegratedGradients
from lib.explainers.network import network_input
from tests.explainers import networks
from workflow.bench import explanations as bench

PIXELS = network_input(networks.images(3, 16))
CLASSES = np.array([0, 1, 2], np.int32)


def test_ratio_is_the_others_time_over_ours_and_equal_compares_results():
    def slow(pixels, classes):
        time.sleep(0.03 * len(pixels))
        return np.ones(3)

    def quick(pixels, classes):
        time.sleep(0.01 * len(pixels))
        return np.ones(3)

    row = bench.compare("name", quick, slow, PIXELS, CLASSES, rounds=3)
    assert row["name"] == "name"
    # sleeps may take longer on a busy machine, but a third of the time is never more than the whole
    assert row["low"] > 1
    assert row["low"] <= row["ratio"] <= row["high"]
    assert row["equal"] is True
    assert bench.compare("name", quick, lambda *of: slow(*of) + 0.1, PIXELS, CLASSES, rounds=1)["equal"] is False


def test_single_calls_give_the_same_explanations():
    model = networks.convolutional()
    np.testing.assert_allclose(
        bench.single_gradients(model, 4)(PIXELS, CLASSES),
        IntegratedGradients(model, 4)(PIXELS, CLASSES).values,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        bench.single_grad_cams(model, "maps")(PIXELS, CLASSES),
        GradCam(model, "maps").coarse(PIXELS, CLASSES),
        atol=1e-6,
    )


def test_without_xplique_its_rows_are_left_out(monkeypatch):
    found = builtins.__import__

    def without(name, *rest):
        if name.startswith("xplique"):
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert bench.xplique_explainers(networks.convolutional(), "maps", 4) is None
