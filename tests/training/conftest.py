import keras
import numpy as np
import pytest

from lib.training.batches import Examples
from lib.training.stage import Adam, EpochScores, Progress, validate


def small_network(seed: int = 1) -> keras.Model:
    """A flat network with the parts that matter: rescaling, a convolution, batch normalisation, `logits`."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1, name="rescaling")(image)
    x = keras.layers.Conv2D(4, 3, name="conv")(x)
    x = keras.layers.BatchNormalization(name="bn", momentum=0.8)(x)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.Conv2D(6, 3, name="last_conv")(x)
    x = keras.layers.BatchNormalization(name="last_bn", momentum=0.8)(x)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    x = keras.layers.Dense(3, name="logits")(x)
    return keras.Model(image, keras.layers.Activation("softmax", name="probabilities")(x), name="small")


@pytest.fixture
def network():
    return small_network()


def striped():
    """(train, validation) of images whose class is the side that is bright: left, right or none; learnable at once."""
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = generator.integers(0, 60, (60, 8, 8, 1))
    images[labels == 0, :, :4] += 150
    images[labels == 1, :, 4:] += 150
    images = images.astype(np.uint8)
    rows = np.arange(60)
    return Examples([images], rows[:45], labels[:45], 3), Examples([images], rows[45:], labels[45:], 3)


@pytest.fixture
def stripes():
    return striped()


def fit_stage(
    model, train, validation, *, stage, epochs, learning_rate, batch_size, folder, checkpoint_seconds=0,
    class_weights=None,
):  # fmt: skip
    """The loop of notebooks 03 and 04."""
    model.compile(Adam(learning_rate), keras.losses.CategoricalCrossentropy(), metrics=[EpochScores(train.classes)])
    settings = [learning_rate, batch_size, class_weights, train.positions, train.labels]
    with Progress(model, folder, stage, epochs, settings, checkpoint_seconds) as progress:
        for epoch in progress.epochs_left():
            batches = train.shuffled(batch_size, seed=1, epoch=epoch, weights=class_weights)
            fitted = model.fit(batches, shuffle=False, verbose=0, callbacks=[progress])
            scores = validate(model, validation, batch_size)
            progress.end_epoch(fitted.history, scores, keep=scores["macro_f1"] > progress.best)
    return progress.finish(), progress
