"""The paper's two networks, what is frozen in them, and where their first weights come from."""

from lib.models.freezing import (
    boundary_counts,
    convolutions,
    free_parameters,
    freeze_below,
    inference_mode,
    position_of,
    split_at,
)
from lib.models.networks import FEATURE_MAPS, LAST_CONVOLUTION, build, feature_map_layer, network_input
from lib.models.weights import load_pretrained

__all__ = [
    "FEATURE_MAPS",
    "LAST_CONVOLUTION",
    "boundary_counts",
    "build",
    "convolutions",
    "feature_map_layer",
    "free_parameters",
    "freeze_below",
    "inference_mode",
    "load_pretrained",
    "network_input",
    "position_of",
    "split_at",
]
