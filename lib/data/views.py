"""Views of a chest X-ray: what of it a network is shown, and what is black, to ask which part carries the answer.

Without lungs are views whose centre is black (Maguolo and Nanni, 2021) or of which only a ring at the border is left.
By the lungs' masks Sadre et al. (2021), and their code, define four: the lungs alone or removed, and so with the box
around each lung.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import ndimage

from lib.data import DataError
from lib.data.load import Dataset
from lib.data.split import SPLITS
from lib.paths import show

CENTRE = 0.8
"""Side of the black rectangle of `centre_black` as a share of the image's: our choice, to cover most lungs."""

RING = 0.06
"""Width of the ring of `border` as a share of the image's side: our choice, to lie outside of most lungs."""

LUNG = 1  # bit of the masks


def centre_black(images: np.ndarray, lungs: np.ndarray | None = None) -> np.ndarray:
    """The images without the rectangle in their middle; as all views (N, S, S, 1) uint8 from the same."""
    return _without_middle(images, round((1 - CENTRE) / 2 * images.shape[1]))


def border(images: np.ndarray, lungs: np.ndarray | None = None) -> np.ndarray:
    """The images' outermost ring alone."""
    return _without_middle(images, max(1, round(RING * images.shape[1])))


def lungs_only(images: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """What lies in `lungs`, (N, S, S) bool, alone."""
    return np.where(lungs[..., None], images, 0).astype(np.uint8)


def lungs_removed(images: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """The images without what lies in the lungs, whose outline stays visible."""
    return np.where(lungs[..., None], 0, images).astype(np.uint8)


def framed(images: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """What lies in the box around either lung, alone."""
    return lungs_only(images, boxes(lungs))


def boxed_out(images: np.ndarray, lungs: np.ndarray) -> np.ndarray:
    """The images without both boxes: neither the lungs nor their outline is left."""
    return lungs_removed(images, boxes(lungs))


BY_MASK = {view.__name__: view for view in (lungs_only, lungs_removed, framed, boxed_out)}
"""Views that need to know where the lungs are."""

VIEWS = {view.__name__: view for view in (centre_black, border)} | BY_MASK
"""All views but `full`, the image as it is."""

WITHOUT_LUNGS = ("centre_black", "border", "lungs_removed", "boxed_out")
"""Views in which no lung is left, or, of those that know no masks, little."""


def _without_middle(images: np.ndarray, edge: int) -> np.ndarray:
    """The images with zeros but for a ring `edge` pixels wide."""
    out = np.array(images, np.uint8)
    out[:, edge:-edge, edge:-edge] = 0
    return out


def two_largest(masks: np.ndarray) -> np.ndarray:
    """(N, S, S) bool: the two largest connected parts of each mask, as in Sadre et al.'s code: specks are no lungs."""
    out = np.zeros(masks.shape, bool)
    for one, mask in zip(out, masks, strict=True):
        parts, count = ndimage.label(mask)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
        one[:] = np.isin(parts, 1 + np.argsort(-sizes, kind="stable")[:2])
    return out


def boxes(masks: np.ndarray) -> np.ndarray:
    """(N, S, S) bool: the box around each connected part of each mask."""
    out = np.zeros(masks.shape, bool)
    for one, mask in zip(out, masks, strict=True):
        for box in ndimage.find_objects(ndimage.label(mask)[0]):
            one[box] = True
    return out


def with_lungs(data: Dataset) -> np.ndarray:
    """(N,) bool: the images of which a mask shows a lung.

    Raises:
        DataError: no masks came with the images.
    """
    listed = data.folder / "masks.csv"
    if not listed.is_file():
        remedy = "put a folder masks/ beside that of the images, a picture of each image's name, or take another view"
        raise DataError(f"{show(listed)}: no such file, since no masks came with these images; {remedy}")
    return (pd.read_csv(listed)["lung"] > 0).to_numpy()


def restricted(data: Dataset, view: str, left_out: str = "") -> Dataset:
    """The dataset with only those images in its splits that a row may use; its pixels are not looked at.

    In a view by the lungs, images without a mask belong to no split. Images of the source `left_out` ("": none) are in
    none but the test set, so that no training has seen it.

    Raises:
        DataError: masks are missing, no image comes from that source, or a split is left without a class.
    """
    kept, why = np.ones(len(data.index), bool), []
    if view in BY_MASK:
        kept, why = with_lungs(data), [f"view {view}, with a mask of the lungs"]
    if left_out:
        there = sorted(data.index["source"].unique())
        if left_out not in there:
            raise DataError(f"left_out: found '{left_out}', expected a source of these images: {', '.join(there)}")
        kept = kept & ((data.index["source"] != left_out) | (data.index["split"] == "test")).to_numpy()
        why.append(f"{left_out} left out")
    index = data.index.assign(split=data.index["split"].where(kept, ""))
    found = set(zip(index["split"], index["label"], strict=True))
    holes = [f"{split} has none of {name}" for split in SPLITS for name in data.classes if (split, name) not in found]
    if why and holes:
        raise DataError(f"{show(data.folder)} ({', '.join(why)}): {'; '.join(holes)}")
    return replace(data, index=index) if why else data


def shown(data: Dataset, view: str, left_out: str = "") -> Dataset:
    """The `restricted` dataset with its images as the view, "full" or a name of `VIEWS`, shows them."""
    data = restricted(data, view, left_out)
    if view == "full":
        return data
    lungs = two_largest((np.asarray(data.masks) & LUNG) > 0) if view in BY_MASK else None
    return replace(data, images=VIEWS[view](np.asarray(data.images), lungs))
