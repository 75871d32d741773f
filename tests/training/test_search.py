import json

import numpy as np
import pytest

from lib.params import ParameterError
from lib.training.search import draw_trials

SPACE = {
    "RN3": {"learning_rate": [1e-5, 0.1]},
    "RN4": {"fine_tuning_learning_rate": [1e-6, 0.01], "fine_tuning_start": ["first", "second"]},
}


def test_trials_are_drawn_within_their_ranges_evenly_over_the_decades():
    trials = draw_trials(SPACE, 400, seed=1)
    assert list(trials)[:2] == ["RN3-trial_001", "RN3-trial_002"]
    assert len(trials) == 800
    rates = np.log10([of["learning_rate"] for name, of in trials.items() if name.startswith("RN3")])
    assert rates.min() >= -5
    assert rates.max() <= -1
    counts, _ = np.histogram(rates, bins=4, range=(-5, -1))
    assert counts.min() > 70, "100 expected in each decade"
    starts = [of["fine_tuning_start"] for name, of in trials.items() if name.startswith("RN4")]
    assert 150 < starts.count("first") < 250
    assert json.loads(json.dumps(trials)) == trials, "nothing of NumPy's"


def test_more_trials_keep_the_first_and_another_seed_draws_others():
    few = draw_trials(SPACE, 3, seed=1)
    assert few.items() <= draw_trials(SPACE, 5, seed=1).items()
    assert few != draw_trials(SPACE, 3, seed=2)


@pytest.mark.parametrize("values", [[0.1, 0.1], [0.1, 0.01], [0.0, 1.0], [-1.0, 1.0], [0.1], [], 0.1, [1, "a"], [1, 2]])
def test_an_empty_range_is_refused(values):
    with pytest.raises(ParameterError, match=r"space: RN3: l2: found .*, expected \[lowest, highest\]"):
        draw_trials({"RN3": {"learning_rate": [0.1, 1.0], "l2": values}}, 2, seed=1)


def test_a_row_without_a_range_is_refused():
    with pytest.raises(ParameterError, match=r"space: RN4: .*expected one range at least"):
        draw_trials({"RN4": {"fine_tuning_start": ["fc1", "fc2"]}}, 2, seed=1)
