"""The counts that the errata name, at a small size, by hand from those of Table 1's networks at 224 pixels."""

import keras

from lib.models import counts

AT_224 = {
    **{"classifier_resnet": 6_147, "fine_tuned_resnet": 15_240_195, "scratch_resnet": 23_525_507},
    **{"resnet50_v1": 23_540_739, "classifier_covidnet": 3_075, "conv1": 9_472, "pepx_block": 1_845_504},
}
GROW = {"fully_connected": 103_818_243, "scratch_trained": 138_718_147, "scratch_frozen": 103_827_715}


def test_counts_of_small_networks_follow_by_hand():
    """At 64 pixels only the first fully connected layer differs from 224: 2 x 2 instead of 7 x 7 positions of 2048."""
    found = counts.count_parameters(64)
    keras.backend.clear_session()
    smaller = (7 * 7 - 2 * 2) * 2048 * 1024
    assert {name: found[name] for name in AT_224} == AT_224
    assert {name: found[name] + smaller for name in GROW} == GROW
