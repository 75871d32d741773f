"""What m changes: the rows and the verdict of notebook 07."""

import numpy as np
import pandas as pd
import pytest

from lib.explainers import steps
from lib.explainers.explain import Explainer
from tests.explainers import networks


def test_only_divisors_of_the_finest_are_tried():
    assert steps.divisors(200, 50) == [5, 10, 20, 25, 50, 100, 200]
    assert steps.divisors(1000, 40) == [5, 10, 20, 25, 40, 50, 100, 200, 250, 500, 1000]
    with pytest.raises(ValueError, match="found 30, expected a divisor of ig_steps_reference, 200"):
        steps.divisors(200, 30)


def test_rows_hold_every_image_and_m_and_the_finest_agrees_with_itself():
    explainer = Explainer(networks.convolutional(), "maps", steps=100)
    table = steps.rows(explainer, networks.images(3, 16), [0, 1, 2], [5, 100])
    assert table[["image", "steps"]].to_numpy().tolist() == [[k, m] for m in (5, 100) for k in range(3)]
    np.testing.assert_allclose(table[table.steps == 100].rank_correlation, 1)
    errors = table.groupby("steps").completeness_error.mean()
    assert errors[100] < errors[5]


def table(rise: float) -> pd.DataFrame:
    rows = [
        ("RN4", f"i{k}", m, 0.01, 0.99, 0.2 + 0.01 * (k % 3) + (rise if m == 200 else 0))
        for k in range(12)
        for m in (50, 200)
    ]
    columns = ["experiment", "image_id", "steps", "completeness_error", "rank_correlation", "agreement"]
    return pd.DataFrame(rows, columns=columns)


GROUPS = {f"i{k}": f"p{k}" for k in range(12)}


@pytest.mark.parametrize(("rise", "supported"), [(0.4, True), (0.01, False), (0, False), (-0.3, False)])
def test_the_suspicion_needs_a_rise_that_closes_the_gap(rise, supported):
    found = steps.verdict(table(rise), 50, GROUPS, 200)
    assert found["supported"] is supported
    assert found["networks"]["RN4"]["change"] == pytest.approx(rise)
    assert ("is supported" in found["sentence"]) is supported


def test_a_rise_that_the_interval_does_not_separate_from_zero_is_no_support():
    values = table(0.4)
    values.loc[(values.steps == 200) & values.image_id.isin([f"i{k}" for k in range(5)]), "agreement"] -= 0.7
    assert not steps.verdict(values, 50, GROUPS, 500)["supported"]
