"""Chest X-ray phantoms: a simple thorax, what three classes look like in it, and the exposure.

The picture is a sum of attenuations (air 0, soft tissue about 1, bone more), drawn in the patient's own coordinates
(x from -1 at the patient's right, which is the image's left, to 1; y from -1 at the neck to 1 in the abdomen) and then
exposed to a film whose mean brightness outside the lungs is drawn without regard to the class. What tells the classes
apart is only where the lungs are opaque: nowhere (normal), in one lobe of one side (pneumonia), in hazy patches along
the outer border of both lungs (covid-19). Outside the lungs' mask a patient's film is the same whatever the class.
"""

from math import cos, sin
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from lib.phantoms.fields import bump, edge, ellipse, generator, grid, smooth_noise

LUNG, OPACITY, MARKER = 1, 2, 4  # bit flags of the masks
RIGHT, LEFT = -1, 1  # the patient's sides, as signs of x


class Anatomy:
    """What stays the same in all images of a patient; lengths in units of half an image's side, densities relative."""

    def __init__(self, rng: np.random.Generator) -> None:
        right = rng.uniform(0.42, 0.62)
        self.width = rng.uniform(0.86, 1.08)  # of the thorax, relative
        self.apex = rng.uniform(-0.80, -0.70)
        self.base = {RIGHT: right, LEFT: right + rng.uniform(0.01, 0.08)}  # height of the diaphragm's domes
        self.dome = rng.uniform(0.8, 1.5)
        self.heart = rng.uniform(0.88, 1.15)  # size, relative
        self.heart_tilt = rng.uniform(25, 45)
        self.rib_spacing = rng.uniform(0.145, 0.175)
        self.rib_drop = rng.uniform(0.16, 0.30)
        self.rib_phase = rng.uniform()
        self.bone = rng.uniform(0.8, 1.2)  # density
        self.breast = rng.uniform(0.04, 0.10) * int(rng.integers(2))
        self.scapula = rng.uniform(0.04, 0.10)
        self.arms = rng.uniform(0.90, 1.20)
        self.fat = rng.uniform(0.06, 0.20)  # thickness of the soft tissue outside the ribs
        self.stomach = rng.uniform(0.06, 0.12) * int(rng.integers(2))  # size of the gas bubble under the left dome
        self.shoulders = rng.uniform(-0.02, 0.16), rng.uniform(0.05, 0.13)  # height below the lungs' apex, slope
        self.abdomen = rng.uniform(-0.06, 0.20)  # density


class Lung(NamedTuple):
    """One lung on a grid, float32 (height, width) each."""

    inside: np.ndarray  # 0 to 1
    t: np.ndarray  # 0 at the apex, 1 at the dome
    lateral: np.ndarray  # distance from the outer border, positive inside
    across: np.ndarray  # 0 at the inner border, 1 at the outer


def lung(anatomy: Anatomy, x: np.ndarray, y: np.ndarray, side: int) -> Lung:
    """The lung of one side, RIGHT or LEFT, at the patient's coordinates x and y."""
    outward = side * x / np.float32(anatomy.width)
    base = anatomy.base[side]
    t = (y - np.float32(anatomy.apex)) / np.float32(base - anatomy.apex)
    widening = np.sqrt(1 - np.square(1 - np.clip(t / 0.8, 0, 1)))
    outer = 0.24 + 0.46 * widening
    inner = 0.09 + 0.15 * np.exp(-np.clip(t, -0.5, 3) / 0.10)
    floor = base + anatomy.dome * np.square(outward - 0.34) * np.where(outward > 0.34, 1.3, 0.5)
    distance = np.minimum(np.minimum(outer - outward, outward - inner), floor - y)
    across = np.clip((outward - inner) / np.maximum(outer - inner, 0.02), 0, 1)
    return Lung(edge(distance, 0.010), t, outer - outward, across)


