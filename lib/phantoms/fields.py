"""Small helpers that the phantoms are drawn with: grids, soft edges, smooth noise, keyed random numbers."""

import hashlib

import numpy as np
from PIL import Image


def generator(seed: int, *keys: object) -> np.random.Generator:
    """Random numbers that depend on the seed and the keys alone, whatever else was drawn before.

    Args:
        seed: the data set's seed.
        keys: what the numbers are for, such as a source, a patient and a purpose.
    """
    digest = hashlib.sha256("/".join(map(str, (seed, *keys))).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, dtype=np.uint32))


def grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the pixel centres, from -1 (left, top) to 1 (right, bottom).

    Returns:
        x and y, float32 (height, width) each.
    """
    x = (2 * np.arange(width, dtype=np.float32) + 1) / width - 1
    y = (2 * np.arange(height, dtype=np.float32) + 1) / height - 1
    return np.broadcast_to(x, (height, width)), np.broadcast_to(y[:, None], (height, width))


def edge(distance: np.ndarray, softness: float) -> np.ndarray:
    """1 where `distance` is well positive (inside), 0 where well negative, rising smoothly over 6 `softness`."""
    rising = np.clip(distance * np.float32(1 / (6 * softness)) + np.float32(0.5), 0, 1)
    return rising * rising * (3 - 2 * rising)


def bump(distance: np.ndarray, width: float) -> np.ndarray:
    """A Gaussian ridge: 1 where `distance` is 0."""
    return np.exp(-0.5 * np.square(distance / np.float32(width)))


def ellipse(x, y, centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0) -> np.ndarray:
    """Distance from an ellipse's border in units of its smaller radius, positive inside."""
    angle = np.deg2rad(degrees)
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    along = dx * np.float32(np.cos(angle)) + dy * np.float32(np.sin(angle))
    across = dy * np.float32(np.cos(angle)) - dx * np.float32(np.sin(angle))
    return (1 - np.hypot(along / np.float32(radii[0]), across / np.float32(radii[1]))) * np.float32(min(radii))


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Smooth noise with mean near 0 and standard deviation near 1.

    Args:
        rng: where the numbers come from.
        shape: (height, width) of the result.
        cells: about how many bumps stand side by side; more than the pixels gives plain white noise.
    """
    height, width = shape
    if cells >= width:
        return rng.standard_normal(shape, dtype=np.float32)
    coarse = rng.standard_normal((max(2, round(cells * height / width)) + 1, cells + 1), dtype=np.float32)
    # bicubic interpolation lowers the spread between the nodes; the factor brings it back to about 1
    return 1.3 * np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
