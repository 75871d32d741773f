"""xplique (Fel et al., 2022), an independent implementation, called as ours are. It is a test dependency only."""

from collections.abc import Callable

import keras
import numpy as np


def xplique_explainers(model: keras.Model, layer: str, steps: int) -> tuple[Callable, Callable] | None:
    """xplique's Integrated Gradients (N, S, S, 3) and Grad-CAM (N, S, S), or None where it is not installed."""
    try:
        from xplique.attributions import GradCAM
        from xplique.attributions import IntegratedGradients as Theirs
    except ImportError:
        return None
    # xplique 2.0 ignores its `output_layer` in these two explainers, so it gets a model that ends at the class scores
    scores = keras.Model(model.inputs, model.get_layer("logits").output)
    # xplique's `steps` counts the points of the path, ours the steps between them
    path = Theirs(scores, batch_size=64, steps=steps + 1, reducer=None)
    cam = GradCAM(scores, batch_size=64, conv_layer=layer)

    def wanted(classes):
        return np.eye(model.output_shape[-1], dtype=np.float32)[classes]

    return (
        lambda images, classes: path.explain(images, wanted(classes)).numpy(),
        lambda images, classes: cam.explain(images, wanted(classes)).numpy()[..., 0],
    )
