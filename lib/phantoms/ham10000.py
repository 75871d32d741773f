"""HAM10000 as phantoms: which lesions and images there are, and the metadata table."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from lib import files
from lib.phantoms.fields import generator

# Images a class in the real collection (10,015 in all); the phantoms keep the proportions above a floor.
REAL_COUNTS = {"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142}
FLOOR = 10  # images a class at least
LESIONS = 8  # lesions a class at least, so that all three subsets get some
IMAGES_A_LESION = 10015 / 7470
PARTS = ("HAM10000_images_part_1", "HAM10000_images_part_2")


@dataclass(frozen=True)
class SkinShot:
    """One picture: its table's row, the folder (part) and the class."""

    row: dict[str, object]
    part: str
    kind: str

    @property
    def file(self) -> str:
        return f"{self.part}/{self.row['image_id']}.jpg"


def counts(images: int) -> dict[str, int]:
    """Images a class, at least `FLOOR` each.

    Args:
        images: all together, at least 70.
    """
    spare, real = images - FLOOR * len(REAL_COUNTS), sum(REAL_COUNTS.values())
    numbers = {kind: FLOOR + int(spare * count / real) for kind, count in REAL_COUNTS.items()}
    numbers["nv"] += images - sum(numbers.values())
    return numbers


def plan(images: int, seed: int) -> list[SkinShot]:
    """All pictures, in the order of the table: class by class, the pictures of one lesion together."""
    rng = generator(seed, "ham10000")
    kinds = {kind: number for kind, number in counts(images).items()}
    names = iter(24306 + rng.permutation(images))  # HAM10000's own image numbers start at 24306
    lesion_names = iter(rng.permutation(images))
    places = ["back", "lower extremity", "trunk", "upper extremity", "abdomen", "face", "chest", "unknown"]
    shots = []
    for kind, number in kinds.items():
        lesions = min(number, max(LESIONS, round(number / IMAGES_A_LESION)))
        sizes = [1] * lesions
        for at in rng.integers(0, max(1, lesions // 2), number - lesions):
            sizes[int(at)] += 1
        for size in sizes:
            lesion = f"HAM_{int(next(lesion_names)):07d}"
            row = {"lesion_id": lesion, "dx": kind}
            row["dx_type"] = str(rng.choice(["histo", "follow_up" if kind == "nv" else "consensus"], p=[0.7, 0.3]))
            row["age"] = float(5 * rng.integers(4, 18)) if rng.uniform() > 0.02 else ""
            row["sex"] = str(rng.choice(["male", "female", "unknown"], p=[0.53, 0.45, 0.02]))
            row["localization"] = str(rng.choice(places))
            row["dataset"] = str(rng.choice(["vidir_molemax", "vidir_modern", "rosendahl", "vienna_dias"]))
            for _ in range(size):
                number_of_image = int(next(names))
                part = PARTS[number_of_image >= 24306 + images // 2]
                shots.append(SkinShot({**row, "image_id": f"ISIC_{number_of_image:07d}"}, part, kind))
    return shots


def write_table(folder: Path, shots: list[SkinShot]) -> None:
    columns = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"]
    files.write_csv(folder / "HAM10000_metadata.csv", pd.DataFrame([shot.row for shot in shots])[columns])
