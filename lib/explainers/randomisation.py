"""The model-randomisation test (Adebayo et al., 2018): an explanation of a network must change with the network.

Layers lose what they learnt one after the other, from the class scores down to the image ("cascading"). An explanation
that stays the same shows the image, not the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

PARTS = 4
"""Number of levels that follow the first, in which only the class scores are randomised."""


def levels(model: keras.Model, parts: int = PARTS) -> dict[str, list[keras.layers.Layer]]:
    """The layers randomised at each level, from few to all; a level bears the name of the lowest of them.

    The first level is the topmost layer with weights, the others add equal shares of the remaining layers.
    """
    layers = [layer for layer in reversed(model.layers) if layer.weights]
    counts = sorted({1, *(1 + round((len(layers) - 1) * part / parts) for part in range(1, parts + 1))})
    return {layers[count - 1].name: layers[:count] for count in counts}


@contextmanager
def randomised(layers: list[keras.layers.Layer], seed: int = 1) -> Iterator[None]:
    """Within the block, the layers' weights are shuffled, each array within itself.

    Shuffling keeps each array's distribution, so that activations keep their scale and batch normalisation its
    positive variances; what was learnt is in the arrangement, and is gone.
    """
    kept = [(layer, layer.get_weights()) for layer in layers]
    generator = np.random.default_rng(seed)
    try:
        for layer, weights in kept:
            layer.set_weights([generator.permutation(array.ravel()).reshape(array.shape) for array in weights])
        yield
    finally:
        for layer, weights in kept:
            layer.set_weights(weights)
