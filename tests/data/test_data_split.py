import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lib.data import DataError
from lib.data.split import assign, conflicts, draw_order, stratum_of_groups

SHARES = {"seed": 1, "test_share": 0.15, "validation_share": 0.15}


def index(rows, split=""):
    table = pd.DataFrame(rows, columns=["group_id", "label"])
    return table.assign(image_id=[f"i{i}" for i in range(len(table))], split=split, source="x")


def random_index(images=900, seed=3):
    """Three classes of very different size; ids with 1 to 6 images."""
    rng = np.random.default_rng(seed)
    rows, group = [], 0
    for label, share in (("covid-19", 0.05), ("normal", 0.6), ("pneumonia", 0.35)):
        left = int(images * share)
        while left > 0:
            n = min(left, int(rng.integers(1, 7)))
            rows += [(f"g{group}", label)] * n
            group, left = group + 1, left - n
    return index(rows)


def test_ids_are_drawn_in_the_order_of_their_digests():
    # `printf "1/a" | sha256sum` and so on, sorted
    assert "".join(draw_order(["a", "b", "c", "d", "e", "f"], 1)) == "defabc"


def test_every_count_is_within_one_id_of_its_share():
    table = random_index()
    split = assign(table, **SHARES)
    for label, part in table.groupby("label"):
        counts = split[part.index].value_counts()
        for name, share in {"test": 0.15, "validation": 0.1275, "train": 0.7225}.items():
            assert abs(counts[name] - share * len(part)) <= part["group_id"].value_counts().max(), (label, name)


def test_no_id_is_in_two_splits_and_seed_and_ids_alone_decide():
    table = random_index()
    split = assign(table, **SHARES)
    assert table.assign(split=split).groupby("group_id")["split"].nunique().max() == 1
    shuffled = table.sample(frac=1, random_state=1)
    assert assign(shuffled, **SHARES).sort_index().equals(split)
    assert not assign(table, **(SHARES | {"seed": 2})).equals(split)


def test_the_split_does_not_depend_on_the_hash_seed():
    code = (
        "import pandas as pd; from lib.data.split import assign;"
        "t = pd.DataFrame({'group_id': [f'g{i % 40}' for i in range(100)], 'label': 'a', 'split': ''});"
        "print(''.join(assign(t, seed=5, test_share=0.15, validation_share=0.15).str[0]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "12345")
    }
    assert len(outputs) == 1


def test_small_classes_still_reach_every_split_and_a_given_one_is_kept():
    rows = [(f"g{i}", "a") for i in range(3)]
    assert sorted(assign(index(rows), **SHARES)) == ["test", "train", "validation"]
    given = ["train", "validation", "test"]
    assert assign(index(rows, split=given), **SHARES).tolist() == given


def test_a_class_with_too_few_ids_is_a_message():
    table = index([("g1", "a"), ("g2", "a"), ("g2", "a")])
    with pytest.raises(DataError, match=r"class a: 2 patient or lesion id\(s\), 3 are needed"):
        assign(table, **SHARES)


def test_a_missing_validation_list_is_drawn_from_training_ids_alone():
    rows = [(f"g{i}", "a") for i in range(20)] + [("t", "a"), ("t", "a")]
    table = index(rows, split=["train"] * 21 + ["test"])
    split = assign(table, **SHARES)
    assert split[:20].value_counts().to_dict() == {"train": 17, "validation": 3}
    assert split[20:].tolist() == ["train", "test"]  # the list put patient t into both; it is not hidden by moving
    assert conflicts(table.assign(split=split), "split")["splits"].tolist() == ["test: 1, train: 1"]


def test_an_id_with_several_labels_is_drawn_with_the_rarest_and_reported():
    table = index([("g1", "normal")] * 3 + [("g1", "covid-19"), ("g2", "normal"), ("g3", "normal")])
    assert stratum_of_groups(table).to_dict() == {"g1": "covid-19", "g2": "normal", "g3": "normal"}
    assert conflicts(table, "label").to_dict("records") == [
        {"group_id": "g1", "source": "x", "labels": "covid-19: 1, normal: 3", "images": 4}
    ]
