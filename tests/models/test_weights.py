"""First weights: copied exactly, or refused with the ways to provide them."""

import keras
import numpy as np
import pytest

from lib import models
from lib.models.weights import WeightsError, load_pretrained


def same_below_classifier(one, other):
    return all(
        np.array_equal(a, b)
        for layer in one.layers
        if layer.weights and layer.name != "logits"
        for a, b in zip(layer.get_weights(), other.get_layer(layer.name).get_weights(), strict=True)
    )


def test_a_saved_model_gives_its_weights_but_not_its_classifier(tmp_path):
    donor, model = models.build("covidnet", 32, classes=7, seed=1), models.build("covidnet", 32, seed=2)
    head = model.get_layer("logits").get_weights()
    assert not same_below_classifier(donor, model)
    donor.save(tmp_path / "skin.keras")
    load_pretrained(model, tmp_path / "skin.keras")
    assert same_below_classifier(donor, model)
    assert all(np.array_equal(a, b) for a, b in zip(head, model.get_layer("logits").get_weights(), strict=True))


@pytest.mark.parametrize("name", ["notop.weights.h5", "resnet50v2_notop.h5"])
def test_keras_own_weight_files_of_resnet_load(tmp_path, name):
    keras.utils.set_random_seed(11)
    donor = keras.applications.ResNet50V2(include_top=False, weights=None, input_shape=(32, 32, 3))
    if name.endswith(".weights.h5"):
        donor.save_weights(tmp_path / name)
    else:  # the format of the files that Keras distributes
        from keras.src.legacy.saving import legacy_h5_format

        legacy_h5_format.save_model_to_hdf5(donor, tmp_path / name)
    model = models.build("resnet50v2", 32)
    load_pretrained(model, tmp_path / name)
    assert same_below_classifier(donor, model)


def test_resnet_weights_do_not_depend_on_the_image_size(tmp_path):
    donor, model = models.build("resnet50v2", 32, seed=1), models.build("resnet50v2", 64, seed=2)
    donor.save(tmp_path / "small.keras")
    load_pretrained(model, tmp_path / "small.keras")
    assert same_below_classifier(donor, model)


def test_a_missing_file_is_named_with_the_ways_to_provide_it(tmp_path):
    with pytest.raises(WeightsError, match=r"no file .*lost\.h5.*set imagenet_weights to a file.*stand_in"):
        load_pretrained(models.build("resnet50v2", 32), tmp_path / "lost.h5")
    with pytest.raises(WeightsError, match=r"no file .*lost\.keras.*set ham10000_weights to a \.keras file"):
        load_pretrained(models.build("covidnet", 32), tmp_path / "lost.keras")


def test_another_networks_file_is_refused_and_the_layer_named(tmp_path):
    models.build("covidnet", 32).save(tmp_path / "covidnet.keras")
    with pytest.raises(WeightsError, match="has no layer 'conv1_conv', which resnet50v2 needs"):
        load_pretrained(models.build("resnet50v2", 32), tmp_path / "covidnet.keras")


def test_covidnet_of_another_image_size_is_refused_and_the_layer_named(tmp_path):
    models.build("covidnet", 32).save(tmp_path / "small.keras")
    with pytest.raises(WeightsError, match="layer 'fc1' does not fit"):
        load_pretrained(models.build("covidnet", 64), tmp_path / "small.keras")


@pytest.mark.parametrize("name", ["broken.keras", "broken.h5"])
def test_a_damaged_file_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"not a model")
    with pytest.raises(WeightsError, match=r"broken.* does not fit resnet50v2.*Ways to provide them"):
        load_pretrained(models.build("resnet50v2", 32), tmp_path / name)


def test_imagenet_weights_exist_for_resnet_only():
    with pytest.raises(WeightsError, match="ImageNet weights for ResNet50V2, not for covidnet"):
        load_pretrained(models.build("covidnet", 32), "imagenet")


def test_a_failed_download_says_what_to_do_instead(monkeypatch):
    model = models.build("resnet50v2", 32)

    def offline(*_, **__):
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.applications, "ResNet50V2", offline)
    with pytest.raises(WeightsError, match=r"download of ImageNet weights failed \(URL fetch failure\).*to a file"):
        load_pretrained(model, "imagenet")
