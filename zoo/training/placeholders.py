"""Labels that stand where a model takes none, as Keras wants some beside weights."""

import numpy as np


def placeholder_labels(labels, sample_weight):
    """Labels of width 0 where there are weights but no labels.

    Keras drops the weights of arrays that come without labels.
    """
    if labels is None and sample_weight is not None:
        return np.zeros((len(sample_weight), 0), "float32")
    return labels


def without_placeholder(labels):
    """None for the labels that `placeholder_labels` made up."""
    shape = getattr(labels, "shape", ())
    return None if len(shape) == 2 and shape[1] == 0 else labels
