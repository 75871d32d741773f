"""Random search (Bergstra and Bengio, JMLR 2012): what a trial sets is drawn, each trial on its own."""

from typing import Any

from scipy.stats import loguniform
from sklearn.model_selection import ParameterSampler

from lib.params import TRIAL, ParameterError, short


def draw_trials(space: dict[str, dict[str, list]], trials: int, seed: int) -> dict[str, dict[str, Any]]:
    """The trials of a search, by name, and what each sets: `RN3-trial_001` is a variant of row RN3.

    Args:
        space: row -> parameter -> [lowest, highest] of numbers above 0, drawn evenly on a logarithmic axis and rounded
            to three digits, or names to choose from. Of each row, one parameter at least has a range.
        trials: of each row; a larger number keeps the trials of a smaller one.
        seed: of the drawing.

    Raises:
        lib.params.ParameterError: a range is empty or none, or a row has none.
    """
    found = {}
    for row, searched in space.items():
        drawn_from = {key: _distribution(f"{row}: {key}", values) for key, values in searched.items()}
        if all(isinstance(one, list) for one in drawn_from.values()):  # drawn otherwise: more would change the first
            raise ParameterError(f"space: {row}: found {short(searched)}, expected one range at least")
        for number, drawn in enumerate(ParameterSampler(drawn_from, trials, random_state=seed), start=1):
            # NumPy's numbers and text are not JSON's
            values = {key: str(one) if isinstance(one, str) else float(f"{one:.3g}") for key, one in drawn.items()}
            found[f"{row}{TRIAL}{number:03}"] = values
    return found


def _distribution(where: str, values: Any) -> Any:
    """What scikit-learn draws from: a list of names, or the distribution of a range."""
    if isinstance(values, list) and values:
        if all(isinstance(one, str) for one in values):
            return values
        if [type(one) for one in values] == [float, float] and 0 < values[0] < values[1]:
            return loguniform(*values)
    expected = "expected [lowest, highest], decimal numbers with 0 < lowest < highest, or names"
    raise ParameterError(f"space: {where}: found {short(values)}, {expected}")
