import numpy as np
import pandas as pd
import pytest

from lib.data import DataError, load, views

# Two lungs of 3 x 2 and 2 x 2 pixels, the first without a corner, and a speck
MASK = np.zeros((10, 10), bool)
MASK[2:5, 2:4] = MASK[3:5, 6:8] = MASK[8, 8] = True
MASK[2, 2] = False
LUNGS = MASK.copy()
LUNGS[8, 8] = False
IMAGE = np.arange(100, 200, dtype=np.uint8).reshape(1, 10, 10, 1)


def left(view):
    return (views.VIEWS[view](IMAGE, LUNGS[None]) > 0)[0, ..., 0]


def test_specks_beside_the_two_largest_parts_of_a_mask_are_no_lungs():
    assert (views.two_largest(MASK[None])[0] == LUNGS).all()


def test_views_by_the_lungs_leave_what_sadre_et_al_leave():
    box = np.zeros((10, 10), bool)
    box[2:5, 2:4] = box[3:5, 6:8] = True
    for view, expected in {"lungs_only": LUNGS, "lungs_removed": ~LUNGS, "framed": box, "boxed_out": ~box}.items():
        assert (left(view) == expected).all(), view


def test_views_without_masks_leave_a_ring():
    ring = np.ones((10, 10), bool)
    ring[1:-1, 1:-1] = False
    assert (left("border") == ring).all()
    assert (left("centre_black") == ring).all()
    wide = views.centre_black(np.ones((1, 64, 64, 1), np.uint8))[0, ..., 0]
    assert wide[:6].all()
    assert wide[:, -6:].all()
    assert not wide[6:58, 6:58].any()


@pytest.mark.parametrize("view", list(views.VIEWS))
def test_what_a_view_leaves_is_unchanged_and_the_image_too(view):
    before = IMAGE.copy()
    shown = views.VIEWS[view](IMAGE, LUNGS[None])
    assert shown.dtype == np.uint8
    assert shown.shape == IMAGE.shape
    assert (shown[shown > 0] == IMAGE[shown > 0]).all()
    assert (before == IMAGE).all()


@pytest.fixture
def dataset(tmp_path):
    """Two images a class and split, the second ones of another source; a mask for all but one of training."""
    rows = [(f"{split}-{label}-{n}", split, label, f"s{n}") for split in ("train", "validation", "test")
            for label in ("covid-19", "normal", "pneumonia") for n in (0, 1)]  # fmt: skip
    index = pd.DataFrame(rows, columns=["image_id", "split", "label", "source"])
    images = np.full((len(index), 10, 10, 1), 9, np.uint8)
    masks = np.repeat(MASK[None].astype(np.uint8), len(index), axis=0)
    masks[0] = 0
    np.save(tmp_path / "masks.npy", masks)
    index[["image_id"]].assign(lung=masks.mean(axis=(1, 2)), problem="").to_csv(tmp_path / "masks.csv", index=False)
    return load.Dataset(tmp_path, index, images, ("covid-19", "normal", "pneumonia"))


def test_an_image_without_a_mask_belongs_to_no_split_of_a_view_by_the_lungs(dataset):
    assert len(views.shown(dataset, "border").part("train").positions) == 6
    assert views.shown(dataset, "framed").part("train").positions.tolist() == [1, 2, 3, 4, 5]
    assert views.shown(dataset, "full") is dataset


def test_a_source_that_is_left_out_stays_in_the_test_set_alone(dataset):
    seen = views.shown(dataset, "full", "s1")
    assert {split: set(seen.part(split).index["source"]) for split in ("train", "validation", "test")} == {
        "train": {"s0"}, "validation": {"s0"}, "test": {"s0", "s1"}}  # fmt: skip
    assert set(dataset.part("train").index["source"]) == {"s0", "s1"}


def test_a_row_that_would_miss_a_class_is_refused_with_what_is_missing(dataset):
    with pytest.raises(DataError, match="left_out: found 'moon', expected a source of these images: s0, s1"):
        views.restricted(dataset, "full", "moon")
    with pytest.raises(DataError, match=r"view framed, .*, s1 left out\): train has none of covid-19"):
        views.restricted(dataset, "framed", "s1")
    (dataset.folder / "masks.csv").unlink()
    with pytest.raises(DataError, match="no masks came with these images; put a folder masks/"):
        views.restricted(dataset, "lungs_only")
