"""Skin phantoms: dermatoscopic pictures of seven kinds of lesions, told apart by colour, border and structure.

Each kind shows in a simple form what dermatology looks for: nv a regular brown network, mel an irregular border and
several colours with blue-white areas, bkl a sharp waxy plaque with pale cysts and dark openings, bcc pink with
blue-grey ovals and branching vessels, akiec red with white scale, df a pale scar in a brown ring, vasc red to purple
lacunae.
"""

from math import cos, sin, sqrt

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from lib.phantoms.fields import bump, edge, generator, grid, smooth_noise

BROWN, DARK, BLACK = (122, 78, 52), (78, 44, 30), (38, 24, 24)
PINK, RED, PURPLE = (214, 128, 120), (190, 52, 62), (128, 36, 84)
BLUE, WHITE, TAN = (96, 104, 132), (236, 218, 210), (176, 130, 82)


class Lesion:
    """What stays the same in all images of a lesion of one of the seven classes."""

    def __init__(self, rng: np.random.Generator, kind: str) -> None:
        rough = {"mel": 0.085, "akiec": 0.08, "bcc": 0.08, "bkl": 0.05, "nv": 0.03, "df": 0.03, "vasc": 0.05}[kind]
        size = {"mel": (0.55, 0.8), "akiec": (0.6, 0.85), "vasc": (0.3, 0.5), "df": (0.4, 0.6)}.get(kind, (0.42, 0.7))
        redder, paler = rng.normal(0, 6), rng.normal(0, 10)
        self.radius = rng.uniform(*size)  # in units of half the image's height
        self.stretch = rng.uniform(1.0, 1.45 if kind in ("mel", "akiec", "bkl") else 1.25)
        self.angle = rng.uniform(0, np.pi)
        # amplitude and phase of the border's waves, from two lobes on
        self.waves = [(rough * rng.normal() / sqrt(k - 1), rng.uniform(0, 2 * np.pi)) for k in range(2, 9)]
        self.skin = 214 + paler + redder, 172 + paler, 158 + paler - redder / 2
        self.hue = rng.uniform(-1, 1)  # within the class's range of colours


def draw_skin(seed: int, lesion_id: str, image_id: str, kind: str, shape: tuple[int, int]) -> np.ndarray:
    """One dermatoscopic picture.

    Args:
        seed: the data set's seed.
        lesion_id: fixes shape, colours and structure of the lesion.
        image_id: fixes pose, light, hairs.
        kind: one of the seven classes.
        shape: (height, width) in pixels.

    Returns:
        uint8 (height, width, 3), RGB.
    """
    lesion = Lesion(generator(seed, lesion_id, "lesion"), kind)
    pose, inner = generator(seed, lesion_id, image_id), generator(seed, lesion_id, "structure")
    x, y = grid(*shape)
    x = x * np.float32(shape[1] / shape[0])
    zoom, turn = pose.uniform(0.88, 1.12), pose.normal(0, 0.2)
    px, py = (x - np.float32(pose.normal(0, 0.10))) * zoom, (y - np.float32(pose.normal(0, 0.08))) * zoom
    angle = np.float32(lesion.angle + turn)
    along = (px * np.cos(angle) + py * np.sin(angle)) / np.float32(sqrt(lesion.stretch))
    across = (py * np.cos(angle) - px * np.sin(angle)) * np.float32(sqrt(lesion.stretch))
    direction = np.arctan2(across, along)
    border = sum(a * np.cos(k * direction + phase) for k, (a, phase) in enumerate(lesion.waves, start=2))
    distance = lesion.radius * (1 + border) - np.hypot(along, across)
    distance = distance + 0.02 * smooth_noise(inner, shape, 14)
    skin = np.empty((3, *shape), np.float32)
    skin[:] = np.float32(lesion.skin)[:, None, None]
    furrows = 0.6 * smooth_noise(pose, shape, 60) + 0.8 * smooth_noise(pose, shape, 9)
    skin += furrows * np.float32([2.8, 3.5, 3.5])[:, None, None]
    painted = DRAWN[kind](inner, lesion, skin, distance.astype(np.float32), along, across)
    return _photograph(pose, _hairs(pose, painted), x, y)


def _mix(base: np.ndarray, colour: tuple[float, ...], share: np.ndarray) -> np.ndarray:
    """Paints a share 0..1 (height, width) of a colour over a picture, (3, height, width)."""
    share = np.clip(share, 0, 1)
    return base * (1 - share) + np.float32(colour)[:, None, None] * share


