"""Both explanations against xplique (Fel et al., 2022), an independent implementation, on the same networks.

Where the definitions agree, so must the maps. They differ in four points, and the tests set each of them equal:
xplique's `steps` counts the points of the path (ours: the steps between them), it enlarges Grad-CAM by bicubic
interpolation (ours: bilinear, section 4.4.1 says nothing), by default it averages the channels (ours keeps them), and
its parameter `output_layer`, meant to choose the score before softmax, has no effect in version 2.0 (a test shows it).
"""

import numpy as np
import pytest
import tensorflow as tf

from lib import models
from lib.explainers.grad_cam import GradCam, upsample
from lib.explainers.integrated_gradients import IntegratedGradients
from lib.models import network_input
from tests.explainers import networks
from tests.explainers.theirs import xplique_explainers

pytest.importorskip("xplique")
STEPS = 6
BACKBONES = models.LAST_CONVOLUTION


def correlation(one, other) -> float:
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


@pytest.mark.parametrize("network", ["small", *(pytest.param(name, marks=pytest.mark.slow) for name in BACKBONES)])
def test_same_explanations_as_xplique(network):
    model = models.build(network, 64, seed=3) if network in BACKBONES else networks.convolutional(32)
    layer, size = BACKBONES.get(network, "maps"), model.input_shape[1]
    pixels, classes = network_input(networks.images(3, size, seed=5)), np.array([0, 1, 2])
    gradients, cams = xplique_explainers(model, layer, STEPS)

    ours = IntegratedGradients(model, STEPS)(pixels, classes).values
    theirs = gradients(pixels, classes)
    assert all(correlation(a, b) > 0.999 for a, b in zip(ours, theirs, strict=True))
    # Rounding may put a point of the path on the other side of a ReLU's kink, which changes its whole gradient
    np.testing.assert_allclose(ours, theirs, atol=1e-2 * np.abs(theirs).max())

    coarse = np.maximum(GradCam(model, layer).signed(pixels, classes), 0)
    bicubic = tf.image.resize(coarse[..., None], (size, size), method="bicubic")[..., 0].numpy()
    theirs = cams(pixels, classes)
    seen = [k for k in range(3) if np.ptp(theirs[k])]
    assert seen, "every Grad-CAM map is zero: the images do not test anything"
    assert all(correlation(bicubic[k], theirs[k]) > 0.999 for k in seen)
    np.testing.assert_allclose(bicubic, theirs, atol=1e-5 * np.abs(theirs).max())


def test_bilinear_and_bicubic_enlargement_differ_but_little():
    # A 2 x 2 map with one hot cell: bicubic overshoots beyond the cell's value, bilinear cannot
    coarse = np.array([[[1, 0], [0, 0]]], np.float32)
    bicubic = tf.image.resize(coarse[..., None], (64, 64), method="bicubic")[..., 0].numpy()
    bilinear = upsample(coarse, (64, 64))
    assert bicubic.max() > 1 >= bilinear.max()
    assert 0.99 < correlation(bilinear, bicubic) < 0.9999


def test_xplique_ignores_its_output_layer():
    # Kept as a reminder why it is given a model without softmax; when this fails, the detour can go
    from xplique.attributions import IntegratedGradients as Theirs

    model, pixels = networks.convolutional(32), network_input(networks.images(2, 32))
    wanted = np.eye(3, dtype=np.float32)[[0, 1]]
    with_layer, without = (
        Theirs(model, output_layer=layer, steps=4, reducer=None).explain(pixels, wanted).numpy()
        for layer in ("logits", None)
    )
    np.testing.assert_array_equal(with_layer, without)
