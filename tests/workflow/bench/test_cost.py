import keras
import pytest

from lib import params
from workflow.bench import cost


def test_operations_by_hand():
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="conv")(image)
    x = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = keras.layers.Dense(5, name="dense")(keras.layers.Flatten(name="flat")(x))
    model = keras.Model(image, x)
    assert cost.layer_macs(model.get_layer("conv")) == 4 * 4 * 3 * 3 * 3 * 4
    assert cost.layer_macs(model.get_layer("depthwise")) == 4 * 4 * 3 * 3 * 4
    assert cost.layer_macs(model.get_layer("dense")) == 64 * 5
    assert cost.macs(model, "dense") == (1728 + 576, 320)


def test_resnet50v2_costs_what_is_published():
    """About 3.5 billion multiply-accumulates at 224 x 224 (Canziani et al. 2016 give 3.5 to 4 for ResNet-50)."""
    assert cost.macs(cost.read_network("resnet50v2", 224))[1] == pytest.approx(3.5e9, rel=0.03)


def test_sharing_by_hand():
    """One image, three rows: the linear stage once, activations once a boundary."""
    p = params.load("paper", overrides={"experiments": ["RN1", "RN2", "RN4-direct"]})
    below, above = cost.macs(cost.read_network("resnet50v2", 224), "logits")
    low, high = cost.macs(cost.read_network("resnet50v2", 224), "conv4_block6_3_conv")
    one = cost.Sizes(train=1, validation=0)
    table = cost.cost_table(p, one, cost.Sizes(0, 0), teraflops=1, utilisation=1).set_index("id")
    assert table.loc["RN1", "plain_macs"] == 30 * (below + 3 * above)
    assert table.loc["RN1", "our_macs"] == below + 30 * 3 * above
    assert table.loc["RN2", "plain_macs"] == 30 * (below + 3 * above) + 10 * (low + 3 * high)
    assert table.loc["RN2", "our_macs"] == low + 10 * 3 * high
    assert table.loc["RN4-direct", "plain_macs"] == (30 + 10) * (low + 3 * high)
    assert table.loc["RN4-direct", "our_macs"] == (30 + 10) * 3 * high
    assert table.loc["all", "our_hours"] == pytest.approx(2 * table.loc["all", "our_macs"] / 1e12 / 3600)
