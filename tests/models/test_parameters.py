"""Free parameters against Table 1, exactly."""

import pandas as pd
import pytest

from lib import models, params, paths
from lib.models import counts as parameters


def from_boundary(model, first):
    return models.boundary_counts(model)[first]


def test_resnet_has_the_published_count_when_all_of_it_is_trained(resnet):
    assert models.free_parameters(resnet) == 23_525_507


def test_the_classifiers_alone_have_their_weights_and_offsets(resnet, covidnet):
    assert from_boundary(resnet, "logits") == 2048 * 3 + 3 == 6_147
    assert from_boundary(covidnet, "logits") == 1024 * 3 + 3 == 3_075


def test_fine_tuning_resnet_has_the_published_count_at_one_boundary_only(resnet):
    hits = [first for first, count in models.boundary_counts(resnet).items() if count == 15_240_195]
    assert hits == [models.FINE_TUNING_STARTS["resnet50v2"]] == ["conv4_block6_3_conv"]


def test_covidnet_as_described_and_as_published(covidnet):
    assert models.free_parameters(covidnet) == 138_718_147
    assert models.free_parameters(models.build("covidnet", 224, pepx="as_published")) == 103_827_715


def test_covidnet_with_six_blocks_in_stage_three():
    six = models.build("covidnet", 224, pepx="as_described", pepx_blocks=(3, 4, 6, 3))
    assert models.free_parameters(six) == 140_563_651


def test_no_choice_of_layers_gives_cn2s_published_count(covidnet):
    """One kernel is larger than the published count, and everything else together is smaller."""
    published = 98_917_443
    kernel = 7 * 7 * 2048 * 1024
    assert tuple(covidnet.get_layer("fc1").kernel.shape) == (7 * 7 * 2048, 1024)
    assert models.free_parameters(covidnet) - kernel < published < kernel
    counts = models.boundary_counts(covidnet)
    assert published not in counts.values()
    assert min(counts.values(), key=lambda count: abs(count - published)) == counts["fc1"] == 103_818_243


def test_boundary_counts_equal_counting_what_freezing_leaves():
    model = models.build("resnet50v2", 64)
    counts = models.boundary_counts(model)
    for first in ("conv1_conv", "conv3_block1_1_bn", "conv4_block6_3_conv", "post_bn", "logits"):
        models.freeze_below(model, first)
        assert models.free_parameters(model) == counts[first]


def test_the_table_has_every_published_row_and_its_difference():
    published = pd.read_csv(paths.PUBLISHED / "table1.csv", index_col="id")["free_params"]
    rows = params.load("paper").experiments
    table = parameters.table(parameters.networks(), [*rows, "CN3-described"]).set_index("id")
    assert list(table.index) == [*published.index, "CN3-described"]
    expected = dict.fromkeys(published.index, 0) | {"RN1": 1, "RN3": 1, "RN5": 1, "CN2": 4_900_800}
    assert table["difference"].dropna().to_dict() == expected
    assert table.loc["CN3-described", "counted"] == 138_718_147
    assert pd.isna(table.loc["CN3-described", "published"])
    assert (table["explanation"].str.len() > 0).all()


@pytest.mark.parametrize("backbone", ["resnet50v2", "covidnet"])
def test_an_unknown_boundary_is_named_with_the_layers_there_are(backbone):
    with pytest.raises(ValueError, match=f"{backbone} has no layer 'conv9'; its layers are image, rescaling"):
        models.freeze_below(models.build(backbone, 32), "conv9")
