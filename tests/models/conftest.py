import pytest

from lib import models


@pytest.fixture(scope="session")
def resnet():
    """ResNet50V2 at the paper's size; for counting and reading only."""
    return models.build("resnet50v2", 224)


@pytest.fixture(scope="session")
def covidnet():
    """COVID-Net as published, but all of it trained, at the paper's size; for counting and reading only."""
    return models.build("covidnet", 224, pepx="as_described")


STARTS = {"resnet50v2": "conv4_block6_3_conv", "covidnet": "fc1"}
"""First layers that RN4 and CN2 train."""


@pytest.fixture
def tiny(request):
    """A fresh network of the requested name at 64 x 64, COVID-Net with two blocks a stage.

    Its batch normalisation follows each batch closely, so that one step shows.
    """
    return models.build(request.param, 64, batch_norm_momentum=0.5, pepx_blocks=(2, 2, 2, 2), seed=3)
