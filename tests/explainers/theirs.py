"""Stop-gap."""

import keras
import numpy as np


def xplique_explainers(model, layer, steps):
    from xplique.attributions import GradCAM
    from xplique.attributions import IntegratedGradients as Theirs

    scores = keras.Model(model.inputs, model.get_layer("logits").output)
    path = Theirs(scores, batch_size=64, steps=steps + 1, reducer=None)
    cam = GradCAM(scores, batch_size=64, conv_layer=layer)

    def wanted(classes):
        return np.eye(model.output_shape[-1], dtype=np.float32)[classes]

    return (
        lambda images, classes: path.explain(images, wanted(classes)).numpy(),
        lambda images, classes: cam.explain(images, wanted(classes)).numpy()[..., 0],
    )
