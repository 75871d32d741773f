"""ResNet50 as the paper used it (section 4.1.1).

Table 1's count for training from scratch, 23,525,507, is that of Keras's ResNet50V2 (He et al. 2016, "Identity mappings
in deep residual networks") with a three-way classifier; the first version of the network has 23,540,739.
"""

import keras


def resnet50v2_features(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Global averages (batch, 2048) of ResNet50V2's last feature maps, layer `post_relu`.

    Args:
        pixels: (batch, S, S, 3), values in [-1, 1], as its ImageNet weights expect.
    """
    backbone = keras.applications.ResNet50V2(include_top=False, weights=None, input_tensor=pixels)
    return keras.layers.GlobalAveragePooling2D(name="global_average")(backbone.output)
