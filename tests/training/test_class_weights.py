import numpy as np
import pytest

from lib.training.batches import class_weights


def test_equation_1_by_hand():
    # n = (1, 2, 3), sum 6, K = 3: w_k = (1 / n_k) (6 / 3)
    np.testing.assert_allclose(class_weights(np.array([0, 1, 1, 2, 2, 2]), 3), [2.0, 1.0, 2 / 3], rtol=1e-7)


def test_weights_average_to_one_over_the_images():
    labels = np.repeat([0, 1, 2], [7, 90, 53])
    assert class_weights(labels, 3)[labels].mean() == pytest.approx(1.0, abs=1e-6)


def test_a_class_without_images_is_named():
    with pytest.raises(ValueError, match="no training images of class 2"):
        class_weights(np.array([0, 1]), 3)
