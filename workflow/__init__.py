FRONT = "COMPANION_FRONT"
"""Environment variable with the process id of the front door, without which its steps have nobody to work for."""

STARTED, DONE = "starts", "done in "
"""What is printed of a notebook first, and how its last line begins."""


def labelled(step: str) -> str:
    """The name of an executed notebook as the terminal shows it: 04-RN6 for 04_experiment-RN6."""
    return step.replace("_experiment", "").replace("_pretraining", "")
