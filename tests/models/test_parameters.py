"""Free parameters against Table 1, exactly."""

import pandas as pd
import pytest

from lib import models, params, paths
from lib.models import counts


def test_whole_networks_and_their_classifiers_alone(resnet, covidnet):
    assert models.free_parameters(resnet) == 23_525_507
    assert models.free_parameters(covidnet) == 138_718_147
    assert models.free_parameters(models.build("covidnet", 224, pepx="as_published")) == 103_827_715
    assert models.boundary_counts(resnet)["logits"] == 2048 * 3 + 3 == 6_147
    assert models.boundary_counts(covidnet)["logits"] == 1024 * 3 + 3 == 3_075


def test_fine_tuning_resnet_has_the_published_count_at_one_boundary_only(resnet):
    hits = [first for first, count in models.boundary_counts(resnet).items() if count == 15_240_195]
    assert hits == ["conv4_block6_3_conv"]
    assert {params.load("paper", row).fine_tuning_start for row in ("RN2", "RN4", "RN6")} == set(hits)


def test_no_choice_of_layers_gives_cn2s_published_count(covidnet):
    """One kernel is larger than the published count, and everything else together is smaller."""
    published = 98_917_443
    kernel = 7 * 7 * 2048 * 1024
    assert tuple(covidnet.get_layer("fc1").kernel.shape) == (7 * 7 * 2048, 1024)
    assert models.free_parameters(covidnet) - kernel < published < kernel
    assert published not in models.boundary_counts(covidnet).values()


def test_boundary_counts_equal_counting_what_freezing_leaves():
    model = models.build("resnet50v2", 64)
    by_layer = models.boundary_counts(model)
    for first in ("conv1_conv", "conv3_block1_1_bn", "conv4_block6_3_conv", "post_bn", "logits"):
        models.freeze_below(model, first)
        assert models.free_parameters(model) == by_layer[first]


def test_every_row_has_its_published_count_wherever_that_can_be_explained():
    published = pd.read_csv(paths.PUBLISHED / "table1.csv", index_col="id")["free_params"]
    networks = counts.paper_networks()
    counted = {name: counts.row_parameters(params.load("paper", name), networks) for name in published.index}
    differences = {name: counted[name] - published[name] for name in published.index}
    assert differences == dict.fromkeys(published.index, 0) | {"RN1": 1, "RN3": 1, "RN5": 1, "CN2": 4_900_800}
    assert counts.row_parameters(params.load("paper", "CN3-described"), networks) == 138_718_147
    assert models.free_parameters(networks["covidnet-6"]) == 140_563_651
    few = counts.row_parameters(params.load("paper", "RN4-few"), networks)
    # the last block: 2048 x 512 + 3 x 3 x 512 x 512 + 512 x 2048 kernels, one bias, three and the final normalisations
    assert few == 2048 * 512 + 9 * 512**2 + 512 * 2048 + 2048 + 2 * (2048 + 512 + 512 + 2048) + 6_147


def test_the_counts_of_the_errata_add_up_to_the_published_ones():
    found = counts.count_parameters()
    assert found["resnet50_v1"] == 23_534_592 + 6_147
    assert found["conv1"] + found["fully_connected"] == found["scratch_frozen"] == 103_827_715
    assert found["scratch_trained"] + found["pepx_block"] == 140_563_651
    assert found["nearest"] == found["fully_connected"] == 103_818_243


def test_an_unknown_boundary_is_named_with_the_layers_there_are(covidnet):
    says = r"fine_tuning_start: found 'conv9', expected a layer of covidnet; .* are conv1, stage1"
    with pytest.raises(ValueError, match=says):
        models.freeze_below(covidnet, "conv9")
