"""Gradient-weighted Class Activation Mapping (section 4.4.1; Selvaraju et al., 2017, equations 1 and 2)."""

import keras
import numpy as np
import tensorflow as tf

from lib.explainers.network import DEFAULT_BYTES, class_positions, images_within, score_layer
from lib.models import network_input


class GradCam:
    """Explains class scores by a model's feature maps.

    The model is cut at the layer: the part below it runs forward only, and gradients flow through the small part above.

    Args:
        model: flat functional model, (N, S, S, 3) in 0..255 to class probabilities.
        layer: name of the layer whose output (N, h, w, C) is weighed; `lib.models.LAST_CONVOLUTION` names it for each
            backbone. It is required: the best guess for one network is wrong for another.
        reading: see `network.score_layer`.
        memory: bytes that the activations of one call may take.

    Raises:
        ValueError: the layer does not exist, its output is no feature map, or the class score does not depend on it
            alone.
    """

    def __init__(self, model: keras.Model, layer: str, reading: str = "as_described", memory: int = DEFAULT_BYTES):
        possible = [one.name for one in model.layers if len(getattr(one.output, "shape", ())) == 4]
        if layer not in possible:
            raise ValueError(
                f"layer: found {layer!r}, expected a layer of {model.name} with an output (N, h, w, C); "
                f"the last of them are {', '.join(possible[-4:])}"
            )
        maps, score = (model.get_layer(name).output for name in (layer, score_layer(model, reading)))
        try:
            self._above = keras.Model(maps, score)
        except ValueError as error:
            raise ValueError(f"layer '{layer}' cannot be cut: paths of {model.name} pass beside it") from error
        self._below = keras.Model(model.input, maps)
        self._batch = images_within(self._below, 2 * memory)  # forward only: nothing is kept for gradients
        self._size, self._classes = model.input_shape[1:3], int(score.shape[-1])
        signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32), tf.TensorSpec((None,), tf.int32)]
        self._compiled = tf.function(self._maps, input_signature=signature)

    def __call__(self, images: np.ndarray, classes) -> np.ndarray:
        """Explains one class of each image.

        Args:
            images: (N, S, S, 1) or (N, S, S, 3), values 0..255.
            classes: (N,) positions of the explained classes, or one position for all.

        Returns:
            (N, S, S) float32 maps, not negative, not normalised.
        """
        return self.shown(self.signed(images, classes))

    def signed(self, images: np.ndarray, classes) -> np.ndarray:
        """(N, h, w) float32 weighted sums before ReLU, at the layer's own resolution; arguments as `__call__`."""
        classes = class_positions(classes, len(images), self._classes)
        blocks = [slice(k, k + self._batch) for k in range(0, len(images), self._batch)]
        return np.concatenate([self._compiled(network_input(images[of]), classes[of]).numpy() for of in blocks])

    def shown(self, signed: np.ndarray) -> np.ndarray:
        """(N, S, S) maps as the pictures show them, from what `signed` gives: its positive part, enlarged."""
        return upsample(np.maximum(signed, 0), self._size)

    def _maps(self, images, classes):
        maps = self._below(images, training=False)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(maps)
            scores = tf.gather(self._above(maps, training=False), classes, axis=1, batch_dims=1)
        gradients = tape.gradient(scores, maps)
        maps, gradients = tf.cast(maps, tf.float32), tf.cast(gradients, tf.float32)
        return weighted_map(maps, channel_weights(gradients))


def channel_weights(gradients):
    """(N, C) weights from (N, h, w, C) gradients: their mean over the positions (equation 1)."""
    return tf.reduce_mean(gradients, axis=(1, 2))


def weighted_map(maps, weights):
    """(N, h, w) from (N, h, w, C) maps and (N, C) weights: the weighted sum, whose ReLU is equation 2."""
    return tf.einsum("nhwc,nc->nhw", maps, weights)


def upsample(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N, H, W) from (N, h, w), bilinear, pixel centres aligned."""
    return tf.image.resize(np.asarray(maps)[..., None], size, method="bilinear")[..., 0].numpy()
