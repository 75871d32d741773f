"""What seeds and searches take, against counts and arithmetic by hand."""

import pytest

from lib import params
from lib.paths import NOTEBOOKS
from workflow.bench import cost, scale

PAPER = params.load("paper")
STUDY = {notebook[:2] for name in params.studies() for notebook in params.study(name)["notebooks"]}
"""Notebooks that a plain run leaves out."""

ALWAYS = ("provenance", "report", "reproduce")
"""Jobs without a notebook."""


def jobs(**changes):
    return scale.dag_jobs(PAPER.model_copy(update=changes))


@pytest.fixture(scope="module")
def one_seed():
    return jobs()


def test_a_run_has_a_job_a_notebook_a_row_and_a_network_and_every_other_seed_a_job_a_row(one_seed):
    once = {path.stem[:2] for path in NOTEBOOKS.glob("[0-9]*.ipynb")} - {"03", "04"} - STUDY
    assert one_seed == len(once) + len(PAPER.experiments) + len(["covidnet"]) + len(ALWAYS) == 29
    assert jobs(seeds=[1, 2, 3, 4, 5]) - one_seed == 4 * 11


def test_a_trial_is_one_job_more(one_seed):
    alone = jobs(experiments=["RN3"])
    assert alone == one_seed - len(PAPER.experiments) + 1 - len(["covidnet"]) - len(["06", "07", "08", "09"])
    assert jobs(experiments=["RN3", "RN1"]) == alone + 1


@pytest.mark.parametrize(
    ("backbone", "first", "values"),
    [
        ("resnet50v2", "logits", 2048),  # RN3: the pooled features
        ("resnet50v2", "conv4_block6_3_conv", 7 * 7 * (256 + 1024)),  # RN4: the block's last input, and its shortcut
        ("covidnet", "logits", 1024),  # CN1: the second fully connected layer's units
        ("covidnet", "fc1", 7 * 7 * 2048),  # CN2: the last stage's output
    ],
)
def test_stored_bytes_by_hand(backbone, first, values):
    assert scale.activation_bytes(cost.read_network(backbone, 224), first, 3) == 3 * 4 * values


def test_trials_share_the_store_and_nothing_else():
    """Three fine-tuned trials after one linear stage, on one training image of five."""
    chest, skin = cost.Sizes(train=1, validation=0, test=4), cost.Sizes(0, 0, 7)
    found = scale.scaled_cost(PAPER, {"RN3": 1, "RN4": 3}, chest, skin, teraflops=1, utilisation=1)
    assert found["prepared"] == 224 * 224 * (5 + 3 * 7)
    assert found["activations"] == 5 * 4 * (2048 + 49 * 1280)
    weights = 23_564_800 + 3 * 2048 + 3  # Keras's documented ResNet50V2 without its top, and three classes
    assert found["networks"] == 4 * 4 * weights
    below, above = cost.macs(cost.read_network("resnet50v2", 224), "logits")
    low, high = cost.macs(cost.read_network("resnet50v2", 224), "conv4_block6_3_conv")
    macs = (below + 30 * 3 * above) + (low + 3 * 10 * 3 * high)
    assert found["hours"] == pytest.approx(2 * macs / 1e12 / 3600)


def test_seeds_share_the_pretraining_of_the_rows_that_have_one():
    sizes = cost.Sizes(1, 0), cost.Sizes(2, 0)
    device = {"teraflops": 1, "utilisation": 1}
    one, two = (scale.scaled_cost(PAPER, {"CN1": times}, *sizes, **device)["hours"] for times in (1, 2))
    _, above = cost.macs(cost.read_network("covidnet", 224), "logits")
    assert two - one == pytest.approx(2 * 30 * 3 * above / 1e12 / 3600, rel=1e-3)
    assert one > 1e4 * (two - one), "one pretraining, of 30 epochs of the whole network"
