"""What a stage needs to go on after an interruption: variables, optimiser, history, best weights so far."""

import hashlib
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lib.files import replacing


def changing_variables(model: keras.Model) -> list[keras.Variable]:
    """The variables that training may change: those of trainable layers, batch normalisation's statistics included."""
    seen, variables = set(), []
    for layer in model.layers:
        for variable in layer.variables if layer.trainable else []:
            if id(variable) not in seen:
                seen.add(id(variable))
                variables.append(variable)
    return variables


def fingerprint(model: keras.Model, **settings: Any) -> str:
    """Names the work that a checkpoint belongs to: first weights, examples, settings. Equal work, equal name."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode())
    for variable in model.weights:
        digest.update(variable.numpy().tobytes())
    return digest.hexdigest()[:16]


class Checkpoint:
    """A stage's state after its last finished epoch, in one file that is replaced as a whole.

    Args:
        folder: where the file lies; nothing else writes there.
        name: fingerprint of the work; a file of other work is not used.
    """

    def __init__(self, folder: Path, name: str):
        self.file = Path(folder) / f"checkpoint-{name}.npy"

    def save(self, model: keras.Model, optimizer, history: list[dict[str, Any]], best: list[np.ndarray]) -> None:
        """Replaces the file: one array after the other, without the checksums and copies of an archive.

        Writing is a large part of what a short epoch of a large network takes.
        """
        variables = [*changing_variables(model), *optimizer.variables]
        with replacing(self.file) as temporary, temporary.open("wb") as file:
            np.save(file, np.array(json.dumps(history)))
            for array in (*(variable.numpy() for variable in variables), *best):
                np.save(file, array)

    def load(self, model: keras.Model, optimizer) -> tuple[list[dict[str, Any]], list[np.ndarray]] | None:
        """Sets model and optimiser to the stored state; returns (history, best weights), or None if there is none."""
        if not self.file.is_file():
            return None
        changing = changing_variables(model)
        with self.file.open("rb") as file:
            history = json.loads(str(np.load(file)))
            for variable in (*changing, *optimizer.variables):
                variable.assign(np.load(file))
            best = [np.load(file) for _ in changing]
        return history, best

    def remove(self) -> None:
        """Deletes the file; call it once the stage's result is safely written elsewhere."""
        self.file.unlink(missing_ok=True)
