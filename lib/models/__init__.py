"""The paper's two networks, what is frozen in them, and where their first weights come from."""

from lib.models.freezing import (
    FINE_TUNING_STARTS,
    boundary_counts,
    free_parameters,
    freeze_below,
    inference_mode,
    split_at,
)
from lib.models.networks import FEATURE_MAPS, LAST_CONVOLUTION, build, feature_map_layer
from lib.models.weights import load_pretrained

__all__ = [
    "FEATURE_MAPS",
    "FINE_TUNING_STARTS",
    "LAST_CONVOLUTION",
    "boundary_counts",
    "build",
    "feature_map_layer",
    "free_parameters",
    "freeze_below",
    "inference_mode",
    "load_pretrained",
    "split_at",
]