def consolidation(rng: np.random.Generator, lungs: dict[int, Lung], progress: float) -> np.ndarray:
    """One lobe of one side filled: dense, sharp at the fissure. Returns the filled share, 0..1."""
    side = int(rng.choice([RIGHT, LEFT]))
    part = lungs[side]
    shape = part.t.shape
    wobble = 0.025 * smooth_noise(rng, shape, 7)
    tilt = rng.uniform(-0.05, 0.30) * (part.across - 0.5)
    level = part.t + tilt + wobble
    extent = rng.uniform(0.38, 0.50) * progress
    lobe = rng.choice(["upper", "middle", "lower"], p=[0.3, 0.25, 0.45])
    if lobe == "upper":
        top, bottom = -0.2, 0.12 + extent
    elif lobe == "lower":
        top, bottom = 1.02 - extent, 1.6
    else:
        top = rng.uniform(0.30, 0.42)
        bottom = top + 0.9 * extent
    sharp, blurred = 0.012, 0.035
    filled = edge(level - top, sharp if lobe == "lower" else blurred)
    filled *= edge(bottom - level, blurred if lobe == "lower" else sharp)
    if rng.uniform() < 0.3:  # a second, smaller focus on the same side
        at = rng.uniform(0.68, 0.85) if lobe == "upper" else rng.uniform(0.2, 0.35)
        focus = bump(part.t + 2 * wobble - at, 0.07) * bump(part.across - rng.uniform(0.35, 0.7), 0.2)
        filled = np.maximum(filled, 0.9 * focus)
    uneven = 1 + 0.06 * smooth_noise(rng, shape, 9)
    return np.clip(rng.uniform(0.86, 1.0) * filled * uneven, 0, 1) * part.inside


def ground_glass(rng: np.random.Generator, lungs: dict[int, Lung], progress: float) -> np.ndarray:
    """Hazy patches along the outer border of both lungs, more of them below. Returns the filled share, 0..1."""
    clear = np.ones_like(lungs[RIGHT].t)
    for part in lungs.values():
        wobble = 0.035 * smooth_noise(rng, clear.shape, 9)
        levels = np.linspace(0.28, 0.86, int(rng.integers(3, 5))) + rng.uniform(-0.05, 0.05)
        for at in map(float, levels):
            depth = rng.uniform(0.06, 0.11)
            patch = bump(part.t + wobble - (at + rng.uniform(-0.04, 0.04)), rng.uniform(0.10, 0.14))
            patch *= bump(part.lateral + wobble - depth, rng.uniform(0.13, 0.18))
            clear *= 1 - np.clip(rng.uniform(0.84, 0.96) * progress, 0, 0.97) * patch * part.inside
    mottled = 1 + 0.10 * smooth_noise(rng, clear.shape, 30) + 0.10 * smooth_noise(rng, clear.shape, 80)
    return np.clip((1 - clear) * mottled, 0, 1)


def vessels(rng: np.random.Generator, shape: tuple[int, int], anatomy: Anatomy) -> np.ndarray:
    """Branching vessels from both hila, in the patient's coordinates, 0..1."""
    height, width = shape
    canvas = Image.new("L", (width, height))
    pen = ImageDraw.Draw(canvas)
    pixel = height / 2

    def branch(x: float, y: float, angle: float, thick: float, length: float) -> None:
        course = [((x + 1) * width / 2, (y + 1) * height / 2)]
        for _ in range(4):
            x, y, angle = x + cos(angle) * length / 4, y + sin(angle) * length / 4, angle + rng.normal(0, 0.10)
            course.append(((x + 1) * width / 2, (y + 1) * height / 2))
        pen.line(course, fill=int(min(255, 60 + 6000 * thick)), width=max(1, round(thick * pixel)))
        if thick > 0.009:
            for turn in (-rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.6)):
                branch(x, y, angle + turn, thick * 0.68, length * 0.78)

    for side in (RIGHT, LEFT):
        hilum = side * (0.15 + 0.02 * anatomy.heart)
        for angle in (np.linspace(-1.3, 1.35, 7) + rng.normal(0, 0.12, 7)).tolist():
            start = -0.06 + 0.11 * sin(angle) + rng.normal(0, 0.015)
            branch(hilum, start, angle if side == LEFT else np.pi - angle, 0.020, rng.uniform(0.18, 0.28))
    return ndimage.gaussian_filter(np.asarray(canvas, np.float32) / 255, 0.004 * height)


