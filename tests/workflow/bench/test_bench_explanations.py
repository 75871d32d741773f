"""The speed rows compare like with like."""

import sys

import numpy as np
import pytest

from lib.explainers.grad_cam import GradCam
from lib.explainers.integrated_gradients import IntegratedGradients
from lib.models import network_input
from tests.explainers import networks
from workflow.bench import explanations as bench

PIXELS = network_input(networks.images(3, 16))
CLASSES = np.array([0, 1, 2], np.int32)


def test_single_calls_give_the_same_explanations():
    model = networks.convolutional()
    np.testing.assert_allclose(
        bench.single_gradients(model, 4)(PIXELS, CLASSES),
        IntegratedGradients(model, 4)(PIXELS, CLASSES).values,
        atol=1e-6,
    )
    np.testing.assert_allclose(
        bench.single_grad_cams(model, "maps")(PIXELS, CLASSES),
        GradCam(model, "maps").signed(PIXELS, CLASSES),
        atol=1e-6,
    )


def test_equal_allows_rounding_and_no_more():
    found = np.array([1.0, -2.0])
    assert bench.agree(found + 1e-3, found)
    assert not bench.agree(found + 0.1, found)


@pytest.mark.slow
def test_without_xplique_its_rows_are_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "tests.explainers.theirs", None)
    rows = bench.explanation_rows(images=2, size=32, steps=2, rounds=1)
    assert [row["equal"] for row in rows] == [True, True]
    assert not [row for row in rows if "xplique" in row["name"]]
