import itertools
import json
import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib import files
from lib.data import audit, duplicates, split
from lib.data.labels import CHEST_CLASSES
from lib.data.lists import parse_line
from lib.data.load import Dataset
from lib.data.tables import read_table
from lib.paths import NOTEBOOKS


def dataset(rows, images=None):
    """rows: (group_id, source, label, split)."""
    index = pd.DataFrame(rows, columns=["group_id", "source", "label", "split"])
    index.insert(0, "image_id", [f"i{i}" for i in range(len(index))])
    index["sha256"] = [f"digest{i}" for i in range(len(index))]
    return Dataset(Path("."), index, images, CHEST_CLASSES)


def run_cell(name, covidx, folder=None):
    """What a cell of notebook 01 assigns, for a given dataset; its tables go to `folder`."""
    cells = json.loads((NOTEBOOKS / "01_data_exploration.ipynb").read_text())["cells"]
    (source,) = ["".join(cell["source"]) for cell in cells if cell["metadata"].get("name") == name]
    names = {"pd": pd, "files": files, "split": split, "covidx": covidx, "at": SimpleNamespace(audit=folder)}
    exec(source, names)
    return names


def test_the_source_baseline_predicts_the_shares_of_the_training_images_alone():
    data = dataset(
        [("a", "cohen", "covid-19", "train")] * 3
        + [("b", "cohen", "pneumonia", "train")]
        + [("c", "rsna", "normal", "train")] * 2
        + [("d", "cohen", "normal", "test"), ("e", "rsna", "normal", "test"), ("f", "new", "covid-19", "test")]
    )
    table = run_cell("source-shares", data)["predictions"]
    assert list(table.columns) == ["image_id", "group_id", "source", "label", *CHEST_CLASSES]
    assert table[list(CHEST_CLASSES)].to_numpy().tolist() == [
        [0.75, 0.0, 0.25],
        [0.0, 1.0, 0.0],
        pytest.approx([3 / 6, 2 / 6, 1 / 6]),  # a source that training does not hold: shares of all training images
    ]


def pictures():
    """Five pictures: a, its exact copy, a slightly brighter a, and two others."""
    rng = np.random.default_rng(0)
    coarse = [Image.fromarray(rng.integers(0, 256, (7, 7), dtype=np.uint8)) for _ in range(3)]
    made = [np.asarray(image.resize((48, 48), Image.Resampling.BICUBIC)) for image in coarse]
    brighter = np.clip(made[0].astype(int) + 3, 0, 255).astype(np.uint8)
    return np.stack([made[0], made[0], brighter, made[1], made[2]])[..., None]


def test_duplicates_are_found_by_content_and_named_by_kind():
    rows = [("p1", "cohen", "covid-19", "train"), ("p2", "sirm", "covid-19", "test")]
    rows += [rows[0], ("p4", "rsna", "normal", "train"), ("p5", "rsna", "normal", "test")]
    data = dataset(rows, pictures())
    data.index.loc[1, "sha256"] = data.index.loc[0, "sha256"]
    pairs = duplicates.find(data.index, data.images, bits=2)
    found = pairs[["image_id_a", "image_id_b", "kind", "same_group"]].values.tolist()
    assert ["i0", "i1", "same file", False] in found
    assert ["i0", "i2", "near", True] in found
    assert len(pairs) == 3
    assert pairs["correlation"].min() > 0.99
    assert duplicates.correlation(np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)) == 0  # uniform images
    assert duplicates.across(pairs, "split")["image_id_b"].tolist().count("i1") == 1
    summary = duplicates.count_kinds(pairs).set_index("kind")
    names = ["pairs", "across groups", "across splits", "across sources"]
    assert summary.loc["same file", names].tolist() == [1, 1, 1, 1]


def test_every_close_pair_is_found_across_blocks():
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**63, 60, dtype=np.uint64)
    hashes[50] = hashes[3] ^ np.uint64(0b101)
    hashes[20] = hashes[19]
    pairs = itertools.combinations(enumerate(hashes.tolist()), 2)
    apart = [(i, j, (a ^ b).bit_count()) for (i, a), (j, b) in pairs]
    by_hand = [pair for pair in apart if pair[2] <= 3]
    assert sorted(map(tuple, duplicates.close_pairs(hashes, 3, block=7).tolist())) == by_hand
    assert (3, 50, 2) in by_hand


def test_hashes_are_those_of_imagehash():
    import imagehash

    images = pictures()
    expected = [int(str(imagehash.phash(Image.fromarray(image[:, :, 0]))), 16) for image in images]
    assert duplicates.perceptual_hashes(images, np.arange(len(images))).tolist() == expected


def test_duplicates_to_drop_spare_the_test_set():
    images = np.repeat(pictures()[:1], 3, axis=0)
    rows = [("a", "x", "normal", "train"), ("b", "x", "normal", "validation"), ("c", "x", "normal", "test")]
    data = dataset(rows, images)
    assert duplicates.to_drop(data.index, images, 0).index.tolist() == [0, 1]


