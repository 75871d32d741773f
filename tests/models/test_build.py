"""What the networks are made of."""

import keras
import numpy as np
import pytest

from lib import models

BOTH = pytest.mark.parametrize("backbone", ["resnet50v2", "covidnet"])


@BOTH
def test_pixels_are_rescaled_to_minus_one_and_one_and_logits_to_probabilities_by_softmax(backbone):
    model = models.build(backbone, 32, classes=4)
    assert model.layers[1].name == "rescaling"
    grey = np.array([0.0, 127.5, 255.0], "float32").reshape(1, 1, 3, 1)
    np.testing.assert_allclose(np.ravel(model.layers[1](grey)), [-1, 0, 1], atol=1e-6)
    images = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    scores = keras.Model(model.input, model.get_layer("logits").output)(images).numpy()
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model(images), expected, rtol=1e-5)
    assert [layer.name for layer in model.layers[-2:]] == ["logits", "probabilities"]
    assert model.output.shape == (None, 4)


@BOTH
def test_the_models_are_flat_and_grad_cams_layer_is_the_last_with_enough_cells(backbone):
    model = models.build(backbone, 64)  # feature maps of 16, 8, 4 and 2 cells a side
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    assert model.get_layer(models.LAST_CONVOLUTION[backbone]).output.shape == (None, 2, 2, 2048)
    for cells, side in ((1, 2), (2, 2), (3, 4), (7, 8), (9, 16), (50, 16)):
        assert model.get_layer(models.feature_map_layer(model, backbone, cells)).output.shape[1] == side
    assert models.feature_map_layer(model, backbone, 2) == models.LAST_CONVOLUTION[backbone]


def test_where_shortcuts_are_chained_only_the_last_stage_cuts_the_network():
    model = models.build("covidnet", 64, pepx_blocks=(1, 1, 1, 1), shortcuts="as_described")
    assert {models.feature_map_layer(model, "covidnet", cells) for cells in (1, 4, 50)} == {"stage4_output"}


@BOTH
def test_equal_seeds_give_equal_weights_and_others_do_not(backbone):
    first, again, other = (models.build(backbone, 32, seed=seed).get_weights() for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_an_unknown_backbone_is_refused():
    with pytest.raises(ValueError, match="found 'vgg', expected 'resnet50v2' or 'covidnet'"):
        models.build("vgg", 32)


@BOTH
def test_every_batch_normalisation_has_the_momentum_asked_for(backbone):
    model = models.build(backbone, 32, batch_norm_momentum=0.7)
    momenta = {layer.momentum for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)}
    assert momenta == {0.7}


def test_pepx_blocks_project_expand_convolve_project_and_extend(covidnet):
    """Figure 3b: channels C/2, 3C/4, 3C/4, C/2, C; neither activation nor batch normalisation."""
    for stage, (c, blocks) in enumerate(zip((256, 512, 1024, 2048), (3, 4, 5, 3), strict=True), start=1):
        for block in range(1, blocks + 1):
            layers = [layer for layer in covidnet.layers if layer.name.startswith(f"stage{stage}_pepx{block}_")]
            assert [layer.output.shape[-1] for layer in layers] == [c // 2, 3 * c // 4, 3 * c // 4, c // 2, c]
            assert [type(layer).__name__ for layer in layers] == ["Conv2D"] * 2 + ["DepthwiseConv2D"] + ["Conv2D"] * 2
            assert [layer.kernel.shape[0] for layer in layers] == [1, 1, 3, 1, 1]
            assert {layer.activation.__name__ for layer in layers} == {"linear"}
        assert not any(layer.name.startswith(f"stage{stage}_pepx{blocks + 1}_") for layer in covidnet.layers)


def test_each_stages_shortcut_is_added_after_every_block(covidnet):
    for stage, blocks in enumerate((3, 4, 5, 3), start=1):
        layers = [layer for layer in covidnet.layers if layer.name.startswith(f"stage{stage}_")]
        sums = [layer for layer in layers if isinstance(layer, keras.layers.Add)]
        assert len(sums) == blocks
        shortcut = covidnet.get_layer(f"stage{stage}_shortcut").output
        assert all(any(tensor is shortcut for tensor in layer.input) for layer in sums)
        assert covidnet.get_layer(f"stage{stage}_shortcut").input is covidnet.get_layer(f"stage{stage}_pool").output


def test_as_figure_3b_draws_them_the_shortcuts_are_chained_from_stage_to_stage():
    model = models.build("covidnet", 64, pepx_blocks=(2, 1, 1, 1), shortcuts="as_described")
    layer = model.get_layer
    assert layer("stage1_shortcut").input is layer("stage1_pool").output
    for stage in (2, 3, 4):
        assert layer(f"stage{stage}_shortcut").input is layer(f"stage{stage}_shortcut_pool").output
        assert layer(f"stage{stage}_shortcut_pool").input is layer(f"stage{stage - 1}_shortcut").output
        assert layer(f"stage{stage}_pool").input is layer(f"stage{stage - 1}_output").output
    other = models.build("covidnet", 64, pepx_blocks=(2, 1, 1, 1), shortcuts="as_published")
    assert [weight.shape for weight in model.weights] == [weight.shape for weight in other.weights]


@pytest.mark.parametrize(
    ("classifier_l2", "names"), [("as_described", {"fc1", "fc2"}), ("as_published", {"fc1", "fc2", "logits"})]
)
def test_covidnets_dense_kernels_are_penalised_the_classifiers_only_as_published(classifier_l2, names):
    model = models.build("covidnet", 32, l2=0.02, classifier_l2=classifier_l2)
    penalised = {layer.name for layer in model.layers if getattr(layer, "kernel_regularizer", None)}
    assert penalised == names
    squares = sum(np.square(model.get_layer(name).kernel).sum() for name in penalised)
    assert sum(map(float, model.losses)) == pytest.approx(0.02 * squares, rel=1e-4)


def test_resnets_kernels_are_not_penalised():
    assert not models.build("resnet50v2", 32, classifier_l2="as_published").losses
