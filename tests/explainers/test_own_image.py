"""A person's own image: read, compared with the training images, and refused with a clear message where unusable."""

import io
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib import files, phantoms
from lib.explainers import own_image as own
from lib.phantoms import formats
from tests.explainers import networks


def picture(array) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def grey(seed=0, shape=(80, 100)) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 220, shape, dtype=np.uint8)


def smooth(seed=0, shape=(80, 100)) -> np.ndarray:
    """A picture of something: a bright blob on a dim slope, with a little noise, at a random place."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]] / max(shape)
    blob = np.exp(-20 * ((x - generator.uniform(0.3, 0.7)) ** 2 + (y - generator.uniform(0.3, 0.6)) ** 2))
    return (60 + 40 * x + 100 * blob + generator.normal(0, 3, shape)).clip(0, 255).astype(np.uint8)


def read(array) -> own.OwnImage:
    return own.image_from_bytes(picture(array), "mine", 32)


def usual(known: list[own.OwnImage]) -> pd.DataFrame:
    """The usual ranges of pictures whose distances go from 1 to 2."""
    sizes = pd.DataFrame({"width": [one.width for one in known], "height": [one.height for one in known]})
    pixels = np.concatenate([one.pixels for one in known])
    return own.usual(own.appearance(pixels, sizes, np.linspace(1, 2, len(known))))


@cache
def ordinary() -> pd.DataFrame:
    """The usual ranges of forty pictures."""
    return usual([read(smooth(k, (80 + 20 * (k % 2), 100))) for k in range(40)])


def reasons(array, distance=1.5) -> str:
    """Why a picture is not to be interpreted beside the `ordinary` ones."""
    return "\n".join(own.unlike(read(array), distance, ordinary()))


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


def test_a_usual_image_is_not_refused():
    assert not any(reasons(smooth(seed)) for seed in range(40, 80))


def test_phantoms_that_were_not_compared_with_are_not_refused_and_noise_like_each_is():
    shots = [shot for shot in phantoms.sources.planned_shots(120, seed=1) if shot.view == "frontal"]
    films = [read(phantoms.draw_chest(shot, 96, seed=1, marker=0)[0]) for shot in shots]
    ranges, fresh = usual(films[::2]), films[1::2]
    refused = [bool(own.unlike(one, 1.5, ranges)) for one in fresh]
    assert np.mean(refused) <= 0.05
    generator = np.random.default_rng(0)
    for one in fresh:
        film = one.pixels[0, ..., 0]
        noise = generator.normal(film.mean(), film.std(), film.shape).clip(0, 255).astype(np.uint8)
        assert "correlation of neighbouring pixels" in " ".join(own.unlike(read(noise), 1.5, ranges))


def test_noise_is_refused_whatever_its_mean_and_contrast():
    generator = np.random.default_rng(0)
    twin = smooth(3)
    matched = generator.normal(twin.mean(), twin.std(), twin.shape).clip(0, 255).astype(np.uint8)
    for noise in (generator.integers(0, 256, (80, 100), dtype=np.uint8), matched):
        assert "correlation of neighbouring pixels" in reasons(noise)
    shuffled = generator.permutation(twin.ravel()).reshape(twin.shape)  # its very grey levels
    assert "correlation of neighbouring pixels" in reasons(shuffled)


def test_a_constant_image_and_a_gradient_are_refused():
    assert "contrast" in reasons(np.full((80, 100), 120, np.uint8))
    assert reasons(np.tile(np.linspace(0, 255, 100).astype(np.uint8), (80, 1)))


def test_an_image_far_from_all_training_images_in_the_networks_features_is_refused():
    assert "network's features is 2.5" in reasons(smooth(), distance=2.5)
    assert not reasons(smooth(), distance=2.2)  # less than a quarter of the range above it
    assert not reasons(smooth(), distance=0)  # a training image itself


def test_colour_is_refused():
    assert "coloured" in reasons(np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8))


def test_an_unusual_size_brightness_and_shape_are_each_named():
    found = reasons(np.full((20, 300), 250, np.uint8))
    for words in ("mean grey level is 250", "up to the network's is 20", "width divided by height is 15", "contrast"):
        assert words in found


def test_a_larger_image_of_the_usual_shape_is_as_good():
    assert not reasons(smooth(0, (160, 200)))


def test_what_the_index_does_not_tell_is_not_compared():
    images = np.stack([smooth(k, (32, 32)) for k in range(3)])[..., None]
    found = own.appearance(images, pd.DataFrame({"image_id": ["a", "b", "c"]}), np.full(3, np.nan))
    assert found.shape == (3, 4)


def test_neighbours_correlate_in_a_picture_and_not_in_noise():
    # of 2 x 992 pairs the correlation of noise has a standard deviation of about 1 / sqrt(992) = 0.03
    assert abs(own.neighbours(np.random.default_rng(0).random((32, 32)))) < 0.15
    assert own.neighbours(np.add.outer(np.arange(32.0), np.arange(32.0))) == pytest.approx(1)
    assert own.neighbours(np.zeros((4, 4))) == 1


def test_the_nearest_training_image_is_measured_in_what_the_class_scores_weigh():
    model, images = networks.convolutional(), networks.images(3, 16)
    embed = own.embedder(model)
    features = embed.predict(np.repeat(images, 3, axis=-1), verbose=0)
    kernel, bias = model.get_layer("logits").get_weights()
    probabilities = model.predict(np.repeat(images, 3, axis=-1), verbose=0)
    np.testing.assert_allclose(np.exp(features @ kernel + bias).argmax(axis=1), probabilities.argmax(axis=1))
    np.testing.assert_allclose(own.nearest(features[:1], features), [0], atol=1e-6)
    np.testing.assert_allclose(own.nearest(np.array([[0.0, 0]]), np.array([[3.0, 4], [6, 8]])), [5])


def test_the_refusal_is_a_box_with_its_reasons_escaped():
    found = own.verdict(["its <b>name</b> & more"], 0.99, 0.5)
    assert "border:" in found
    assert "Do not interpret: this image is unlike the training images" in found
    assert "its &lt;b&gt;name&lt;/b&gt; &amp; more" in found
    assert "border:" not in own.verdict([], 0.99, 0.5)


def test_a_prediction_is_unsure_below_the_stated_quantile_and_always_where_none_was_correct():
    # the 5 % quantile of 0.5, 0.525, ... 1 is 0.525
    sure = own.sure_from(pd.DataFrame({"probability": np.linspace(0.5, 1, 21), "correct": [True] * 21}))
    assert "not confident" not in own.verdict([], 0.53, sure)
    assert "not confident" in own.verdict([], 0.52, sure)
    assert own.sure_from(pd.DataFrame({"probability": [0.5], "correct": [False]})) == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello", "mine.txt: no image: neither DICOM nor PNG, JPEG, BMP, TIFF, GIF. Give a PNG, JPEG or DICOM"),
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


def test_the_home_of_nobody_is_no_file():
    with pytest.raises(own.ImageError, match=r"~nobody-here/x\.png: cannot be opened"):
        own.image_from_file("~nobody-here/x.png", 32)


def test_the_example_is_the_image_that_was_prepared_and_no_other_of_its_name(tmp_path):
    path = tmp_path / "covidx-lists/images/a.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(picture(grey()))
    rows = [{"label": "covid-19", "file": "covidx-lists/images/a.png", "sha256": files.sha256(path)}]
    data = SimpleNamespace(part=lambda split: SimpleNamespace(index=pd.DataFrame(rows)))
    assert own.example_file(data, None, str(tmp_path)) == path
    path.write_bytes(picture(grey(1)))
    with pytest.raises(
        own.ImageError, match=r"a\.png: found another image than the one that was prepared; prepare the"
    ):
        own.example_file(data, None, str(tmp_path))