def test_split_table_counts_images_and_ids():
    rows = [("a", "x", "normal", "train")] * 3 + [("b", "x", "normal", "test"), ("c", "x", "covid-19", "train")]
    table = audit.split_table(dataset(rows).index)
    names = ["train", "train %", "train ids", "test", "images", "ids"]
    assert table.loc["normal", names].tolist() == [3, 75, 1, 1, 4, 2]
    assert table.loc["all", ["train", "test", "validation"]].tolist() == [4, 1, 0]


def test_counts_and_conflicts_add_up_to_the_images(tmp_path):
    rows = [("a", "x", "pneumonia", "train"), ("b", "y", "normal", "test"), ("b", "y", "normal", "train")]
    run_cell("label-conflicts", dataset([*rows, ("a", "z", "covid-19", "train")]), tmp_path)
    assert pd.read_csv(tmp_path / "counts.csv").values.tolist() == [
        ["covid-19", "z", "train", 1, 1],
        ["normal", "y", "train", 1, 1],
        ["normal", "y", "test", 1, 1],
        ["pneumonia", "x", "train", 1, 1],
    ]
    (conflict,) = pd.read_csv(tmp_path / "label_conflicts.csv").to_dict("records")
    said = {"group_id": "a", "source": "x, z", "labels": "covid-19: 1, pneumonia: 1", "images": 2}
    assert conflict == said | {"drawn_with": "covid-19", "split": "train"}
    assert pd.read_csv(tmp_path / "split_conflicts.csv").values.tolist() == [["b", "y", "test: 1, train: 1", 2]]


def test_mean_images_are_exact_across_blocks():
    images = np.random.default_rng(0).integers(0, 256, (600, 2, 2, 1), dtype=np.uint8)
    positions = np.arange(1, 600, 2)
    assert np.allclose(audit.mean_image(images, positions), images[positions].mean(axis=0))


def test_people_are_described_only_where_known(tmp_path):
    data = dataset([(name, "x", name, "train") for name in CHEST_CLASSES] + [("a", "x", "normal", "train")] * 3)
    assert "age known %" not in run_cell("people", data, tmp_path)["people"]
    known = ("20", "F", "PA"), ("40", "male", "AP Supine"), (None, None, None), ("old", "", "")
    for position, told in zip((1, 3, 4, 5), known, strict=True):
        data.index.loc[position, ["age", "sex", "view"]] = told
    row = run_cell("people", data, tmp_path)["people"].loc["normal"]
    names = ["age known %", "median age", "sex known %", "female %", "PA %", "AP %"]
    assert row[names].tolist() == [50, 30, 50, 50, 50, 50]


def real(name):
    """Part of a real data folder, which COMPANION_DATA names; the test is skipped without it."""
    folder = Path(os.environ.get("COMPANION_DATA", "")) / name
    if not os.environ.get("COMPANION_DATA") or not folder.exists():
        pytest.skip(f"set COMPANION_DATA to a data folder that holds {name}")
    return folder


def list_counts(path):
    lines = [parse_line(line) for line in path.read_text().splitlines()]
    assert None not in lines
    return Counter(line.label for line in lines), Counter(line.source for line in lines)


def test_the_published_lists_parse_completely():
    folder = real("covidx-lists-full")
    labels, sources = list_counts(folder / "train_COVIDx5.txt")
    assert labels == {"normal": 7966, "pneumonia": 5475, "covid-19": 517}
    assert sources == {"rsna": 13389, "cohen": 491, "sirm": 29, "actmed": 25, "fig1": 24}
    labels, sources = list_counts(folder / "test_COVIDx5.txt")
    assert labels == {"normal": 100, "pneumonia": 100, "covid-19": 100}
    assert sources == {"rsna": 196, "cohen": 43, "actmed": 33, "sirm": 17, "fig1": 11}  # 197 rows have no source
    assert sum(list_counts(folder / "train_COVIDx8A.txt")[0].values()) == 15599
    assert list_counts(folder / "test_COVIDx8A.txt")[0] == {"covid-19": 200, "normal": 100, "pneumonia": 100}


def test_the_full_split_of_ham10000_keeps_the_shares_to_within_a_lesion():
    table = read_table(real("ham10000_full_metadata.csv"), ("lesion_id", "image_id", "dx"))
    table = table.rename(columns={"lesion_id": "group_id", "dx": "label"}).assign(split="")
    table["split"] = split.assign(table, seed=1, test_share=0.15, validation_share=0.15)
    images = {"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142}
    assert table["label"].value_counts().to_dict() == images
    assert table["group_id"].nunique() == 7470
    for label, part in table.groupby("label"):
        counts = part["split"].value_counts()
        for name, share in {"test": 0.15, "validation": 0.1275, "train": 0.7225}.items():
            assert abs(counts[name] - share * images[label]) <= part["group_id"].value_counts().max()
