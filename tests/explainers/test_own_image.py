"""A person's own image: read, compared with the training images, and refused with a clear message where unusable."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib.explainers import own_image as own
from lib.phantoms import formats


def picture(array) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def grey(seed=0, shape=(80, 100)) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 220, shape, dtype=np.uint8)


def warned(array, probability=1.0, ranges=None) -> list[str]:
    """What is said of a picture beside twenty of 100 x 80 or 100 x 100 pixels, where 0.525 is sure."""
    index = pd.DataFrame({"width": [100] * 20, "height": [80, 100] * 10})
    ranges = own.usual(np.stack([grey(k, (32, 32, 1)) for k in range(20)]), index) if ranges is None else ranges
    # the 5 % quantile of 0.5, 0.525, ... 1 is 0.525
    sure = own.sure_from(pd.DataFrame({"probability": np.linspace(0.5, 1, 21), "correct": [True] * 21}))
    return own.warnings(own.image_from_bytes(picture(array), "mine", 32), ranges, sure, probability)


def save_dicom(image, path):
    formats.write_dicom(path, np.asarray(image), patient="p", inverted=False, header={})


@pytest.mark.parametrize(
    ("name", "save"), [("mine.png", Image.Image.save), ("mine.jpg", Image.Image.save), ("mine.dcm", save_dicom)]
)
def test_files_become_what_the_network_takes(tmp_path, name, save):
    save(Image.fromarray(grey()), tmp_path / name)
    image = own.image_from_file(tmp_path / name, 32)
    assert (image.pixels.shape, image.pixels.dtype) == ((1, 32, 32, 1), np.uint8)
    assert (image.name, image.width, image.height, image.colour) == (name, 100, 80, 0)


def test_a_usual_image_with_a_sure_prediction_gets_no_warning():
    usual = {
        "mean grey level": (100, 160),
        "contrast (standard deviation of the grey levels)": (10, 90),
        "share of dark pixels": (0, 0.1),
        "shorter side in pixels": (60, 120),
        "width divided by height": (0.9, 1.5),
    }
    assert warned(grey(3), ranges=pd.DataFrame(usual)) == []


def test_colour_is_warned_about():
    colours = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    assert warned(colours)[0].startswith("Not grey")


def test_an_unusual_size_brightness_and_shape_are_each_named():
    found = "\n".join(warned(np.full((20, 300), 250, np.uint8)))
    numbers = ("mean grey level is 250", "shorter side in pixels is 20", "width divided by height is 15")
    for words in (*numbers, "contrast"):
        assert words in found


def test_what_the_index_does_not_tell_is_not_compared():
    images, index = np.stack([grey(k, (32, 32, 1)) for k in range(3)]), pd.DataFrame({"image_id": ["a", "b", "c"]})
    assert own.usual(images, index).shape == (2, 3)


def test_a_prediction_is_unsure_below_the_stated_quantile_and_always_where_none_was_correct():
    assert not any("Not confident" in one for one in warned(grey(), 0.53))
    assert any("Not confident" in one for one in warned(grey(), 0.52))
    assert own.sure_from(pd.DataFrame({"probability": [0.5], "correct": [False]})) == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello", "mine.txt: no image: neither DICOM nor a format that Pillow knows. Give a PNG, JPEG or DICOM"),
        (b"\x89PNG\r\n", "mine"),
        (picture(grey())[:3000], "mine"),  # less than half of it
    ],
)
def test_a_bad_file_is_named_with_its_fault_and_what_to_give(data, says):
    with pytest.raises(own.ImageError, match=says):
        own.image_from_bytes(data, "mine.txt", 32)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(own.ImageError, match=r"none\.png: cannot be opened .*`example`"):
        own.image_from_file(tmp_path / "none.png", 32)
