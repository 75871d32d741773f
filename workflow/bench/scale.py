"""What more seeds, or a search, would take: jobs of the DAG, bytes, hours. Counted and modelled, not measured."""

import math
import re
import subprocess

import keras

from lib import models, params
from lib.paths import ROOT
from workflow import front
from workflow.bench import cost

FLOAT32 = 4
"""Bytes of an activation or a weight."""


def dag_jobs(p: params.Params) -> int:
    """Jobs of a run of which nothing is there yet, as Snakemake counts them in a dry run of the Snakefile.

    Args:
        p: the run's parameters, of which its name, `experiments` and `seeds` are asked for.
    """
    changes = {"experiments": p.experiments, "seeds": p.seeds}
    ask = ["--dry-run", "--forceall", "--nolock", "--quiet", "rules"]
    command = front.snakemake_command(p.run, changes, 1, 1, first=[], profile="local", extra=ask)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(re.search(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE)[1])


def activation_bytes(model: keras.Model, first: str, images: int) -> int:
    """Of the float32 tensors that cross the boundary below layer `first`, as lib.training.activations stores them."""
    frozen, _ = models.split_at(model, first)
    return FLOAT32 * images * sum(math.prod(tensor.shape[1:]) for tensor in frozen.outputs)


def scaled_cost(
    p: params.Params, times: dict[str, int], chest: cost.Sizes, skin: cost.Sizes, **device: float
) -> dict[str, float]:
    """Bytes and hours of rows that are trained more than once.

    Args:
        p: the run's parameters.
        times: row -> how often it is trained: its seeds, or the trials of a search that differ in what a stage takes
            (a rate, a penalty) and not in its boundary.
        chest: sizes of the chest data.
        skin: sizes of the skin data.
        device: teraflops and utilisation, as `cost.cost_table` takes them.

    Returns:
        prepared: bytes of both images.npy, uint8 (N, S, S, 1) and (N, S, S, 3); activations: of the store; networks: of
        the weights in every model.keras; hours: of training, pretraining and storing.
    """
    rows = {name: params.load(p.run, name) for name in times}
    built = {name: cost.read_network(row.backbone, p.image_size) for name, row in rows.items()}
    stored = {boundary: name for name, row in rows.items() if (boundary := cost.stored_boundary(row))}
    table = cost.cost_table(p.model_copy(update={"experiments": [*times]}), chest, skin, **device).set_index("id")
    hours, shared = table["our_hours"], table["shared_hours"]
    return {
        "prepared": p.image_size**2 * (chest.images + 3 * skin.images),
        "activations": sum(activation_bytes(built[name], at[-1], chest.images) for at, name in stored.items()),
        "networks": sum(FLOAT32 * network.count_params() * times[name] for name, network in built.items()),
        "hours": shared["all"] + sum((hours[name] - shared[name]) * count for name, count in times.items()),
    }
