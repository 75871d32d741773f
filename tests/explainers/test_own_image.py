"""A person's own image: read, compared with the training images, and refused with a clear message where unusable."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib.explainers import own_image as own


def picture(array, form="PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, form)
    return stream.getvalue()


def grey(seed=0, shape=(80, 100)) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 220, shape, dtype=np.uint8)


def ordinary() -> own.Usual:
    images = np.stack([grey(k, (32, 32, 1)) for k in range(20)])
    index = pd.DataFrame({"width": [100] * 20, "height": [80, 100] * 10})
    validation = pd.DataFrame({"probability": np.linspace(0.5, 1, 21), "correct": [True] * 21})
    return own.usual(images, index, validation)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_pictures_become_what_the_network_takes(form):
    image = own.image_from_bytes(picture(grey(), form), "mine", 32)
    assert image.pixels.shape == (1, 32, 32, 1)
    assert image.pixels.dtype == np.uint8
    assert (image.width, image.height, image.colour) == (100, 80, 0)


def test_dicom_is_read(tmp_path):
    from lib.phantoms import formats

    path = tmp_path / "mine.dcm"
    formats.write_dicom(path, grey(), patient="p", inverted=False, header={})
    image = own.image_from_file(path, 32)
    assert (image.name, image.width, image.height) == ("mine.dcm", 100, 80)


def test_a_usual_image_with_a_sure_prediction_gets_no_warning():
    usual = own.Usual(
        {
            "mean grey level": (100, 160),
            "contrast (standard deviation of the grey levels)": (10, 90),
            "share of dark pixels": (0, 0.1),
            "shorter side in pixels": (60, 120),
            "width divided by height": (0.9, 1.5),
        },
        sure=0.6,
    )
    assert own.warnings(own.image_from_bytes(picture(grey(3)), "mine", 32), usual, 0.9) == []


def test_colour_is_warned_about():
    colours = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
    found = own.warnings(own.image_from_bytes(picture(colours), "cat", 32), ordinary(), 1.0)
    assert found[0].startswith("Not grey")


def test_an_unusual_size_brightness_and_shape_are_each_named():
    found = "\n".join(
        own.warnings(own.image_from_bytes(picture(np.full((20, 300), 250, np.uint8)), "bar", 32), ordinary(), 1.0)
    )
    for words in (
        "mean grey level is 250",
        "contrast",
        "shorter side in pixels is 20",
        "width divided by height is 15",
    ):
        assert words in found


def test_what_the_index_does_not_tell_is_not_compared():
    images, index = np.stack([grey(k, (32, 32, 1)) for k in range(3)]), pd.DataFrame({"image_id": ["a", "b", "c"]})
    found = own.usual(images, index, pd.DataFrame({"probability": [0.5], "correct": [False]}))
    assert len(found.ranges) == 3
    assert found.sure == 1  # no correct prediction: everything is unsure


def test_an_unsure_prediction_is_warned_about_below_the_stated_quantile():
    # the 5 % quantile of 0.5, 0.525, ... 1 is 0.525
    image = own.image_from_bytes(picture(grey()), "mine", 32)
    assert not any("Not confident" in one for one in own.warnings(image, ordinary(), 0.53))
    assert any("Not confident" in one for one in own.warnings(image, ordinary(), 0.52))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello", "mine.txt: no image: neither DICOM nor a format that Pillow knows. Give a PNG, JPEG or DICOM"),
        (b"\x89PNG\r\n", "mine"),
    ],
)
def test_a_bad_file_gets_a_clear_message(data, says):
    with pytest.raises(own.ImageError, match=says):
        own.image_from_bytes(data, "mine.txt", 32)


def test_a_truncated_picture_is_refused():
    data = picture(grey())
    with pytest.raises(own.ImageError, match=r"half\.png"):
        own.image_from_bytes(data[: len(data) // 2], "half.png", 32)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(own.ImageError, match=r"none\.png: cannot be opened .*`example`"):
        own.image_from_file(tmp_path / "none.png", 32)