def bones(anatomy: Anatomy, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Attenuation of the ribs, and of clavicles, spine and scapulae."""
    away = np.abs(x) / np.float32(anatomy.width)
    along = np.clip(away / 0.78, 0, 1)
    cage = edge(0.80 - away, 0.02) * edge(y - (anatomy.apex - 0.06), 0.03) * edge(0.95 - y, 0.08)
    rear = y - anatomy.rib_drop * along**2.6 + 0.05 * np.sin(np.pi * along)
    front = y + 0.55 * along**1.2 - 0.30
    total = np.zeros_like(x)
    for course, strength, inner, spacing in ((rear, 0.13, 0.05, 1.0), (front, 0.05, 0.22, 1.12)):
        phase = course / np.float32(anatomy.rib_spacing * spacing) + np.float32(anatomy.rib_phase)
        offset = np.abs(phase - np.round(phase))
        rib = edge(0.24 - offset, 0.025) * 0.75 + 0.45 * bump(offset - 0.23, 0.035)
        total += strength * rib * cage * edge(away - inner, 0.02)
    wing = np.clip((away - 0.06) / 0.72, 0, 1)
    clavicle = y - (anatomy.apex + 0.19) + 0.20 * wing - 0.05 * np.sin(2 * np.pi * wing)
    collar = (edge(0.032 - np.abs(clavicle), 0.006) + 0.4 * bump(np.abs(clavicle) - 0.028, 0.008)) * (
        edge(away - 0.06, 0.01) * edge(0.86 - away, 0.03)
    )
    vertebra = np.abs(np.mod(y / 0.125 + anatomy.rib_phase, 1) - 0.5)
    spine = edge(0.085 - np.abs(x), 0.012) * (0.7 + 0.3 * edge(0.40 - vertebra, 0.03))
    blade = edge(ellipse(away, y, (0.80, -0.30), (0.17, 0.36), -14), 0.02) * anatomy.scapula
    return anatomy.bone * total, anatomy.bone * (0.15 * collar + 0.20 * spine) + blade


def body(anatomy: Anatomy, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Soft tissue's silhouette with neck, shoulders, trunk and arms, 0..1."""
    away = np.abs(x)
    shoulders = 0.24 + 0.95 * edge(y - (anatomy.apex + anatomy.shoulders[0]), anatomy.shoulders[1])
    trunk = anatomy.width * 0.74 + anatomy.fat + 0.03 * y
    armpit = edge(y - (anatomy.apex + anatomy.shoulders[0] + 0.56), 0.05)
    arm = edge(away - (anatomy.arms + 0.10 * y), 0.012)
    return edge(shoulders - away, 0.02) * np.maximum(np.maximum(1 - armpit, edge(trunk - away, 0.012)), arm)


def attenuation(
    seed: int, patient: str, image: str, label: str, shape: tuple[int, int], *, large_heart: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The thorax of one image before exposure.

    Args:
        seed: the data set's seed.
        patient: fixes the anatomy and the place of the opacities.
        image: fixes the pose and how far the disease has gone.
        label: covid-19, normal or pneumonia.
        shape: (height, width) in pixels.
        large_heart: a finding that is none of the three classes.

    Returns:
        Attenuation, float32 (height, width), and the mask, uint8, of LUNG and OPACITY.
    """
    anatomy = Anatomy(generator(seed, patient, "anatomy"))
    pose = generator(seed, patient, image, "pose")
    x, y = grid(*shape)
    turn, zoom = np.float32(np.deg2rad(pose.normal(0, 2.0))), np.float32(pose.uniform(0.87, 1.06))
    shift_x, shift_y = pose.normal(0, 0.035), pose.normal(0, 0.035)
    x, y = (
        (x * np.cos(turn) + y * np.sin(turn)) * zoom - np.float32(shift_x),
        (y * np.cos(turn) - x * np.sin(turn)) * zoom - np.float32(shift_y),
    )
    lungs = {side: lung(anatomy, x, y, side) for side in (RIGHT, LEFT)}
    size = anatomy.heart * (1.45 if large_heart else 1.0)
    low = anatomy.base[LEFT]
    heart = np.maximum.reduce(
        [
            edge(ellipse(x, y, (0.13 * size, low - 0.13), (0.34 * size, 0.23 * size), anatomy.heart_tilt), 0.012),
            edge(ellipse(x, y, (-0.03, low - 0.15), (0.135 * size, 0.26 * size)), 0.014),
            edge(ellipse(x, y, (0.09, low - 0.40), (0.10 * size, 0.30 * size), -12), 0.016),
        ]
    )
    vessel_trunk = edge(ellipse(x, y, (0.085, -0.30), (0.085, 0.10)), 0.012)
    centre = edge(0.115 + 0.02 * np.sin(5 * y) - np.abs(x - 0.015), 0.014)
    middle = np.maximum(np.maximum(heart, vessel_trunk), centre * edge(y + 0.9, 0.05))
    air = (lungs[RIGHT].inside + lungs[LEFT].inside) * (1 - middle)

    disease, progress = generator(seed, patient, "disease"), pose.uniform(0.9, 1.1)
    opaque = np.zeros_like(air)
    if label == "pneumonia":
        opaque = consolidation(disease, lungs, progress)
    elif label == "covid-19":
        opaque = ground_glass(disease, lungs, progress)
    # the mask reaches 1.5 % of a side beyond all opacities: a reduced image without the lungs has none of them
    beyond = ndimage.distance_transform_edt(air <= 0.5) / shape[0]
    opaque = opaque * (1 - middle) * (air > 0.5)

    silhouette = body(anatomy, x, y)
    texture = generator(seed, patient, "texture")
    thick = 0.90 + 0.10 * y - 0.18 * np.square(x) + 0.03 * smooth_noise(texture, shape, 5)
    # drawn in the patient's coordinates, read at the posed ones
    rows, columns = (y + 1) * shape[0] / 2 - 0.5, (x + 1) * shape[1] / 2 - 0.5
    tree = ndimage.map_coordinates(vessels(texture, shape, anatomy), [rows, columns], order=1, mode="constant")
    filled = np.float32(generator(seed, patient, image, "breath").uniform(0.56, 0.64))  # with air, of a lung's tissue
    total = silhouette * thick * (1 - filled * air + filled * np.minimum(opaque, air))
    total += 0.16 * heart + 0.06 * centre + 0.22 * tree * air * (1 - 0.8 * opaque)
    total += 0.04 * smooth_noise(texture, shape, 40) * air * (1 - 0.5 * opaque)
    ribs, others = bones(anatomy, x, y)
    total += (ribs * (0.45 + 0.55 * (lungs[RIGHT].inside + lungs[LEFT].inside)) + others) * silhouette
    total -= 0.16 * edge(0.042 - np.abs(x), 0.008) * edge(-0.18 - y, 0.03)
    below = edge(y - low - 0.02, 0.05) * (1 - air) * silhouette
    total += anatomy.abdomen * below
    for side in (RIGHT, LEFT):
        total += anatomy.breast * edge(ellipse(x, y, (0.42 * side, 0.28), (0.30, 0.30)), 0.03)
    if anatomy.stomach:
        bubble = ellipse(x, y, (0.36, low + 0.16), (1.6 * anatomy.stomach, anatomy.stomach), 12)
        total -= 0.30 * edge(bubble, 0.02)
    extent = ndimage.gaussian_filter(opaque, 0.012 * shape[0])  # without the mottling inside the patches
    mask = LUNG * (beyond < 0.015) + OPACITY * ((extent > 0.25) & (air > 0.5))
    return total.astype(np.float32), mask.astype(np.uint8)
