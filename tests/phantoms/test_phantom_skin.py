"""The skin phantoms: classes, lesions, table, and that the classes can be told apart."""

import numpy as np
import pandas as pd
import pytest

from lib.phantoms import ham10000, skin

KINDS = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


@pytest.mark.parametrize("images", [70, 280])
def test_every_class_has_enough_lesions_and_some_have_several_images(images):
    table = ham10000.skin_table(images, 1)
    assert len(table) == images
    assert table["image_id"].is_unique
    lesions = table.groupby("dx")["lesion_id"].nunique()
    assert tuple(lesions.index) == KINDS
    assert lesions.min() >= 8
    assert table["lesion_id"].nunique() < images
    assert (table.groupby("lesion_id")["dx"].nunique() == 1).all()


def test_classes_are_as_unequal_as_in_ham10000():
    numbers = ham10000.images_by_class(10_015)
    # nv's 6,705 of 10,015, less what the floor of ten images a class takes away (70 * 0.67)
    assert numbers["nv"] == pytest.approx(6705, abs=50)
    assert sum(numbers.values()) == 10_015


def test_table_has_the_columns_of_ham10000_and_two_parts_hold_its_files():
    table = ham10000.skin_table(70, 1)
    expected = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"]
    assert list(table.columns) == expected
    assert table["image_id"].str.fullmatch(r"ISIC_\d{7}").all()
    parts = pd.Series([ham10000.skin_file(name, 70).split("/")[0] for name in table["image_id"]])
    assert parts.value_counts().to_dict() == {"HAM10000_images_part_1": 35, "HAM10000_images_part_2": 35}


def test_pictures_depend_on_seed_lesion_and_image():
    shape = (48, 64)
    one = skin.draw_skin(1, "lesion", "image", "nv", shape)
    assert one.shape == (*shape, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, skin.draw_skin(1, "lesion", "image", "nv", shape))
    for other in ((2, "lesion", "image"), (1, "other", "image"), (1, "lesion", "other")):
        assert not np.array_equal(one, skin.draw_skin(*other, "nv", shape))


def test_classes_differ_by_colour_and_structure():
    each, features, truth = 12, [], []
    for kind in KINDS:
        for number in range(each):
            picture = skin.draw_skin(1, f"{kind}-{number}", "a", kind, (48, 64)).astype(float)
            inner, outer = picture[14:34, 20:44].reshape(-1, 3), picture[:6].reshape(-1, 3)
            features.append([*(inner.mean(0) - outer.mean(0)), *inner.std(0)])
            truth.append(kind)
    features, truth = np.array(features), np.array(truth)
    features = (features - features.mean(0)) / features.std(0)
    right = 0
    for at in range(len(truth)):
        others = np.arange(len(truth)) != at
        centres = np.array([features[others & (truth == kind)].mean(0) for kind in KINDS])
        right += KINDS[np.argmin(np.linalg.norm(centres - features[at], axis=1))] == truth[at]
    # Guessing gets 12 of 84 right with a standard deviation of sqrt(84 * 1/7 * 6/7) = 3.2; half is nine of them more.
    assert right > len(truth) / 2
