"""Class weights, equation (1) of the paper."""

import numpy as np


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """w_k = (1 / n_k) (sum_k n_k) / K: inversely proportional to the class sizes (section 4.3.2).

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
