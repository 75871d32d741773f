"""Controls of the explanations: does the class depend on what they mark, and do they depend on the network?

**Deletion and insertion** (Petsiuk et al., 2018). Deletion blurs an image from the pixels marked most to those marked
least: the sooner the probability falls, the better the explanation. Insertion goes from the blurred image back, in the
same order: the sooner it rises, the better. Blurred pixels replace those taken away in both, since black patches on an
X-ray are themselves something a network reacts to.

**Randomisation** (Adebayo et al., 2018). Layers lose what they learnt one after the other, from the class scores down
to the image ("cascading"). An explanation that stays the same shows the image, not the model.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
from scipy import ndimage

from lib.explainers import measures
from lib.explainers.scorecard import Scored, scorecard_line

FRACTIONS = np.linspace(0, 1, 11)
"""Shares of the pixels replaced at the points of a curve."""

CURVES_AT_ONCE = 8
"""Images whose curves are predicted in one call."""

BLUR = 1 / 8
"""Standard deviation of the blur that takes pixels away, as a share of the image's side."""

RANDOM_MAPS = 3
"""Random maps an image, whose curves are the chance level of deletion and insertion."""

LEVELS_BELOW = 2
"""Number of levels that follow the first, in which only the class scores are randomised; the last is everything."""


def perturbation_curves(
    predict: Callable, images: np.ndarray, classes: np.ndarray, maps: np.ndarray
) -> dict[str, np.ndarray]:
    """Probability of the explained class along both curves.

    Args:
        predict: (B, S, S, C) images to (B, K) probabilities.
        images: (N, S, S, C), values 0..255.
        classes: (N,) positions of the explained classes.
        maps: (N, S, S) explanations.

    Returns:
        "deletion" and "insertion", each (N, len(FRACTIONS)), values 0..1.
    """
    images, parts = np.asarray(images, dtype=np.float32), []
    for start in range(0, len(images), CURVES_AT_ONCE):
        block = slice(start, start + CURVES_AT_ONCE)
        steps = np.stack([perturbed_images(*one) for one in zip(images[block], maps[block], strict=True)])
        found = np.asarray(predict(steps.reshape(-1, *images.shape[1:]))).reshape(*steps.shape[:3], -1)
        wanted = np.asarray(classes)[block].reshape(-1, 1, 1, 1)
        parts.append(np.take_along_axis(found, wanted, axis=-1)[..., 0])
    return dict(zip(("deletion", "insertion"), np.concatenate(parts).swapaxes(0, 1), strict=True))


