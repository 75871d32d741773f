"""Both explanations of one network, made once and used on many images."""

import keras
import numpy as np

from lib.explainers import measures
from lib.explainers.grad_cam import GradCam
from lib.explainers.integrated_gradients import IntegratedGradients

METHODS = ("grad_cam", "integrated_gradients")
BLOCK = 64  # images explained at a time


class Explainer:
    """Grad-CAM and Integrated Gradients of one network.

    Args:
        model: the network.
        layer: of Grad-CAM.
        steps: m of Integrated Gradients.
        grad_cam: reading of Grad-CAM, see `scores.READINGS`.
        integrated_gradients: reading of Integrated Gradients.
    """

    def __init__(
        self,
        model: keras.Model,
        layer: str,
        steps: int,
        grad_cam: str = "as_described",
        integrated_gradients: str = "as_described",
    ):
        self.grad_cam = GradCam(model, layer, grad_cam)
        self.integrated_gradients = IntegratedGradients(model, steps, integrated_gradients)

    def maps(self, images: np.ndarray, classes) -> dict[str, np.ndarray]:
        """Each method's (N, S, S) evidence for the classes; arguments as `GradCam.__call__`.

        Attributions have three channels and float32 copies; they are made and reduced in blocks, so that a whole test
        set fits in memory.
        """
        classes = np.broadcast_to(np.asarray(classes, dtype=np.int32), len(images))
        found = {name: [] for name in METHODS}
        for start in range(0, len(images), BLOCK):
            block = slice(start, start + BLOCK)
            some, of = np.asarray(images[block]), classes[block]
            found["grad_cam"].append(self.grad_cam(some, of))
            found["integrated_gradients"].append(measures.evidence(self.integrated_gradients(some, of).values))
        return {name: np.concatenate(parts) for name, parts in found.items()}


def in_double(model: keras.Model) -> keras.Model:
    """The same network computing in float64, to tell rounding from the error of the quadrature."""

    def doubled(part):
        if isinstance(part, dict):
            return {key: doubled(value) for key, value in part.items()}
        if isinstance(part, list | tuple):
            return type(part)(doubled(value) for value in part)
        return "float64" if part == "float32" else part

    copy = type(model).from_config(doubled(model.get_config()))
    copy.set_weights(model.get_weights())
    return copy
