"""What `impute` takes and refuses: masks of every shape, sentences for the rest."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo_helpers import SHAPE, make_dense

import zoo
from zoo.applications import impute, impute_with_diagnosis

pytestmark = pytest.mark.one_backend("masks of NumPy, and what is refused")

UPPER = np.arange(8)[:, None] < np.full(8, 4)
X = np.random.default_rng(0).random((3, *SHAPE), dtype="float32").round()
DENSE = make_dense()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([3, 2, 4, 1]), st.floats(0.2, 1.0))
def test_masks_of_every_shape_keep_what_is_observed(seed, axes, share):
    rng = np.random.default_rng(seed)
    shape = {1: (8, 8, 1), 2: (8, 8), 3: (3, 8, 8), 4: (3, 8, 8, 1)}[axes]
    mask = rng.random(shape) < share
    mask[(slice(None), 0) if axes > 2 else 0] = True  # something of each image
    full = mask[..., None] if axes in (2, 3) else mask
    full = np.broadcast_to(full, X.shape)
    x = np.where(full, X, rng.choice([np.nan, np.inf, 7.0], X.shape)).astype("f4")
    options = {"num_steps": 1, "burn_in": 1, "method": "pseudo_gibbs"}
    drawn = impute(DENSE, x, mask, 2, seed=seed, **options)
    np.testing.assert_array_equal(drawn[:, full], np.stack(2 * [X[full]]))
    assert np.all((drawn == 0) | (drawn == 1))


def test_images_of_which_nothing_is_missing_come_back():
    mask = np.ones(X.shape, bool)
    drawn, diagnosis = impute_with_diagnosis(DENSE, X, mask, 2)
    np.testing.assert_array_equal(drawn, np.stack([X, X]))
    assert np.all(np.isnan(diagnosis.r_hat)) and diagnosis.remark(2) is None
    mask[1, 4:] = False
    options = {"num_steps": 2, "burn_in": 1, "method": "pseudo_gibbs"}
    mixed = impute(DENSE, X, mask, 2, **options)
    alone = impute(DENSE, X, np.stack([UPPER] * 3), 2, **options)
    np.testing.assert_array_equal(mixed[:, 1], alone[:, 1])
    np.testing.assert_array_equal(mixed[:, [0, 2]], np.stack([X[[0, 2]]] * 2))


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"mask": UPPER.astype("float32")}, TypeError, "`mask` must be boolean"),
        ({"mask": UPPER[:4]}, ValueError, r"`mask` must be of shape .*got \(4, 8\)"),
        ({"mask": np.zeros(X.shape, bool)}, ValueError, "draw such by model.sample"),
        ({"num_draws": 0}, ValueError, "`num_draws` must be a whole number >= 1"),
        ({"num_steps": 0}, ValueError, "`num_steps` must be"),
        ({"burn_in": 0}, ValueError, "`burn_in` must be"),
        ({"seed": -1}, ValueError, "`seed` must be"),
        ({"method": "gibbs"}, ValueError, "`method` must be one of 'metropolis'"),
        ({"pixels": "mode"}, ValueError, "`pixels` must be one of 'draws', 'mean'"),
        ({"labels": 1}, ValueError, "takes no labels"),
        ({"model": keras.Sequential()}, TypeError, "`model` must be a model of the"),
        ({"x": X * np.nan}, ValueError, "`x` must be finite pixels"),
        ({"x": X[0]}, ValueError, "`x` must be images of shape"),
        ({"x": X.astype("uint8")}, TypeError, "`x` must be float32 pixels"),
        (
            {"model": zoo.VQVAE(SHAPE, 4, 2, filters=(4,))},
            ValueError,
            "give method='pseudo_gibbs'",
        ),
        (
            {"model": zoo.ConditionalVAE(SHAPE, 2, 3, hidden_units=(4,))},
            ValueError,
            "labels",
        ),
    ],
)
def test_bad_input_is_refused_in_a_sentence(options, error, sentence):
    given = {"model": DENSE, "x": X, "mask": UPPER, **options}
    with pytest.raises(error, match=sentence) as caught:
        impute(**given)
    assert "\n" not in str(caught.value)


def test_a_model_without_terms_at_given_latents_is_refused():
    class Own(zoo.DenseVAE):
        terms_at = zoo.Autoencoder.terms_at

    model = Own(SHAPE, 2, hidden_units=(4,), seed=0)
    mask = np.arange(8)[:, None] < np.full(8, 4)
    with pytest.raises(ValueError, match="Own defines no `terms_at`"):
        impute(model, np.zeros((1, *SHAPE), "float32"), mask)