def perturbed_images(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(2, len(FRACTIONS), S, S, C): the image (S, S, C) at the points of its deletion and of its insertion curve."""
    sigma = BLUR * len(image)
    blurred = ndimage.gaussian_filter(image, sigma=(sigma, sigma, 0))
    taken = replaced_pixels(values)[..., None]
    return np.stack([np.where(taken, blurred, image), np.where(taken, image, blurred)])


def replaced_pixels(values: np.ndarray) -> np.ndarray:
    """(len(FRACTIONS), S, S) bool: the pixels of a map (S, S) replaced at each point of a curve."""
    place = np.empty(values.size, dtype=int)
    place[measures.ranking(values)] = np.arange(values.size)
    counts = np.round(FRACTIONS * values.size)
    return (place < counts[:, None]).reshape(-1, *values.shape)


def random_maps(count: int, size: int, seed: int) -> np.ndarray:
    """(count, S, S) maps that know nothing: smoothed noise in 0..1, whose curves are the chance level."""
    noise = np.random.default_rng(seed).normal(size=(count, size, size))
    smooth = ndimage.gaussian_filter(noise, sigma=(0, size / 16, size / 16))
    low, high = smooth.min(axis=(1, 2), keepdims=True), smooth.max(axis=(1, 2), keepdims=True)
    return (smooth - low) / (high - low)


def score_perturbation(on: Scored, maps: dict[str, np.ndarray], predict: Callable) -> tuple[list[dict], dict]:
    """Lines with the areas 0..1 under the deletion and insertion curves, and the curves of each method.

    The chance level is that of `RANDOM_MAPS` random maps an image, its spread that of their mean areas.

    Args:
        on: the images.
        maps: each method's (N, S, S).
        predict: that of `perturbation_curves`.

    Returns:
        lines, and the curves: method to those of `perturbation_curves`; "chance" to (RANDOM_MAPS, N, points) of each.
    """
    count, size = on.images.shape[:2]
    curves = {method: perturbation_curves(predict, on.images, on.explained, of) for method, of in maps.items()}
    blind = [random_maps(count, size, seed) for seed in range(1, RANDOM_MAPS + 1)]
    blind = [perturbation_curves(predict, on.images, on.explained, of) for of in blind]
    chance = {name: np.stack([of[name] for of in blind]) for name in ("deletion", "insertion")}
    lines = []
    for name, by_chance in chance.items():
        for method, of in curves.items():
            lines += on.lines(name, method, area_under(of[name]), area_under(by_chance).T)
    return lines, curves | {"chance": chance}


def area_under(curves: np.ndarray) -> np.ndarray:
    """(...) areas 0..1 under curves (..., len(FRACTIONS)), by the trapezoid rule."""
    return np.trapezoid(curves, FRACTIONS, axis=-1)


def cascade(model: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """The layers randomised at each level, from few to all; a level bears the name of the lowest of them.

    The first level is the topmost layer with weights, the others add equal shares of the remaining layers.
    """
    layers = [layer for layer in reversed(model.layers) if layer.weights]
    counts = sorted({1 + round((len(layers) - 1) * part / LEVELS_BELOW) for part in range(LEVELS_BELOW + 1)})
    return {layers[count - 1].name: layers[:count] for count in counts}


@contextmanager
def shuffled_weights(layers: list[keras.layers.Layer]) -> Iterator[None]:
    """Within the block, the layers' weights are shuffled, each array within itself.

    Shuffling keeps each array's distribution, so that activations keep their scale and batch normalisation its
    positive variances; what was learnt is in the arrangement, and is gone.
    """
    kept = [(layer, layer.get_weights()) for layer in layers]
    generator = np.random.default_rng(1)
    try:
        for layer, weights in kept:
            layer.set_weights([generator.permutation(array.ravel()).reshape(array.shape) for array in weights])
        yield
    finally:
        for layer, weights in kept:
            layer.set_weights(weights)


def score_randomisation(
    on: Scored, explainers: dict, model: keras.Model, trained: dict[str, np.ndarray]
) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Similarity of each explanation to that of the network randomised down to each level; `class` holds the level.

    Rank correlations are of the attributions with their signs, of their absolute values (Adebayo et al. look at both)
    and of the maps as shown; the structural similarity is of these. The chance level is the mean similarity of the
    trained network's maps of two different images.

    Args:
        on: the images.
        explainers: each method's `GradCam` or `IntegratedGradients` of the model.
        model: the trained network; its weights come back.
        trained: each method's `signed` attributions of these images.

    Returns:
        lines, and each method's (N, S, S) shown maps of the network with all weights shuffled.
    """
    seen = {method: views(explainers[method], signed) for method, signed in trained.items()}
    chance = {
        method: {f"rank_correlation_{view}": rank_correlation_by_others(maps) for view, maps in of.items()}
        | {"similarity": measures.similarity_by_others(of["shown"])}
        for method, of in seen.items()
    }
    lines = []
    for level, layers in cascade(model).items():
        with shuffled_weights(layers):
            broken = {name: views(one, one.signed(on.images, on.explained)) for name, one in explainers.items()}
        for method, of in broken.items():
            found = {
                f"rank_correlation_{view}": np.diag(measures.rank_correlations(seen[method][view], maps))
                for view, maps in of.items()
            } | {"similarity": measures.similarities(seen[method]["shown"], of["shown"])}
            for name, values in found.items():
                about = (f"randomised_{name}", method, level, values, on.groups, on.samples)
                lines.append(scorecard_line(*about, chance=chance[method][name]))
    return lines, {method: of["shown"] for method, of in broken.items()}


def views(explainer, signed: np.ndarray) -> dict[str, np.ndarray]:
    """What is compared of an explainer's signed attributions, each (N, h, w)."""
    return {"signed": signed, "absolute": np.abs(signed), "shown": explainer.shown(signed)}


def rank_correlation_by_others(maps: np.ndarray) -> float:
    """Mean rank correlation of the maps of two different images, over all pairs; nan if there is none."""
    found = measures.by_others(measures.rank_correlations(maps, maps))
    return float(found[~np.isnan(found)].mean()) if (~np.isnan(found)).any() else float("nan")
