"""The scores that training shows for each epoch, gathered batch by batch in two small tables.

One confusion matrix and one histogram of probabilities give all of section 4.3.1's metrics. A metric of Keras for each
of them would make the graph of a training step, and the time to trace it, half as large again.
"""

import keras
from keras import ops

BINS = 200
"""Bins of the histograms; the area is exact up to ties within a bin."""


class EpochScores(keras.metrics.Metric):
    """accuracy, macro_f1, macro_auc and, for three classes, covid_precision and covid_recall.

    Args:
        classes: K; class 0 is covid-19 where K is 3.
    """

    def __init__(self, classes: int, name: str = "epoch_scores"):
        super().__init__(name=name, dtype="float32")
        self.classes = classes
        self.confusion = self.add_weight(shape=(classes, classes), initializer="zeros", name="confusion")
        self.histogram = self.add_weight(shape=(2, classes, BINS), initializer="zeros", name="histogram")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch: one-hot labels (N, K) and probabilities (N, K); sample weights do not enter."""
        truth = ops.cast(y_true, "float32")
        probabilities = ops.cast(y_pred, "float32")
        predicted = ops.one_hot(ops.argmax(probabilities, axis=-1), self.classes)
        self.confusion.assign_add(ops.matmul(ops.transpose(truth), predicted))
        bins = ops.cast(ops.clip(probabilities, 0.0, 1.0) * (BINS - 1), "int32")
        placed = ops.one_hot(bins, BINS)
        both = ops.stack([1.0 - truth, truth])
        self.histogram.assign_add(ops.einsum("snk,nkb->skb", both, placed))

    def result(self):
        correct = ops.diagonal(self.confusion)
        true, predicted = ops.sum(self.confusion, axis=1), ops.sum(self.confusion, axis=0)
        f1 = ops.divide_no_nan(2 * correct, true + predicted)
        scores = {
            "accuracy": ops.divide_no_nan(ops.sum(correct), ops.sum(true)),
            "macro_f1": ops.mean(f1),
            "macro_auc": ops.mean(self._areas()),
        }
        if self.classes == 3:
            scores["covid_precision"] = ops.divide_no_nan(correct[0], predicted[0])
            scores["covid_recall"] = ops.divide_no_nan(correct[0], true[0])
        return scores

    def _areas(self):
        """Areas under the ROC curves (K,): the share of pairs in which the positive scores higher, ties as half."""
        negative, positive = self.histogram[0], self.histogram[1]
        below = ops.cumsum(negative, axis=-1) - negative
        pairs = ops.sum(positive, axis=-1) * ops.sum(negative, axis=-1)
        return ops.divide_no_nan(ops.sum(positive * (below + 0.5 * negative), axis=-1), pairs)
