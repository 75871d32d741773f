import itertools

import numpy as np
import pandas as pd
import pytest

from lib.data.labels import CHEST_CLASSES
from lib.data.load import Dataset
from lib.figures import data as figures


@pytest.fixture
def chest(tmp_path):
    """24 images of three classes from two sources."""
    rng = np.random.default_rng(0)
    index = pd.DataFrame(
        {
            "image_id": [f"i{i}" for i in range(24)],
            "group_id": [f"g{i}" for i in range(24)],
            "source": ["cohen", "rsna"] * 12,
            "label": np.repeat(CHEST_CLASSES, 8),
            "split": ["train"] * 4 + ["validation", "test"] * 2 + (["train"] * 5 + ["validation", "test", "test"]) * 2,
            "width": 40,
            "height": range(30, 54),
        }
    )
    return Dataset(tmp_path, index, rng.integers(0, 256, (24, 8, 8, 1), dtype=np.uint8), CHEST_CLASSES)


def test_figure_1_shows_the_image_alone_and_keeps_colours(chest):
    figure = figures.figure_1(chest.images[0])
    (axis,) = figure.axes
    assert np.array_equal(axis.images[0].get_array(), chest.images[0, :, :, 0])
    assert axis.images[0].get_clim() == (0, 255)
    assert not axis.axison
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert np.array_equal(figures.figure_1(image).axes[0].images[0].get_array(), image)


def test_figure_2_is_grouped_bars_of_the_counts_on_a_log_axis(chest):
    figure = figures.figure_2(chest.index, chest.classes, "COVIDx")
    (axis,) = figure.axes
    assert axis.get_yscale() == "log"
    heights = [[bar.get_height() for bar in bars] for bars in axis.containers]
    assert heights == [[4, 5, 5], [2, 1, 1], [2, 2, 2]]  # as counted in `chest`
    assert [text.get_text() for text in axis.get_xticklabels()] == ["COVID-19", "Normal", "Pneumonia"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Training", "Validation", "Test"]
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bars in axis.containers for bar in bars)
    assert all(left[1] <= right[0] + 1e-9 for left, right in itertools.pairwise(spans))  # no bar hides another


def pair(one, other):
    """A line of the table of duplicates."""
    line = {"image_id_a": one, "image_id_b": other, "kind": "near", "bits": 3, "same_group": False}
    line |= {"label_a": "covid-19", "label_b": "normal", "split_a": "train", "split_b": "test"}
    return pd.DataFrame([line])


def test_every_exploration_figure_is_drawn(chest):
    for figure in (
        figures.class_gallery(chest),
        figures.class_by_source(chest.index),
        figures.sizes(chest.index),
        figures.intensity(chest.index.assign(mean=range(24), contrast=1.0)),
        figures.mean_images(chest, by="source"),
        figures.mean_images(chest, by="label"),
        figures.duplicate_pairs(chest, pair("i0", "i9")),
    ):
        figure.canvas.draw()  # texts and layouts that cannot be drawn fail here


def test_the_pairs_that_are_shown_are_the_pairs_that_were_found(chest):
    upper, lower = figures.duplicate_pairs(chest, pair("i2", "i7")).axes
    assert np.array_equal(upper.images[0].get_array(), chest.images[2, :, :, 0])
    assert np.array_equal(lower.images[0].get_array(), chest.images[7, :, :, 0])
    assert "i2" in upper.get_title()
    assert "test" in lower.get_title()


def test_a_row_of_the_gallery_takes_both_ends_of_its_class_and_no_image_twice(chest):
    figure = figures.class_gallery(chest, columns=3)
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    positions = [0, 2, 3, 8, 10, 12, 16, 18, 20]  # the training images are 0 to 3, 8 to 12 and 16 to 20
    assert all(np.array_equal(one, chest.images[at, :, :, 0]) for one, at in zip(shown, positions, strict=True))
    figure = figures.class_gallery(chest, columns=6)  # each image once where a class has few
    assert [sum(bool(axes.images) for axes in row) for row in np.reshape(figure.axes, (3, -1))] == [4, 5, 5]