def _nv(rng, lesion, skin, distance, along, across):
    """Even brown with a regular pigment network that thins towards the border."""
    inside = edge(distance, 0.045)
    depth = np.clip(distance / lesion.radius, 0, 1)
    out = _mix(skin, TAN if lesion.hue > 0.4 else BROWN, 0.80 * inside)
    out = _mix(out, DARK, inside * (0.25 + 0.45 * depth) * (0.8 + 0.2 * lesion.hue))
    step, shape = 0.075, distance.shape
    u = along / step + 0.7 * smooth_noise(rng, shape, 9)
    v = across / step + 0.7 * smooth_noise(rng, shape, 9)
    net = np.maximum(bump(np.mod(u + v, 1) - 0.5, 0.17), bump(np.mod(u - v, 1) - 0.5, 0.17))
    fading = 0.45 * np.clip(1.1 - depth, 0, 1) + 0.1
    out = _mix(out, (168, 84, 64), 0.25 * inside * edge(smooth_noise(rng, shape, 5), 0.4))
    return _mix(out, DARK, fading * inside * net)


def _mel(rng, lesion, skin, distance, along, across):
    """Several browns and black in irregular areas, blue-white veil, dots beyond the border."""
    shape = distance.shape
    inside = edge(distance, 0.02)
    areas = smooth_noise(rng, shape, 5) + 0.35 * smooth_noise(rng, shape, 18)
    out = _mix(skin, (112, 66, 44), 0.88 * inside)
    out = _mix(out, BLACK, 0.85 * inside * edge(areas + 0.1 + 1.2 * along, 0.35))
    streaks = bump(smooth_noise(rng, shape, 26), 0.25)
    out = _mix(out, DARK, 0.45 * inside * streaks)
    veil = edge(smooth_noise(rng, shape, 4) + 0.25 * smooth_noise(rng, shape, 16) - 0.45, 0.25)
    out = _mix(out, BLUE, 0.65 * veil * edge(distance - 0.08, 0.05))
    out = _mix(out, RED, 0.25 * inside * edge(smooth_noise(rng, shape, 5) - 1.0, 0.25))
    dots = edge(smooth_noise(rng, shape, 45) - 2.3, 0.1) * edge(distance + 0.08, 0.03)
    return _mix(out, BLACK, 0.9 * dots)


def _bkl(rng, lesion, skin, distance, along, across):
    """A sharply cut waxy plaque with pale cysts, dark openings and ridges."""
    shape = distance.shape
    inside = edge(distance, 0.008)
    out = _mix(skin, (168, 126, 74) if lesion.hue > -0.3 else (140, 104, 78), 0.85 * inside)
    out = _mix(out, BROWN, 0.45 * inside * edge(smooth_noise(rng, shape, 6), 0.4))
    out = _mix(out, DARK, 0.35 * inside * bump(smooth_noise(rng, shape, 18), 0.22))
    spots = smooth_noise(rng, shape, 30)
    out = _mix(out, (240, 226, 184), 0.8 * inside * edge(spots - 1.75, 0.12))
    out = _mix(out, DARK, 0.8 * inside * edge(-spots - 1.85, 0.12))
    return _mix(out, DARK, 0.35 * inside * bump(distance - 0.02, 0.02))


def _bcc(rng, lesion, skin, distance, along, across):
    """Translucent pink with blue-grey ovals and branching vessels."""
    shape = distance.shape
    inside = edge(distance, 0.05)
    out = _mix(skin, (228, 168, 164), 0.75 * inside)
    out = _mix(out, (246, 226, 222), 0.5 * inside * edge(smooth_noise(rng, shape, 7) - 0.4, 0.2))
    for _ in range(int(rng.integers(4, 8))):
        turn, out_to, size = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.8), rng.uniform(0.07, 0.13)
        at = out_to * lesion.radius * cos(turn), out_to * lesion.radius * sin(turn)
        oval = edge(size - np.hypot((along - at[0]), (across - at[1]) * 1.3), 0.02)
        out = _mix(out, (84, 88, 112), 0.85 * oval * edge(distance + 0.02, 0.02))
    vessels = bump(smooth_noise(rng, shape, 7) - 0.2 * smooth_noise(rng, shape, 20), 0.055)
    return _mix(out, RED, 0.75 * inside * vessels)


