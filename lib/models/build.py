"""One way to build either network: flat functional models from pixel values to class probabilities."""

from collections.abc import Sequence

import keras

from lib.models.covidnet import covidnet_features
from lib.models.resnet import resnet50v2_features

FEATURE_MAPS = {
    "resnet50v2": ("conv2_block2_out", "conv3_block3_out", "conv4_block5_out", "post_relu"),
    "covidnet": ("stage1_output", "stage2_output", "stage3_output", "stage4_output"),
}
"""Last layer of each resolution, 1/4 to 1/32 of the image's, through which everything above it passes."""

LAST_CONVOLUTION = {backbone: layers[-1] for backbone, layers in FEATURE_MAPS.items()}
"""The layer whose feature maps Grad-CAM weighs (section 4.4.1): the last ones before they are pooled or flattened."""


def feature_map_layer(model: keras.Model, backbone: str, cells: int) -> str:
    """Name of the last layer whose feature map has at least so many cells a side.

    At 224 x 224 pixels, as in the report, the last convolution's map has 7 x 7 cells; at 64 x 64 only 2 x 2, which tell
    no region of an image from another, and the layer that has 8 x 8 comes two resolutions earlier.

    Args:
        model: as `build` gives it.
        backbone: a key of FEATURE_MAPS.
        cells: asked for; where no layer has as many, the one with the most is named.
    """
    layers = FEATURE_MAPS[backbone]
    fine = [name for name in layers if model.get_layer(name).output.shape[1] >= cells]
    return fine[-1] if fine else layers[0]


def build(
    backbone: str,
    image_size: int,
    classes: int = 3,
    *,
    l2: float = 0.01,
    batch_norm_momentum: float = 0.99,
    pepx: str = "as_published",
    pepx_blocks: Sequence[int] = (3, 4, 5, 3),
    seed: int = 1,
) -> keras.Model:
    """A randomly initialised network, without nested models.

    Args:
        backbone: "resnet50v2" or "covidnet".
        image_size: S, pixels a side.
        classes: K, number of classes.
        l2: factor of the L2 penalty on COVID-Net's fully connected kernels (section 4.1.2); ResNet50 has none.
        batch_norm_momentum: of every batch normalisation's moving statistics.
        pepx: "as_published" leaves COVID-Net's PEPX stages untrainable, "as_described" trains them.
        pepx_blocks: number of PEPX blocks in each of COVID-Net's four stages.
        seed: of the initial weights; equal seeds give equal weights.

    Returns:
        A model from images (batch, S, S, 3), values 0..255, to probabilities (batch, K), float32. Its first layer after
        the input is `rescaling` to [-1, 1]; the class scores before softmax are the output of layer `logits`.

    Raises:
        ValueError: unknown backbone.
    """
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((image_size, image_size, 3), name="image")
    pixels = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    if backbone == "resnet50v2":
        features = resnet50v2_features(pixels)
    elif backbone == "covidnet":
        features = covidnet_features(pixels, pepx_blocks, l2)
    else:
        raise ValueError(f"backbone: found {backbone!r}, expected 'resnet50v2' or 'covidnet'")
    logits = keras.layers.Dense(classes, name="logits", dtype="float32")(features)
    outputs = keras.layers.Activation("softmax", name="probabilities", dtype="float32")(logits)
    model = keras.Model(inputs, outputs, name=backbone)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
        elif pepx == "as_published" and layer.name.startswith("stage"):
            layer.trainable = False
    return model
