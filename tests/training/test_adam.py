"""The fused Adam against Keras's and against arithmetic by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from lib.training.stage import Adam


def after_steps(optimizer, steps=50):
    """Weights of a small network after some steps on seeded noise."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(3)])
    model.compile(optimizer, loss="mse")
    random = np.random.default_rng(1)
    examples, targets = random.normal(size=(8 * steps, 6)), random.normal(size=(8 * steps, 3))
    model.fit(examples, targets, batch_size=8, shuffle=False, verbose=0)
    return np.concatenate([weights.ravel() for weights in model.get_weights()])


def test_the_first_step_is_the_learning_rate_against_the_gradients_sign():
    # m = (1 - b1) g and v = (1 - b2) g^2, so the bias-corrected step is lr * g / (|g| + eps') = lr * sign(g)
    weights = keras.Variable([1.0, 1.0, 1.0])
    optimizer = Adam(0.25)
    optimizer.apply([tf.constant([2.0, -0.5, 0.0])], [weights])
    np.testing.assert_allclose(weights.numpy(), [0.75, 1.25, 1.0], rtol=1e-5)


def test_it_goes_where_keras_adam_goes():
    # 50 steps of 0.01: an error of the formula would move weights by about 0.01; rounding, by a few 1e-7 a step
    np.testing.assert_allclose(after_steps(Adam(0.01)), after_steps(keras.optimizers.Adam(0.01)), atol=2e-5)


def test_its_variables_are_those_of_keras_adam():
    weights = keras.Variable(np.zeros((2, 3), np.float32), name="kernel")
    named = []
    for optimizer in (Adam(), keras.optimizers.Adam()):
        optimizer.build([weights])
        named.append([(variable.name, tuple(variable.shape)) for variable in optimizer.variables])
    assert named[0] == named[1]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_it_trains_in_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    try:
        moved = after_steps(Adam(0.01)) - after_steps(Adam(1e-9))
    finally:
        keras.config.set_dtype_policy("float32")
    assert np.isfinite(moved).all()
    assert np.abs(moved).max() > 0.05
