import io

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from lib.data import decode
from lib.data.decode import Unreadable, decode_image

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)  # every grey level once


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def grey(data, size=16):
    return decode_image(data, size, 1)[0][:, :, 0]


def dicom(pixels, *, bits=8, photometric="MONOCHROME2", **tags):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.set_pixel_data(pixels, photometric, bits)
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def written(dataset):
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("stored", "kind", "expected"),
    [
        *((RAMP, kind, RAMP) for kind in ("PNG", "BMP", "TIFF")),
        (RAMP.astype(np.uint16) * 257, "PNG", RAMP),  # 16 bits keep their full range, 0 to 65535
        (RAMP > 127, "PNG", np.where(RAMP > 127, 255, 0)),
    ],
    ids=["PNG", "BMP", "TIFF", "16 bits", "1 bit"],
)
def test_grey_pictures_keep_every_level(stored, kind, expected):
    assert np.array_equal(grey(encoded(Image.fromarray(stored), kind)), expected)


def test_as_published_an_image_is_resized_as_keras_does_unless_told_otherwise(tmp_path):
    """`flow_from_directory` reads with `load_img`, whose default is the nearest neighbour."""
    keras = pytest.importorskip("keras")
    noise = np.random.default_rng(3).integers(0, 256, (50, 70), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), "PNG")
    (tmp_path / "noise.png").write_bytes(data)
    theirs = np.asarray(keras.utils.load_img(tmp_path / "noise.png", color_mode="grayscale", target_size=(16, 16)))
    assert np.array_equal(decode_image(data, 16, 1, "as_published")[0][:, :, 0], theirs)
    assert np.array_equal(decode_image(data, 16, 1, "as_described")[0][:, :, 0], grey(data))
    assert not np.array_equal(grey(data), theirs)


def test_antialiasing_greys_out_stripes_that_the_nearest_neighbour_keeps():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    data = encoded(Image.fromarray(stripes), "PNG")
    described, published = (decode_image(data, 16, 1, reading)[0] for reading in ("as_described", "as_published"))
    assert np.ptp(described[:, 1:-1]) < 10  # at the border the kernel is cut
    assert set(np.unique(published)) <= {0, 255}


def test_a_palette_gives_its_colours():
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    pixels, *_ = decode_image(encoded(image.resize((2, 2)), "PNG"), 2, 3)
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 1].tolist() == [0, 0, 255]


def test_transparent_parts_become_black_and_opaque_ones_stay():
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[..., :3] = 200
    pixels[0, 0, 3] = 255
    assert grey(encoded(Image.fromarray(pixels), "PNG"), 2).tolist() == [[200, 0], [0, 0]]


def test_colour_becomes_luminance():
    pixels = np.full((2, 2, 3), (100, 150, 50), np.uint8)
    # ITU-R BT.601: 0.299 * 100 + 0.587 * 150 + 0.114 * 50 = 123.65
    assert abs(int(grey(encoded(Image.fromarray(pixels), "PNG"), 2)[0, 0]) - 124) <= 1


def test_cmyk_jpeg_is_read_in_colour_and_grey():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # pure red
    data = encoded(image, "JPEG", quality=95)
    red = decode_image(data, 16, 3)[0][8, 8]
    assert red[0] > 200
    assert red[1] < 60
    assert 50 < grey(data)[8, 8] < 110


