from types import SimpleNamespace

import pytest

from lib.paths import Paths


@pytest.mark.parametrize(
    ("backbone", "readings", "name"),
    [
        ("covidnet", ("as_published",) * 3, "covidnet-as_published"),
        ("covidnet", ("as_described",) * 3, "covidnet-as_described"),
        (
            "covidnet",
            ("as_described", "as_published", "as_described"),
            "covidnet-as_described-as_published-as_described",
        ),
        ("resnet50v2", ("as_published",) * 3, "resnet50v2"),
        ("resnet50v2", ("as_described",) * 3, "resnet50v2"),
    ],
)
def test_a_pretrained_network_is_named_after_all_that_makes_it_another(backbone, readings, name):
    """Weights of another reading would fit: their shapes are the same."""
    of = dict(zip(("pepx", "shortcuts", "classifier_l2"), readings, strict=True))
    found = Paths("demo").pretrained(SimpleNamespace(backbone=backbone, **of))
    assert found.relative_to(Paths("demo").results).as_posix() == f"pretraining/{name}.keras"
