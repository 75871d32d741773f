"""Exact and near-duplicate images, found by content: file digests, and 64-bit perceptual hashes by ImageHash."""

import imagehash
import numpy as np
import pandas as pd
from PIL import Image

from lib.data.split import SPLITS

COLUMNS = ["image_id_a", "image_id_b", "kind", "bits", "correlation"]
COLUMNS += [f"{name}_{side}" for name in ("split", "label", "source") for side in "ab"] + ["same_group"]


def perceptual_hashes(images: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """pHash (DCT of the image at 32 x 32, signs of its lowest 8 x 8 frequencies), uint64 (n,).

    It is taken of the n rows `positions` of uint8 `images` (N, S, S, C).
    """
    out = np.empty(len(positions), np.uint64)
    for i, position in enumerate(positions):
        pixels = images[position]
        picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        out[i] = np.packbits(imagehash.phash(picture).hash).view(">u8")[0]
    return out


def close_pairs(hashes: np.ndarray, bits: int, block: int = 512) -> np.ndarray:
    """All pairs of uint64 hashes (n,) that differ in at most `bits` bits; memory grows with block * n only.

    Returns:
        int64 (pairs, 3): first, second, distance; first < second, in that order.
    """
    found = [np.zeros((0, 3), np.int64)]
    for start in range(0, len(hashes), block):
        distance = np.bitwise_count(hashes[start : start + block, None] ^ hashes[None, start:])
        i, j = np.nonzero(np.triu(distance <= bits, k=1))
        found.append(np.stack([i + start, j + start, distance[i, j]], axis=1).astype(np.int64))
    return np.concatenate(found)


def find(index: pd.DataFrame, images: np.ndarray, bits: int) -> pd.DataFrame:
    """Pairs of images that show the same.

    Args:
        index: index rows with sha256; row labels say where in `images` each image lies.
        images: uint8 (N, S, S, C).
        bits: near-duplicates differ in at most so many of 64 hash bits.

    Returns:
        a row a pair, closest first: kind is "same file" (equal SHA-256), "same pixels" (after resizing) or "near";
        correlation is Pearson's, of the pixels at the prepared size; same_group says whether one patient or lesion.
    """
    positions = index.index.to_numpy()
    known = index.to_dict("records")
    rows = []
    for i, j, apart in close_pairs(perceptual_hashes(images, positions), bits):
        a, b = images[positions[i]], images[positions[j]]
        one, other = known[i], known[j]
        equal = bool(np.array_equal(a, b))
        kind = "same file" if one["sha256"] == other["sha256"] else "same pixels" if equal else "near"
        row = {"kind": kind, "bits": int(apart), "correlation": 1.0 if equal else correlation(a, b)}
        row |= {f"{name}_a": value for name, value in one.items()} | {f"{name}_b": v for name, v in other.items()}
        rows.append(row | {"same_group": one["group_id"] == other["group_id"]})
    pairs = pd.DataFrame(rows, columns=COLUMNS)
    pairs["correlation"] = pairs["correlation"].astype(float).round(4)
    order = ["bits", "correlation", "image_id_a", "image_id_b"]
    return pairs.sort_values(order, ascending=[True, False, True, True], ignore_index=True)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation of two images' pixels, -1..1; 0 if one of them is uniform."""
    x, y = a.astype(np.float32).ravel(), b.astype(np.float32).ravel()
    x, y = x - x.mean(), y - y.mean()
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0 else 0.0


def across(pairs: pd.DataFrame, what: str) -> pd.DataFrame:
    """The pairs whose images differ in `what`: "split", "label" or "source"."""
    return pairs[pairs[f"{what}_a"] != pairs[f"{what}_b"]]


def to_drop(index: pd.DataFrame, images: np.ndarray, bits: int) -> pd.Series:
    """The images that must go so that no duplicates lie in two splits; the test set keeps its images, then validation.

    Returns:
        detail text (`near of IMAGE in test`), indexed like the rows of `index` to drop.
    """
    pairs = across(find(index, images, bits), "split")
    row_of = {name: row for row, name in index["image_id"].items()}
    dropped: dict[int, str] = {}
    for pair in pairs.itertuples():
        a, b = (pair.image_id_a, pair.split_a), (pair.image_id_b, pair.split_b)
        (loser, _), (winner, where) = sorted((a, b), key=lambda side: SPLITS.index(side[1]))
        dropped.setdefault(row_of[loser], f"{pair.kind} of {winner} in {where} ({pair.bits} bits)")
    return pd.Series(dropped, dtype=object).sort_index()


def count_kinds(pairs: pd.DataFrame) -> pd.DataFrame:
    """How many pairs there are: a row a kind; columns all, and those across groups, splits, labels and sources."""
    table = pd.DataFrame({"kind": pairs["kind"], "pairs": 1, "across groups": ~pairs["same_group"].astype(bool)})
    for what in ("split", "label", "source"):
        table[f"across {what}s"] = pairs[f"{what}_a"] != pairs[f"{what}_b"]
    kinds = ["same file", "same pixels", "near"]
    return table.groupby("kind").sum().reindex(kinds, fill_value=0).astype(int).reset_index()
