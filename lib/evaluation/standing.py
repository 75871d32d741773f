"""What a run's results stand on: which images, which networks, and where its settings differ from the paper's.

Whether a row may be compared with the published numbers follows from what it was made with, not from the run's name:
the settings that notebooks 00 and 04 wrote down beside their results are compared with those of the report,
`results/published/settings.csv`.
"""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import yaml

from lib import files
from lib.data.labels import CHEST_CLASSES
from lib.evaluation.runs import SETTINGS, Row, published_table, read_index
from lib.paths import PUBLISHED, Paths

TOLERATED = 0.1
"""Share by which a class may have more or fewer images than the authors' COVIDx (covidx.csv): our choice."""

PRETRAINED = {"imagenet": "ImageNet", "ham10000": "HAM10000", "none": ""}
STAND_IN = "ImageNet stand-in"
"""Transfer learning of a row that a run without ImageNet's weights pretrained on its skin images instead."""

NETWORKS = {"resnet50v2": "ResNet50V2", "covidnet": "COVID-Net"}
COLUMNS = ("setting", "this run", "in the paper")


@dataclass(frozen=True)
class Standing:
    """The data of a run.

    Attributes:
        settings: what notebook 00 prepared them with (settings.json); empty where it has not been run.
        images: number of prepared images of each class.
        patients: number of patients.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    patients: int = 0

    @property
    def phantoms(self) -> bool:
        """Whether the images are generated ones."""
        return self.settings.get("data") == "phantoms"

    @property
    def data(self) -> str:
        """The images in words."""
        kind = {"": "unknown images", "phantoms": "phantoms, generated pictures"}.get(self.settings.get("data", ""))
        size = f": {sum(self.images.values()):,} images of {self.patients:,} patients" if self.images else ""
        return (kind or "chest X-rays") + size

    def differences(self, row: Row | None = None) -> pd.DataFrame:
        """Where the data and, if one is given, a row differ from the paper's; a row without its settings differs.

        Returns:
            Columns `COLUMNS`, as text; empty where the row may be compared with the published numbers.
        """
        published = _published()
        found = [] if self.settings else [("data", "not prepared", "COVIDx")]
        if self.phantoms:
            found.append(("data", "phantoms, generated pictures", "COVIDx, chest X-rays"))
        elif self.settings:
            for name, about in pd.read_csv(PUBLISHED / "covidx.csv", index_col="class")["images"].items():
                if abs(self.images.get(name, 0) - about) > TOLERATED * about:
                    found.append((f"images of {name}", f"{self.images.get(name, 0):,}", f"about {about:,}"))
        found += _unequal(published["data"], self.settings) if self.settings else []
        if row is not None:
            kinds = ["rows", row.settings.get("backbone"), row.settings.get("pretraining")]
            if row.settings.get("fine_tuning") or row.settings.get("continues"):
                kinds += ["fine_tuned", f"fine_tuned {row.settings.get('backbone')}"]
            expected = {name: value for kind in kinds for name, value in published.get(kind, {}).items()}
            found += _unequal(expected, row.settings)
            found += _unlike_table_1(row)
        return pd.DataFrame(found, columns=list(COLUMNS), dtype=str)


def read_standing(at: Paths) -> Standing:
    """The data that a run has prepared."""
    settings, index = at.covidx / "settings.json", read_index(at)
    if index is None or not settings.is_file():
        return Standing()
    counts = index["label"].value_counts().reindex(CHEST_CLASSES, fill_value=0)
    return Standing(files.read_json(settings), counts.to_dict(), index["group_id"].nunique())


def differences(standing: Standing, rows: dict[str, Row]) -> pd.DataFrame:
    """Every difference of the data or of some row, once, with the rows that have it where these are not all.

    Returns:
        Columns `COLUMNS` and `rows`, as text.
    """
    parts = [standing.differences(row).assign(row=name) for name, row in rows.items()] or [
        standing.differences().assign(row="")
    ]
    table = pd.concat(parts)
    whose = table.groupby(list(COLUMNS), sort=False)["row"].agg(list).reset_index()
    whose["rows"] = ["all" if len(names) == len(parts) else ", ".join(names) for names in whose.pop("row")]
    return whose


def pretrained_on(settings: dict[str, Any]) -> str:
    """What a row was pretrained on, from its parameters `pretraining` and `imagenet_weights`; "" from scratch."""
    return STAND_IN if stands_in(settings) else PRETRAINED[settings["pretraining"]]


def stands_in(settings: dict[str, Any]) -> bool:
    """Whether skin images stood in for ImageNet's weights."""
    return settings.get("pretraining") == "imagenet" and settings.get("imagenet_weights") == "stand_in"


def network(settings: dict[str, Any]) -> str:
    """A row's network in words, from its settings.json; "" where there is none."""
    if "backbone" not in settings:
        return ""
    first = pretrained_on(settings)
    first = "skin images in place of ImageNet" if first == STAND_IN else first
    parts = [NETWORKS[settings["backbone"]], f"pretrained on {first}" if first else "from scratch"]
    parts += ["fine-tuned"] * bool(settings.get("continues") or settings.get("fine_tuning"))
    parts += ["class weights"] * bool(settings.get("class_weights"))
    parts += ["augmentation"] * bool(settings.get("augmentation"))
    return ", ".join(parts)


def _published() -> dict[str, dict[str, Any]]:
    """The paper's settings by what they are of: data, rows, fine_tuned, ..., imagenet, ham10000, covidnet."""
    table = pd.read_csv(PUBLISHED / "settings.csv", dtype=str)
    return {
        kind: {name: yaml.safe_load(value) for name, value in zip(part["setting"], part["value"], strict=True)}
        for kind, part in table.groupby("of", sort=False)
    }


def _unequal(expected: dict[str, Any], found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (name, str(found.get(name, "not recorded")), str(value))
        for name, value in expected.items()
        if found.get(name) != value
    ]


def _unlike_table_1(row: Row) -> list[tuple[str, str, str]]:
    """The four settings of Table 1's row of this name; only what the row records is compared."""
    table = published_table()
    if row.name not in table.index or "pretraining" not in row.settings:
        return []
    made = {"transfer_learning": PRETRAINED[row.settings["pretraining"]]}
    made |= {name: "yes" if row.settings.get(name) else "no" for name in ("class_weights", "augmentation")}
    fine_tuned = bool(row.settings.get("continues") or row.settings.get("fine_tuning"))
    made["fine_tuning"] = "" if row.settings["pretraining"] == "none" else "yes" if fine_tuned else "no"
    return [
        (f"Table 1, {name.replace('_', ' ')}", made[name] or "none", table.at[row.name, name] or "none")
        for name in SETTINGS
        if made[name] != table.at[row.name, name]
    ]
