import keras

from lib import models
from lib.figures import architecture, layers


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_figure_3a_is_the_basic_block_and_the_whole_network_another_figure():
    network = models.build("resnet50v2", 224)
    block, whole = (" ".join(texts(draw(network))) for draw in (architecture.figure_3a, architecture.resnet50))
    for word in ("28×28×512", "Conv 3×3", "identity"):
        assert word in block
        assert word in whole
    for word in ("3 blocks", "4 blocks", "6 blocks", "conv3_block4", "Softmax"):
        assert word not in block
        assert word in whole


def test_figure_3b_follows_the_model():
    """Another number of blocks in the model is another number in the drawing: nothing is typed in."""
    drawn = " ".join(texts(architecture.figure_3b(models.build("covidnet", 224))))
    other = " ".join(texts(architecture.figure_3b(models.build("covidnet", 64, pepx_blocks=(4, 4, 6, 3)))))
    assert "5 PEPX" in drawn
    assert "6 PEPX" in other
    assert "7×7×2048" in drawn
    assert "2×2×2048" in other
    assert drawn.count("block 4") == 0
    assert other.count("block 4") == 1


def test_figure_3b_draws_shortcuts_as_the_network_has_them():
    chained, each = (
        texts(architecture.figure_3b(models.build("covidnet", 64, pepx_blocks=(2, 2, 2, 2), shortcuts=reading)))
        for reading in ("as_described", "as_published")
    )
    assert "stage1_shortcut, 16×16×256" in chained  # the first stage's feeds the second's
    assert not any("shortcut," in text for text in each)


def test_nodes_join_normalisation_and_activation():
    image = keras.Input((4, 4, 3), name="image")
    x = keras.layers.Conv2D(2, 1, name="conv")(image)
    x = keras.layers.ReLU(name="relu")(keras.layers.BatchNormalization(name="bn")(x))
    nodes = layers.read_nodes(keras.Model(image, x))
    assert [(node.kind, node.label) for node in nodes.values()][1:] == [
        ("convolution", "Conv 1×1, 2"),
        ("normalisation", "Batch norm, ReLU"),
    ]
