import keras
import numpy as np
import pytest
import tensorflow as tf

from lib.training.augment import draw, random_affine, stretch
from lib.training.batches import Examples, FromPixels
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


def augmented_by_tensorflow(images, seed, ranges):
    """What a network takes of a batch that is augmented: another implementation, on three float32 channels."""
    count, side = images.shape[:2]
    maps = random_affine(draw(count, seed), float(side), ranges)
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=np.repeat(images, 3 // images.shape[3], axis=3).astype(np.float32),
        transforms=tf.pad(maps, [[0, 0], [0, 2]]),
        output_shape=[side, side],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=ranges.fill_mode.upper(),
    )
    if ranges.brightness == "as_published":
        warped = stretch(warped)
    factors = tf.random.stateless_uniform([count, 1, 1, 1], tf.random.split(seed, 2)[1], 0.9, 1.1)
    return tf.clip_by_value(warped * factors, 0.0, 255.0)


def fit_stage(
    model, train, validation, *, stage, epochs, learning_rate, batch_size, folder, checkpoint_seconds=0,
    class_weights=None, augmented=False, cosine_steps=None,
):  # fmt: skip
    """The loop of notebooks 03 and 04."""
    if train.arrays[0].dtype == np.uint8:
        model = FromPixels(model)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, cosine_steps) if cosine_steps else learning_rate
    model.compile(Adam(rate), keras.losses.CategoricalCrossentropy(), metrics=[EpochScores(train.classes)])
    settings = [learning_rate, batch_size, class_weights, train.positions, train.labels]
    with Progress(model, folder, stage, epochs, settings, checkpoint_seconds) as progress:
        for epoch in progress.epochs_left():
            batches = train.shuffled(batch_size, seed=1, epoch=epoch, weights=class_weights, augmented=augmented)
            fitted = model.fit(batches, shuffle=False, verbose=0, callbacks=[progress])
            scores = validate(model, validation, batch_size)
            progress.end_epoch(fitted.history, scores, keep=scores["macro_f1"] > progress.best)
    return progress.finish(), progress
