"""The measurements of training at the smallest size: rows that can be read, and results that are equal."""

import numpy as np
import pytest

from lib.training.batches import Examples
from workflow.bench import training as bench
from workflow.bench.measure import TARGETS


@pytest.fixture(scope="module")
def data():
    pixels = np.random.default_rng(1).integers(0, 256, (64, 32, 32, 1), dtype=np.uint8)
    return Examples([pixels], np.arange(64), np.arange(64) % 3, 3)


@pytest.mark.slow
def test_stored_activations_give_the_predictions_of_the_whole_network(data):
    row = bench.frozen_part("linear", data, "logits", epochs=30, rate=1e-4, rounds=1)
    assert row["equal"] is True
    assert row["ratio"] > 0


@pytest.mark.slow
def test_every_way_of_feeding_has_its_rows(data):
    rows = bench.pipelines({False: "plain", True: "augmented"}, data, rounds=2)
    assert [row["name"] for row in rows] == [
        "plain",
        "augmented",
        "training steps against reading their images",
        "training steps against reading their images and drawing augmentations",
    ]
    assert all(0 < row["low"] <= row["ratio"] <= row["high"] for row in rows)


@pytest.mark.slow
def test_tracing_and_stepping_are_told_apart():
    rows = bench.optimisers(steps=2, rounds=1, size=32, batch=4)
    names = ["tracing the first training step", "one training step"]
    assert [row["name"] for row in rows] == [f"{name}: fused Adam against Keras's" for name in names]
    assert all(row["ratio"] > 0 for row in rows)


def test_what_a_core_feeds_has_a_row_a_way_and_every_row_its_target(data):
    rows = bench.feeding(data, rounds=2, images=256)
    assert {row["name"] for row in rows} == {name for name in TARGETS if "core feeds" in name}
    assert all(0 < row["low"] <= row["ratio"] <= row["high"] for row in rows)


def test_pinned_and_faster_settings_take_turns_and_below_one_pinning_is_slower():
    calls, seconds = [], {("avx2", 1): 4.0, ("native", 1): 3.0, ("avx2", 0): 1.0}

    def step(*way):
        calls.append(way)
        return seconds[way]

    rows = bench.pinning(rounds=2, step=step)
    assert calls == [*seconds, *reversed(seconds)]
    assert [row["ratio"] for row in rows] == [0.75, 0.25]
