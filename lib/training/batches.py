"""Batches from prepared arrays, and the network that takes them; the class weights of their images.

The host gathers images as they are stored: one channel of bytes, a twelfth of what the network takes. Three channels
and the augmentation are made where the network is, in its own compiled function, so that no GPU waits for its host.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from lib.models import network_input
from lib.training.augment import PAPERS, Ranges, augment, draw


@dataclass(frozen=True)
class Examples:
    """Rows of arrays that a network is trained or tested on.

    Attributes:
        arrays: what the network takes: one (N, S, S, 1 or 3) uint8 array of images, or the (N, ...) float arrays that
            cross a freezing boundary; memory-mapped arrays are read batch by batch.
        positions: (M,) rows of these arrays that belong to the split.
        labels: (M,) integers 0..K-1.
        classes: K.
    """

    arrays: Sequence[np.ndarray]
    positions: np.ndarray
    labels: np.ndarray
    classes: int

    def __len__(self) -> int:
        return len(self.positions)

    def ordered(self, batch_size: int) -> tf.data.Dataset:
        """Batches (inputs,) in order, for prediction: rows of the arrays as they are, a tuple where there are several.

        Networks take images from them as `FromPixels`.
        """
        rows = tf.data.Dataset.from_tensor_slices(np.asarray(self.positions, np.int64)).batch(batch_size)
        gather = self._gather()
        return _with_options(rows.map(lambda positions: (gather(positions),)).prefetch(2))

    def shuffled(
        self,
        batch_size: int,
        *,
        seed: int,
        epoch: int,
        weights: np.ndarray | None = None,
        augmented: bool = False,
    ) -> tf.data.Dataset:
        """Batches (inputs, one-hot labels, sample weights) of one epoch, in an order that seed and epoch fix.

        Inputs are those of `ordered`, or where they are augmented (images, draws) as `lib.training.augment.draw` gives.

        Args:
            batch_size: images a batch; the last batch of an epoch may be smaller.
            seed: of the order and of the augmentation.
            epoch: 1, 2, ...; every epoch has its own order, also after an interruption.
            weights: (K,) class weights, or None for equal ones.
            augmented: whether to draw an augmentation for every image.
        """
        order = np.random.default_rng([seed, epoch]).permutation(len(self))
        labels = self.labels[order]
        one_hot = np.eye(self.classes, dtype=np.float32)[labels]
        sample_weights = np.ones(len(self), np.float32) if weights is None else weights[labels].astype(np.float32)
        rows = (np.asarray(self.positions, np.int64)[order], one_hot, sample_weights)
        gather = self._gather()

        def batch(number, columns):
            positions, targets, factors = columns
            inputs = gather(positions)
            if augmented:
                of_batch = tf.stack([tf.constant(seed, tf.int32), tf.cast(number, tf.int32) + epoch * 1_000_003])
                inputs = (inputs, draw(tf.shape(positions)[0], of_batch))
            return inputs, targets, factors

        data = tf.data.Dataset.from_tensor_slices(rows).batch(batch_size).enumerate()
        return _with_options(data.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4))

    def _gather(self) -> Callable[[tf.Tensor], tf.Tensor | tuple[tf.Tensor, ...]]:
        arrays = self.arrays
        dtypes = [tf.as_dtype(array.dtype) for array in arrays]

        def gather(positions):
            taken = tf.numpy_function(lambda rows: [array[rows] for array in arrays], [positions], dtypes)
            for tensor, array in zip(taken, arrays, strict=True):
                tensor.set_shape((None, *array.shape[1:]))
            return taken[0] if len(taken) == 1 else tuple(taken)

        return gather


class FromPixels(keras.Model):
    """A network, its layers and weights, on batches of images as `Examples` ships them.

    Args:
        network: of images (N, S, S, 3) float32, values 0..255.
        ranges: of the augmentation, where images come with draws.
    """

    def __init__(self, network: keras.Model, ranges: Ranges = PAPERS):
        super().__init__(network.inputs, network.outputs, name=network.name)
        self.input_spec = None  # Keras would ask for the network's three channels
        self._network, self._ranges = network.call, ranges

    def call(self, inputs, training=None, mask=None):
        """Takes images (N, S, S, 1 or 3) uint8, or (images, draws) to augment them by."""
        images = augment(*inputs, self._ranges) if isinstance(inputs, tuple) else inputs
        return self._network(network_input(images), training=training)


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """w_k = (1 / n_k) (sum_k n_k) / K: inversely proportional to the class sizes (section 4.3.2, equation 1).

    Args:
        labels: (N,) integers 0..K-1, the training labels.
        classes: K.

    Returns:
        (K,) float32. The mean weight of the N images is 1, so the loss keeps its range.

    Raises:
        ValueError: a class without images has no weight.
    """
    sizes = np.bincount(labels, minlength=classes)
    if (sizes == 0).any():
        empty = ", ".join(map(str, np.flatnonzero(sizes == 0)))
        raise ValueError(f"class weights: no training images of class {empty}; every class needs one")
    return (sizes.sum() / (classes * sizes)).astype(np.float32)


def _with_options(data: tf.data.Dataset) -> tf.data.Dataset:
    """Divided among several devices by batch, not by file; without the thread with which tf.data tunes itself.

    That thread has nothing to tune here, sleeps for 10, 20, 40 ... ms, and an epoch that is over waits until it wakes:
    up to as long again as the epoch took.
    """
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    options.autotune.enabled = False
    return data.with_options(options)