def test_exif_rotation_is_undone():
    upright = Image.fromarray(np.array([[250, 250], [10, 10]], np.uint8)).resize((32, 32), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned: must be rotated by 90 degrees clockwise to stand upright
    data = encoded(upright.rotate(90), "JPEG", quality=95, exif=exif)
    picture = grey(data)
    assert picture[2].mean() > 200
    assert picture[-3].mean() < 60


@pytest.mark.parametrize(
    ("levels", "tags", "expected"),
    [
        (RAMP, {}, RAMP),
        (RAMP, {"photometric": "MONOCHROME1"}, 255 - RAMP),
        # Without a window, the range that the file can hold
        (np.array([[0, 4095], [2048, 1024]], np.uint16), {"bits": 12}, [[0, 255], [128, 64]]),
        # A linear rescale changes the levels and the ends of the range alike: (v + 2048) / 4095
        (
            np.array([[-2048, 2047], [0, 1024]], np.int16),
            {"bits": 12, "RescaleSlope": 2, "RescaleIntercept": -1000},
            [[0, 255], [128, 191]],
        ),
        # The file's own window reaches from 500 to 1500: below is black, above white, its centre in the middle
        (
            np.array([[0, 1000], [2000, 4095]], np.uint16),
            {"bits": 12, "WindowCenter": 1000, "WindowWidth": 1000},
            [[0, 128], [255, 255]],
        ),
        # An empty value is as good as none, and so is a window that would leave one level
        (RAMP, {"RescaleSlope": None, "RescaleIntercept": None, "WindowCenter": None, "WindowWidth": None}, RAMP),
        (RAMP, {"WindowCenter": 3000, "WindowWidth": 100}, RAMP),
        (np.array([[0, 4095]] * 2, np.uint16), {"bits": 12, "WindowCenter": -99, "WindowWidth": 9}, [[0, 255]] * 2),
    ],
    ids=["8 bits", "inverted", "12 bits", "signed and rescaled", "window", "empty", "outside", "outside 12 bits"],
)
def test_grey_dicom_gives_its_levels(levels, tags, expected):
    assert np.array_equal(grey(written(dicom(levels, **tags)), len(levels)), expected)


def test_colour_dicom_is_read():
    pixels = np.full((4, 4, 3), (200, 100, 50), np.uint8)
    assert decode_image(written(dicom(pixels, photometric="RGB")), 4, 3)[0][0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize("syntax", [pydicom.uid.RLELossless, pydicom.uid.JPEG2000Lossless], ids=["RLE", "JPEG 2000"])
def test_compressed_dicom_is_read_exactly(syntax):
    dataset = dicom(np.tile(RAMP, (4, 4)))
    dataset.compress(syntax)
    assert np.array_equal(grey(written(dataset), 64), np.tile(RAMP, (4, 4)))


def test_jpeg_dicom_is_read():
    smooth = np.asarray(Image.fromarray(RAMP[::8, ::8]).resize((64, 64), Image.Resampling.BICUBIC))
    dataset = dicom(smooth)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    dataset.PixelData = pydicom.encaps.encapsulate([encoded(Image.fromarray(smooth), "JPEG", quality=95)])
    dataset["PixelData"].is_undefined_length = True
    assert np.abs(grey(written(dataset), 64).astype(int) - smooth).max() <= 12  # JPEG is lossy


def test_resizing_antialiases():
    fine = np.zeros((256, 256), np.uint8)
    fine[:, ::2] = 255  # stripes of one pixel: sampling without antialiasing gives 0 or 255
    picture = grey(encoded(Image.fromarray(fine), "PNG")).astype(int)
    # The mean is 127.5; at the edges the kernel is cut off and one stripe weighs more
    assert np.abs(picture[:, 1:-1] - 127.5).max() <= 1
    assert np.abs(picture - 127.5).max() <= 4


def broken():
    whole = encoded(Image.fromarray(np.tile(RAMP, (20, 20))), "PNG")
    many = [Image.fromarray(RAMP), Image.fromarray(255 - RAMP)]
    bare = dicom(RAMP)
    del bare.PixelData
    return {
        "empty": (b"", "the file is empty"),
        "truncated png": (whole[: len(whole) // 2], "truncated|broken"),
        "truncated jpeg": (encoded(Image.fromarray(np.tile(RAMP, (9, 9))), "JPEG")[:900], "truncated"),
        "text": (b"<html>not found</html>", "no image: neither DICOM nor"),
        "float": (encoded(Image.fromarray(RAMP.astype(np.float32)), "TIFF"), "floating-point grey levels"),
        "animation": (encoded(many[0], "GIF", save_all=True, append_images=many[1:]), "holds 2 pictures"),
        "dicom without pixels": (written(bare), "DICOM without PixelData"),
        "truncated dicom": (written(dicom(RAMP))[:-100], "."),
        "frames": (written(dicom(np.tile(RAMP, (2, 1)), NumberOfFrames=2, Rows=16)), "DICOM with 2 frames"),
    }


@pytest.mark.parametrize(("data", "says"), broken().values(), ids=broken().keys())
def test_a_bad_file_gives_one_line(data, says):
    with pytest.raises(Unreadable, match=says) as caught:
        decode_image(data, 16, 1)
    assert "\n" not in str(caught.value)


def test_a_decompression_bomb_is_refused_by_its_header(monkeypatch):
    data = encoded(Image.new("1", (20_000, 20_000)), "PNG")
    assert len(data) < 100_000
    with pytest.raises(Unreadable, match="decompression bomb"):
        decode_image(data, 16, 1)
    monkeypatch.setattr(decode, "MAX_BYTES", 10)
    with pytest.raises(Unreadable, match="MiB"):
        decode_image(encoded(Image.fromarray(RAMP), "PNG"), 16, 1)
