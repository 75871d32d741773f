"""HAM10000 as phantoms: which lesions and images there are, and the metadata table."""

import pandas as pd

from lib.phantoms.fields import generator

# Images a class in the real collection (10,015 in all); the phantoms keep the proportions above a floor.
REAL_COUNTS = {"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142}
FLOOR = 10  # images a class at least
LESIONS = 8  # lesions a class at least, so that all three subsets get some
IMAGES_A_LESION = 10015 / 7470
FIRST = 24306  # of HAM10000's own image numbers
PLACES = ("back", "lower extremity", "trunk", "upper extremity", "abdomen", "face", "chest", "unknown")


def images_by_class(images: int) -> dict[str, int]:
    """Images a class, at least `FLOOR` each, of all `images` together (70 or more)."""
    spare, real = images - FLOOR * len(REAL_COUNTS), sum(REAL_COUNTS.values())
    numbers = {kind: FLOOR + int(spare * count / real) for kind, count in REAL_COUNTS.items()}
    numbers["nv"] += images - sum(numbers.values())
    return numbers


def skin_table(images: int, seed: int) -> pd.DataFrame:
    """HAM10000's own table: class by class, the images of one lesion together."""
    rng = generator(seed, "ham10000")
    names, lesion_names = iter(FIRST + rng.permutation(images)), iter(rng.permutation(images))
    rows = []
    for kind, number in images_by_class(images).items():
        lesions = min(number, max(LESIONS, round(number / IMAGES_A_LESION)))
        sizes = [1] * lesions
        for at in rng.integers(0, max(1, lesions // 2), number - lesions):
            sizes[int(at)] += 1
        for size in sizes:
            lesion = {"lesion_id": f"HAM_{int(next(lesion_names)):07d}", "image_id": "", "dx": kind}
            lesion["dx_type"] = str(rng.choice(["histo", "follow_up" if kind == "nv" else "consensus"], p=[0.7, 0.3]))
            lesion["age"] = float(5 * rng.integers(4, 18)) if rng.uniform() > 0.02 else ""
            lesion["sex"] = str(rng.choice(["male", "female", "unknown"], p=[0.53, 0.45, 0.02]))
            lesion["localization"] = str(rng.choice(PLACES))
            lesion["dataset"] = str(rng.choice(["vidir_molemax", "vidir_modern", "rosendahl", "vienna_dias"]))
            rows += [lesion | {"image_id": f"ISIC_{next(names):07d}"} for _ in range(size)]
    return pd.DataFrame(rows)


def skin_file(image_id: str, images: int) -> str:
    """Path of an image below ham10000/, whose two parts hold half of the numbers each."""
    part = 1 + (int(image_id.removeprefix("ISIC_")) >= FIRST + images // 2)
    return f"HAM10000_images_part_{part}/{image_id}.jpg"
