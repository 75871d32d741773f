"""Activations at the freezing boundary, computed once and stored.

Layers below the boundary change nothing while the layers above it are trained, so their output for an image is the same
in every epoch. It is stored as one array a crossing tensor, under a key of everything that it depends on, and shared by
every experiment and run with the same key, also by several at once: one computes, the others wait and read.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path

import keras
import numpy as np
from filelock import FileLock

from lib import files, hardware
from lib.training.batches import Examples, FromPixels

log = logging.getLogger(__name__)

LARGEST = 100e9
"""Bytes that a store may hold: our choice, about ten times what the paper's rows leave by their tensors' shapes."""


def stored_activations(frozen: keras.Model, images: Examples, folder: Path, batch_size: int) -> list[np.ndarray]:
    """The boundary's activations for all rows of `images`, read from the store or computed into it.

    Args:
        frozen: the part below the boundary, as `lib.models.split_at` gives it.
        images: all images of a data set, in order (`positions` = 0..N-1).
        folder: the store; an entry a key.
        batch_size: images a step while computing.

    Returns:
        A memory-mapped (N, ...) array for each tensor that crosses the boundary. An entry that is damaged is computed
        anew. If the disk is full, the arrays are computed in memory instead.
    """
    entry = Path(folder) / key(frozen, images)
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(entry.with_name(f".{entry.name}.lock")):
            found = _read(entry, len(frozen.outputs))
            if found is None:
                _compute(frozen, images, entry, batch_size)
                found = _read(entry, len(frozen.outputs))
        _make_room(entry)
    except OSError as error:
        log.warning("activations not stored in %s (%s); kept in memory", entry, error)
        return [np.concatenate(parts) for parts in zip(*_batches(frozen, images, batch_size), strict=True)]
    if found is None:
        raise RuntimeError(
            f"{entry} differs from what was just written; the disk is failing: set cache_activations: false"
        )
    return found


def key(frozen: keras.Model, images: Examples) -> str:
    """SHA-256 of weights, layers' settings, pixels, library versions and CPU/GPU: all that activations depend on."""
    digest = hashlib.sha256()
    digest.update(_without_names(frozen).encode())
    for variable in frozen.weights:
        digest.update(np.ascontiguousarray(variable.numpy()).tobytes())
    for array in images.arrays:
        digest.update(str((array.dtype, array.shape)).encode())
        for start in range(0, len(array), 256):
            digest.update(np.ascontiguousarray(array[start : start + 256]).tobytes())
    digest.update(json.dumps(hardware.describe(), sort_keys=True).encode())
    return digest.hexdigest()[:32]


def _without_names(model: keras.Model) -> str:
    """The model's configuration with layers numbered: Keras numbers unnamed layers anew for every network it builds."""
    text = model.to_json()
    for number, layer in enumerate([model, *model.layers]):
        text = text.replace(f'"{layer.name}"', f'"#{number}"')
    return text


def _batches(frozen: keras.Model, images: Examples, batch_size: int):
    network = FromPixels(frozen)
    for (inputs,) in images.ordered(batch_size):
        outputs = network.predict_on_batch(inputs)
        yield [np.asarray(output, np.float32) for output in (outputs if isinstance(outputs, list) else [outputs])]


def _compute(frozen: keras.Model, images: Examples, entry: Path, batch_size: int) -> None:
    """Writes the arrays into a temporary folder beside `entry` and renames it."""
    shapes = [(len(images), *tensor.shape[1:]) for tensor in frozen.outputs]
    needed = sum(4 * int(np.prod(shape)) for shape in shapes)
    free = shutil.disk_usage(entry.parent).free
    if free < needed * 1.02:
        raise OSError(f"{needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free")
    temporary = Path(tempfile.mkdtemp(dir=entry.parent, prefix=".", suffix=".part"))
    try:
        names = _names(len(shapes))
        arrays = [
            files.new_array(temporary / name, np.float32, shape) for name, shape in zip(names, shapes, strict=True)
        ]
        start = 0
        for outputs in _batches(frozen, images, batch_size):
            for array, output in zip(arrays, outputs, strict=True):
                array[start : start + len(output)] = output
            start += len(outputs[0])
        for array in arrays:
            array.flush()
        checksums = {name: files.sha256(temporary / name) for name in names}
        (temporary / "complete.json").write_text(json.dumps(checksums))
        if entry.exists():
            shutil.rmtree(entry)
        temporary.rename(entry)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _names(tensors: int) -> list[str]:
    return [f"activation_{number}.npy" for number in range(tensors)]


def _read(entry: Path, tensors: int) -> list[np.ndarray] | None:
    """The stored arrays of so many tensors, or None where the entry is missing, incomplete or damaged."""
    if not entry.exists():
        return None
    try:
        checksums = json.loads((entry / "complete.json").read_text())
        if checksums == {name: files.sha256(entry / name) for name in _names(tensors)}:
            os.utime(entry / "complete.json")  # when it was used last
            return [np.load(entry / name, mmap_mode="r") for name in _names(tensors)]
    except (OSError, ValueError):
        pass
    log.warning("%s: damaged or incomplete; computed anew", entry)
    return None


def _make_room(used: Path) -> None:
    """Deletes other entries, first those that were used longest ago, until the store is no larger than `LARGEST`.

    Who has an entry open keeps its bytes (as Unix does), and who comes later computes it anew.
    """
    found = []
    for entry in used.parent.glob("[!.]*/"):
        last = entry / "complete.json"
        size = sum(path.stat().st_size for path in entry.iterdir())
        found.append((entry == used, last.stat().st_mtime_ns if last.is_file() else 0, size, entry))
    excess = sum(size for *_, size, _ in found) - LARGEST
    for mine, _, size, entry in sorted(found):
        if excess <= 0 or mine:
            return
        log.info("%s: deleted, used longest ago of a store of more than %.0f GB", entry, LARGEST / 1e9)
        shutil.rmtree(entry, ignore_errors=True)
        excess -= size