def _akiec(rng, lesion, skin, distance, along, across):
    """Red, ill-defined, with white-yellow scale and white rings around follicles."""
    shape = distance.shape
    inside = edge(distance, 0.09)
    out = _mix(skin, (206, 96, 90), (0.62 + 0.10 * lesion.hue) * inside)
    follicles = smooth_noise(rng, shape, 22)
    out = _mix(out, (238, 190, 176), 0.45 * inside * edge(follicles - 0.9, 0.3))
    scale = edge(smooth_noise(rng, shape, 11) - 0.7, 0.12) * edge(smooth_noise(rng, shape, 50) + 0.6, 0.2)
    out = _mix(out, (246, 236, 214), 0.9 * inside * scale)
    return _mix(out, BROWN, 0.5 * inside * edge(smooth_noise(rng, shape, 9) - 1.3, 0.15))


def _df(rng, lesion, skin, distance, along, across):
    """A white, scar-like centre in a fine light brown ring."""
    inside = edge(distance, 0.06)
    ring = inside * (1 - edge(distance - 0.45 * lesion.radius, 0.05))
    out = _mix(skin, (166, 112, 84), 0.75 * ring)
    net = bump(np.abs(smooth_noise(rng, distance.shape, 34)), 0.35)
    out = _mix(out, BROWN, 0.45 * ring * net)
    scar = edge(distance - 0.48 * lesion.radius + 0.02 * smooth_noise(rng, distance.shape, 12), 0.05)
    return _mix(out, (244, 222, 216), 0.85 * scar)


def _vasc(rng, lesion, skin, distance, along, across):
    """Round red to purple lacunae, sharply cut, with paler septa."""
    shape = distance.shape
    inside = edge(distance, 0.015)
    out = _mix(skin, RED, 0.85 * inside)
    nearest = np.full(shape, 9, np.float32)
    for _ in range(22):
        turn, out_to = rng.uniform(0, 2 * np.pi), lesion.radius * sqrt(rng.uniform())
        size = rng.uniform(0.7, 1.3)
        at = out_to * cos(turn), out_to * sin(turn)
        nearest = np.minimum(nearest, np.hypot(along - at[0], across - at[1]) / np.float32(size))
    lacunae = edge(0.19 * lesion.radius - nearest + 0.008 * smooth_noise(rng, shape, 14), 0.012)
    colour = PURPLE if lesion.hue > -0.2 else (150, 24, 40)
    return _mix(out, colour, 0.85 * inside * lacunae)


DRAWN = {"akiec": _akiec, "bcc": _bcc, "bkl": _bkl, "df": _df, "mel": _mel, "nv": _nv, "vasc": _vasc}


def _hairs(rng: np.random.Generator, painted: np.ndarray) -> np.ndarray:
    """A few dark hairs on about a third of the pictures, whatever the class."""
    if rng.uniform() > 0.35:
        return painted
    height, width = painted.shape[1:]
    canvas = Image.new("L", (width, height))
    pen = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(3, 14))):
        x, y, turn = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0, np.pi)
        bend = rng.normal(0, 0.8)
        course = []
        for _ in range(14):
            course.append((float(x), float(y)))
            x, y, turn = x + 0.055 * width * np.cos(turn), y + 0.055 * width * np.sin(turn), turn + bend / 14
        pen.line(course, fill=200, width=max(1, round(0.006 * width)))
    strands = ndimage.gaussian_filter(np.asarray(canvas, np.float32) / 255, 0.5)
    return _mix(painted, (58, 42, 38), strands)


def _photograph(rng: np.random.Generator, painted: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Light, white balance, vignette, a slight blur and grain."""
    light = rng.uniform(0.90, 1.08) * (1 + 0.05 * rng.normal() * x + 0.05 * rng.normal() * y)
    balance = np.float32([1 + rng.normal(0, 0.02), 1 + rng.normal(0, 0.015), 1 + rng.normal(0, 0.03)])
    radius = np.hypot(x, y)
    light = light * (1 - rng.uniform(0.02, 0.10) * radius**2)
    if rng.uniform() < 0.12:  # the dermatoscope's round field of view
        light = light * edge(rng.uniform(1.25, 1.4) - radius, 0.02)
    seen = ndimage.gaussian_filter(painted * light, (0, 0.6, 0.6)) * balance[:, None, None]
    seen += 2.0 * rng.standard_normal(seen.shape, dtype=np.float32)
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8).transpose(1, 2, 0)
