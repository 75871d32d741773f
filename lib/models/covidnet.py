"""COVID-Net as section 4.1.2 and Figure 3b describe it.

After Wang, Lin and Wong (2020), with the report's decisions where they gave no details: no activation and no batch
normalisation in the convolutional part, 3x3 max pooling with stride 2 before each stage, and two fully connected layers
with batch normalisation, ReLU and L2 regularisation.
"""

from collections.abc import Sequence

import keras
from keras import layers

STAGE_CHANNELS = (256, 512, 1024, 2048)
"""Channels of the four stages (Figure 3b)."""

UNITS = 1024
"""Units of each of the two fully connected layers (Figure 3b)."""


def covidnet_features(pixels: keras.KerasTensor, pepx_blocks: Sequence[int], l2: float) -> keras.KerasTensor:
    """Activations (batch, 1024) of COVID-Net's second fully connected layer.

    Args:
        pixels: (batch, S, S, 3), values in [-1, 1].
        pepx_blocks: number of PEPX blocks a stage, four numbers; 3, 4, 5, 3 in the authors' code and 3, 4, 6, 3 in
            Figure 3b.
        l2: factor of the L2 penalty on the fully connected kernels; 0.01 in section 4.2.3.
    """
    x = layers.Conv2D(64, 7, strides=2, padding="same", name="conv1")(pixels)
    for number, (channels, blocks) in enumerate(zip(STAGE_CHANNELS, pepx_blocks, strict=True), start=1):
        x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"stage{number}_pool")(x)
        x = _stage(x, channels, blocks, f"stage{number}")
    x = layers.Flatten(name="flatten")(x)
    for number in (1, 2):
        penalty = keras.regularizers.L2(l2)
        x = layers.Dense(UNITS, kernel_regularizer=penalty, name=f"fc{number}")(x)
        x = layers.BatchNormalization(name=f"fc{number}_bn")(x)
        x = layers.ReLU(name=f"fc{number}_relu")(x)
    return x


def _stage(x: keras.KerasTensor, channels: int, blocks: int, name: str) -> keras.KerasTensor:
    """PEPX blocks in a row; a 1x1 convolution of the stage's input is added to the output of each."""
    shortcut = layers.Conv2D(channels, 1, name=f"{name}_shortcut")(x)
    for block in range(1, blocks + 1):
        last = block == blocks
        x = _pepx(x, channels, f"{name}_pepx{block}")
        x = layers.Add(name=f"{name}_output" if last else f"{name}_add{block}")([x, shortcut])
    return x


def _pepx(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    """Projection, expansion, (depthwise) convolution, projection, extension."""
    x = layers.Conv2D(channels // 2, 1, name=f"{name}_project1")(x)
    x = layers.Conv2D(channels * 3 // 4, 1, name=f"{name}_expand")(x)
    x = layers.DepthwiseConv2D(3, padding="same", name=f"{name}_depthwise")(x)
    x = layers.Conv2D(channels // 2, 1, name=f"{name}_project2")(x)
    return layers.Conv2D(channels, 1, name=f"{name}_extend")(x)
