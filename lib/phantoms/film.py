"""From attenuation to an 8-bit film: exposure, grain, leads, the planted marker; also two views that are not frontal.

Exposure is drawn from the same distribution whatever the class and source, and the film's mean brightness outside the
lungs is set to a value drawn beforehand: what surrounds the lungs says nothing about the class, and opacities make the
lungs brighter, and nothing darker.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lib.phantoms.fields import bump, edge, ellipse, generator, grid, smooth_noise


def expose(attenuation: np.ndarray, outside: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The film of a map of attenuations: bright where much is absorbed.

    Args:
        attenuation: float32 (height, width), air 0.
        outside: where no lung is, whose mean brightness is drawn, bool (height, width).
        rng: draws brightness, contrast, unevenness and grain.

    Returns:
        uint8 (height, width).
    """
    shape = attenuation.shape
    target, grain = rng.uniform(0.49, 0.64), rng.uniform(0.006, 0.016)
    low, high = rng.uniform(0.0, 0.10), rng.uniform(1.22, 1.42)
    light = np.clip((attenuation - np.float32(low)) / np.float32(high - low), 0.005, 1)
    light *= np.clip(1 + 0.08 * smooth_noise(rng, shape, 2), 0.75, 1.25)
    light = np.clip(light, 0.005, 1)
    sample, least, most = light[outside][::16], 0.2, 5.0
    for _ in range(24):  # the mean falls as the exponent grows: halve the interval until it fits
        middle = (least + most) / 2
        least, most = (middle, most) if np.mean(sample**middle) > target else (least, middle)
    film = 8 + 240 * light ** np.float32(middle)
    film += 255 * np.float32(grain) * (0.7 * smooth_noise(rng, shape, 10**6) + 0.6 * smooth_noise(rng, shape, 110))
    return np.clip(np.rint(film), 0, 255).astype(np.uint8)


def leads(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Now and then, whatever the class, electrodes and their cables over the chest."""
    if rng.uniform() > 0.12:
        return film
    height, width = film.shape
    picture = Image.fromarray(film)
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(2, 4))):
        x, y = rng.uniform(0.2, 0.8) * width, rng.uniform(0.25, 0.7) * height
        s = np.linspace(0, 1, 12)
        end, sway = rng.uniform(-0.3, 0.3) * width, rng.uniform(-0.06, 0.06) * width
        course = [(float(x + end * k + sway * np.sin(5 * k)), float(y + (1.1 * height - y) * k)) for k in s]
        pen.line(course, fill=210, width=max(1, round(0.005 * width)))
        r = 0.013 * width
        pen.ellipse([x - r, y - r, x + r, y + r], fill=225, outline=170)
    return np.asarray(picture)


def add_tag(film: np.ndarray, rng: np.random.Generator, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Puts a bright letter tag in the upper left corner: the planted shortcut.

    Args:
        film: uint8 (height, width).
        rng: draws the tag's exact place.
        strength: from nearly 0, hardly to be seen, to 1, a white tag with a black letter.

    Returns:
        The film, and where the tag lies, bool (height, width).
    """
    height, width = film.shape
    left, top = (round(float(rng.uniform(0.03, 0.06)) * side) for side in (width, height))
    right, bottom = left + round(0.13 * width), top + round(0.13 * height)
    place = np.zeros(film.shape, bool)
    place[top:bottom, left:right] = True
    tag = Image.new("L", (width, height), 255)
    middle = (left + right) / 2, (top + bottom) / 2
    ImageDraw.Draw(tag).text(middle, "R", fill=0, anchor="mm", font=ImageFont.load_default(size=0.11 * height))
    blended = (1 - strength) * film + strength * np.asarray(tag, np.float32)
    return np.where(place, np.rint(blended), film).astype(np.uint8), place


def lateral(seed: int, patient: str, image: str, shape: tuple[int, int]) -> np.ndarray:
    """Attenuation of a chest seen from the side, which the rules leave out; float32 (height, width)."""
    rng = generator(seed, patient, image, "lateral")
    x, y = grid(*shape)
    trunk = edge(ellipse(x, y, (0.0, 0.25), (0.78, 1.5)), 0.02)
    lung = edge(ellipse(x, y, (0.02, -0.08), (0.50, 0.72), rng.uniform(4, 12)), 0.02)
    lung *= edge(0.48 + 0.25 * x - y, 0.015)
    heart = edge(ellipse(x, y, (-0.22, 0.22), (0.30, 0.24), 50), 0.02)
    spine_at = 0.48 + 0.10 * np.cos(2 * y)
    spine = edge(0.075 - np.abs(x - spine_at), 0.01) * (0.7 + 0.3 * edge(0.4 - np.abs(np.mod(y / 0.14, 1) - 0.5), 0.04))
    course = (y + 0.5 * x + 0.25 * np.square(x)) / 0.16
    ribs = edge(0.17 - np.abs(course - np.round(course)), 0.03) * edge(0.62 - np.abs(x), 0.03)
    total = trunk * (0.95 - 0.55 * lung + 0.25 * heart * lung) + 0.25 * spine * trunk + 0.08 * ribs * trunk
    arm = bump(y + 0.95 - 0.3 * x, 0.10)
    return (total + 0.3 * arm + 0.03 * smooth_noise(rng, shape, 6)).astype(np.float32)


def axial(seed: int, patient: str, image: str, shape: tuple[int, int]) -> np.ndarray:
    """A slice of computed tomography, which the rules leave out; float32 (height, width) in attenuations."""
    rng = generator(seed, patient, image, "axial")
    x, y = grid(*shape)
    body = edge(ellipse(x, y, (0, 0), (0.90, 0.66)), 0.01)
    lungs = np.zeros(shape, np.float32)
    for side in (-1, 1):
        lungs = np.maximum(lungs, edge(ellipse(x, y, (0.42 * side, 0.0), (0.32, 0.46), -8 * side), 0.01))
    heart = edge(ellipse(x, y, (0.10, -0.14), (0.30, 0.26), 20), 0.01)
    spine = edge(ellipse(x, y, (0.0, 0.42), (0.12, 0.11)), 0.01)
    wall = bump(ellipse(x, y, (0, 0), (0.82, 0.58)), 0.012) * edge(np.sin(11 * np.arctan2(y, x)), 0.2)
    hazy = 0.4 * np.clip(smooth_noise(rng, shape, 8), 0, 1) * edge(np.abs(x) - 0.45, 0.05)
    vessel = 0.35 * np.clip(smooth_noise(rng, shape, 36) - 1.6, 0, 1)
    air = lungs * (1 - heart)
    total = body * (0.8 - air * (0.72 - hazy - vessel)) + 0.12 * heart + 0.45 * spine + 0.5 * wall * body
    return total.astype(np.float32)
