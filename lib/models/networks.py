"""The paper's two networks as flat functional models, from pixel values to class probabilities (section 4.1)."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

FEATURE_MAPS = {
    "resnet50v2": ("conv2_block2_out", "conv3_block3_out", "conv4_block5_out", "post_relu"),
    "covidnet": ("stage1_output", "stage2_output", "stage3_output", "stage4_output"),
}
"""Last layer of each resolution, 1/4 to 1/32 of the image's."""

LAST_CONVOLUTION = {backbone: names[-1] for backbone, names in FEATURE_MAPS.items()}
"""The layer whose feature maps Grad-CAM weighs (section 4.4.1): the last ones before they are pooled or flattened."""

STAGE_CHANNELS = (256, 512, 1024, 2048)
"""Channels of COVID-Net's four stages (Figure 3b)."""

UNITS = 1024
"""Units of each of COVID-Net's two fully connected layers (Figure 3b)."""


def build(
    backbone: str,
    image_size: int,
    classes: int = 3,
    *,
    l2: float = 0.01,
    batch_norm_momentum: float = 0.99,
    pepx: str = "as_published",
    shortcuts: str = "as_published",
    classifier_l2: str = "as_published",
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
        shortcuts: of COVID-Net; "as_published" (the authors' code): a 1x1 convolution of each stage's input;
            "as_described" (Figure 3b): these convolutions are chained, each takes the one before it, pooled.
        classifier_l2: of COVID-Net; "as_published" (the authors' code) penalises the classifier's kernel as well,
            "as_described" (section 4.1.2) the fully connected layers' alone.
        pepx_blocks: PEPX blocks in each of COVID-Net's four stages; 3, 4, 5, 3 in the authors' code and 3, 4, 6, 3 in
            Figure 3b.
        seed: of the initial weights; equal seeds give equal weights.

    Returns:
        A model from images (batch, S, S, 3), values 0..255, to probabilities (batch, K), float32. Its first layer after
        the input is `rescaling` to [-1, 1]; the class scores before softmax are the output of layer `logits`.

    Raises:
        ValueError: unknown backbone.
    """
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((image_size, image_size, 3), name="image")
    pixels = layers.Rescaling(1 / 127.5, offset=-1, name="rescaling")(inputs)
    if backbone == "resnet50v2":
        features = _resnet50v2(pixels)
    elif backbone == "covidnet":
        features = _covidnet(pixels, pepx_blocks, l2, chained=shortcuts == "as_described")
    else:
        raise ValueError(f"backbone: found {backbone!r}, expected 'resnet50v2' or 'covidnet'")
    penalty = keras.regularizers.L2(l2) if backbone == "covidnet" and classifier_l2 == "as_published" else None
    logits = layers.Dense(classes, kernel_regularizer=penalty, name="logits", dtype="float32")(features)
    outputs = layers.Activation("softmax", name="probabilities", dtype="float32")(logits)
    model = keras.Model(inputs, outputs, name=backbone)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = batch_norm_momentum
        elif pepx == "as_published" and layer.name.startswith("stage"):
            layer.trainable = False
    return model


def network_input(images):
    """(N, S, S, 3) float32 in 0..255, what networks take, from (N, S, S, 1 or 3) images of any numeric type.

    Arrays give an array, tensors a tensor.

    Raises:
        ValueError: another number of dimensions or channels.
    """
    if len(images.shape) != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"images: found shape {tuple(images.shape)}, expected (N, S, S, 1) or (N, S, S, 3)")
    if isinstance(images, np.ndarray):
        return np.broadcast_to(images, (*images.shape[:-1], 3)).astype(np.float32)
    return ops.tile(ops.cast(images, "float32"), (1, 1, 1, 3 // images.shape[-1]))


def feature_map_layer(model: keras.Model, backbone: str, cells: int) -> str:
    """Name of the last layer whose feature map has at least so many cells a side; else of the one with the most.

    Only layers through which everything above them passes: Grad-CAM cuts the network there. Where COVID-Net's shortcuts
    are chained, they pass beside every stage but the last.

    At 224 x 224 pixels, as in the report, the last convolution's map has 7 x 7 cells; at 64 x 64 only 2 x 2, which tell
    no region of an image from another, and the layer that has 8 x 8 comes two resolutions earlier.
    """
    names = [name for name in FEATURE_MAPS[backbone] if _cuts(model, name)]
    fine = [name for name in names if model.get_layer(name).output.shape[1] >= cells]
    return fine[-1] if fine else names[0]


def _resnet50v2(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Global averages (batch, 2048) of ResNet50V2's last feature maps, `post_relu` (section 4.1.1).

    Table 1's count for training from scratch, 23,525,507, is that of Keras's ResNet50V2 (He et al. 2016, "Identity
    mappings in deep residual networks") with a three-way classifier; the first version has 23,540,739.
    """
    backbone = keras.applications.ResNet50V2(include_top=False, weights=None, input_tensor=pixels)
    return layers.GlobalAveragePooling2D(name="global_average")(backbone.output)


def _cuts(model: keras.Model, name: str) -> bool:
    """Whether the probabilities depend on the image through this layer's output alone."""
    try:
        keras.Model(model.get_layer(name).output, model.output)
    except ValueError:
        return False
    return True


def _covidnet(pixels: keras.KerasTensor, pepx_blocks: Sequence[int], l2: float, chained: bool) -> keras.KerasTensor:
    """Activations (batch, 1024) of COVID-Net's second fully connected layer (section 4.1.2, Figure 3b).

    After Wang, Lin and Wong (2020), with the report's decisions where they gave no details: no activation and no batch
    normalisation in the convolutional part, 3x3 max pooling with stride 2 before each stage, and two fully connected
    layers with batch normalisation, ReLU and L2 regularisation.
    """
    x = layers.Conv2D(64, 7, strides=2, padding="same", name="conv1")(pixels)
    shortcut = None
    for number, (channels, blocks) in enumerate(zip(STAGE_CHANNELS, pepx_blocks, strict=True), start=1):
        name = f"stage{number}"
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
        before = x
        if chained and shortcut is not None:
            before = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_shortcut_pool")(shortcut)
        shortcut = layers.Conv2D(channels, 1, name=f"{name}_shortcut")(before)
        x = _stage(x, shortcut, channels, blocks, name)
    x = layers.Flatten(name="flatten")(x)
    for number in (1, 2):
        x = layers.Dense(UNITS, kernel_regularizer=keras.regularizers.L2(l2), name=f"fc{number}")(x)
        x = layers.BatchNormalization(name=f"fc{number}_bn")(x)
        x = layers.ReLU(name=f"fc{number}_relu")(x)
    return x


def _stage(
    x: keras.KerasTensor, shortcut: keras.KerasTensor, channels: int, blocks: int, name: str
) -> keras.KerasTensor:
    """PEPX blocks in a row; the stage's shortcut is added to the output of each."""
    for block in range(1, blocks + 1):
        x = _pepx(x, channels, f"{name}_pepx{block}")
        x = layers.Add(name=f"{name}_output" if block == blocks else f"{name}_add{block}")([x, shortcut])
    return x


def _pepx(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    """Projection, expansion, (depthwise) convolution, projection, extension."""
    x = layers.Conv2D(channels // 2, 1, name=f"{name}_project1")(x)
    x = layers.Conv2D(channels * 3 // 4, 1, name=f"{name}_expand")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name=f"{name}_depthwise")(x)
    x = layers.Conv2D(channels // 2, 1, name=f"{name}_project2")(x)
    return layers.Conv2D(channels, 1, name=f"{name}_extend")(x)
