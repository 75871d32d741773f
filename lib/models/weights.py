"""First weights of a network: ImageNet's, a file's, or those that this run pretrained on skin images."""

from pathlib import Path

import keras


class WeightsError(RuntimeError):
    """Pretrained weights that are missing or do not fit; the message lists the ways to provide them."""


def load_pretrained(model: keras.Model, source: str | Path) -> None:
    """Sets the weights of all layers below the classifier, in place.

    Args:
        model: as `lib.models.build` gives it.
        source: "imagenet" (Keras's own download for ResNet50V2), or a file: a whole model (`.keras`), or weights of
            ResNet50V2 without its top (`.h5`, `.weights.h5`, as Keras distributes them).

    Raises:
        WeightsError: the download failed, or the file is missing or holds another network.
    """
    if str(source) == "imagenet":
        _copy(_imagenet(model), model, "Keras's ImageNet weights")
        return
    path = Path(source).expanduser()
    if not path.is_file():
        raise WeightsError(f"pretrained weights: no file {path}. {_ways(model)}")
    try:
        if path.suffix == ".keras":
            _copy(keras.models.load_model(path, compile=False), model, str(path))
        else:
            donor = keras.applications.ResNet50V2(include_top=False, weights=None, input_shape=model.input_shape[1:])
            donor.load_weights(path)
            _copy(donor, model, str(path))
    except (ValueError, OSError, KeyError) as error:
        raise WeightsError(f"pretrained weights: {path} does not fit {model.name}: {error}. {_ways(model)}") from error


def _imagenet(model: keras.Model) -> keras.Model:
    if model.name != "resnet50v2":
        raise WeightsError(f"pretrained weights: Keras has ImageNet weights for ResNet50V2, not for {model.name}")
    try:
        return keras.applications.ResNet50V2(include_top=False, weights="imagenet", input_shape=model.input_shape[1:])
    except Exception as error:
        message = f"pretrained weights: the download of ImageNet weights failed ({error}). {_ways(model)}"
        raise WeightsError(message) from error


def _ways(model: keras.Model) -> str:
    if model.name == "resnet50v2":
        return (
            "Ways to provide them: set imagenet_weights to a file (Keras's "
            "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5, or a .keras model of resnet50v2); or to imagenet, "
            "on a machine with network access; or to stand_in, which pretrains on the run's skin images instead."
        )
    return (
        f"Ways to provide them: set ham10000_weights to a .keras file of {model.name}, "
        "or to notebook, which pretrains it."
    )


def _copy(donor: keras.Model, model: keras.Model, where: str) -> None:
    """Copies weights layer by layer, by name; all layers with weights but the classifier must be there and fit."""
    given = {layer.name: layer for layer in donor.layers}
    for layer in model.layers:
        if layer.name == "logits" or not layer.weights:
            continue
        if layer.name not in given:
            raise WeightsError(f"{where}: has no layer '{layer.name}', which {model.name} needs. {_ways(model)}")
        try:
            layer.set_weights(given[layer.name].get_weights())
        except ValueError as error:
            raise WeightsError(f"{where}: layer '{layer.name}' does not fit: {error}. {_ways(model)}") from error
