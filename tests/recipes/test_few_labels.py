"""Few labels in recipes: which are kept, and the share that is told wrong."""

import dataclasses

import numpy as np
import pytest

import zoo
from recipes.data import load_images
from recipes.data.labels import with_few_labels
from recipes.metrics.evaluation import evaluate_model

SHAPE = (8, 8, 1)


def data(seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(60) % 3
    images = rng.integers(0, 2, (60, *SHAPE)).astype("float32")
    loaded = load_images(images, validation=0.2, seed=0)
    return dataclasses.replace(
        loaded,
        train_labels=labels[: len(loaded.train)],
        validation_labels=labels[: len(loaded.validation)],
    )


def test_as_many_labels_of_each_class_are_kept():
    images = data()
    few = with_few_labels(images, 6, seed=0)
    kept = few.train_labels != -1
    np.testing.assert_array_equal(np.bincount(few.train_labels[kept]), [2, 2, 2])
    np.testing.assert_array_equal(few.train_labels[kept], images.train_labels[kept])
    assert np.all(few.validation_labels == -1)
    assert "6 of" in few.report[-1]
    other = with_few_labels(images, 6, seed=1).train_labels
    assert np.any(other != few.train_labels)
    np.testing.assert_array_equal(
        with_few_labels(images, 6, seed=0).train_labels, few.train_labels
    )


@pytest.mark.parametrize("count", (0, 4, 300))
def test_labels_that_cannot_be_shared_out_are_refused(count):
    with pytest.raises(ValueError, match=f"as many of each of 3 classes.*{count}"):
        with_few_labels(data(), count, seed=0)


def test_the_share_of_wrong_labels_is_among_the_figures():
    model = zoo.SemiSupervisedVAE(SHAPE, 2, 3, hidden_units=(4,), seed=0)
    images = data().train
    told = model.predict_proba(images).argmax(axis=1)
    labels = told.copy()
    labels[:3] = (told[:3] + 1) % 3
    metrics = evaluate_model(
        model, images, labels, binarized=False, num_importance_samples=2
    )
    assert metrics["label_error_percent"] == pytest.approx(300 / len(images))
