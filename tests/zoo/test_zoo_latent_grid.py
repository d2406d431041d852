"""ConvVAE without dense layers: latents that lie on the coarsest grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from zoo_helpers import array, quick_compile, random_weights

import zoo

once = pytest.mark.one_backend("a model of every backend is trained and kept")


def make_model(image_shape=(12, 8, 1), channels=2, filters=(4, 3), **options):
    height, width = (-(-size // 2 ** len(filters)) for size in image_shape[:2])
    return zoo.ConvVAE(
        image_shape,
        height * width * channels,
        filters=filters,
        blocks_per_stage=1,
        hidden_units=None,
        seed=0,
        **options,
    )


@settings(max_examples=5)
@given(
    st.tuples(st.integers(8, 20), st.integers(8, 20), st.sampled_from([1, 3])),
    st.integers(1, 3),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
)
@once
def test_any_image_size(shape, channels, filters):
    model = make_model(shape, channels, tuple(filters))
    random_weights(model, seed=0)
    x = np.random.default_rng(0).random((3, *shape), dtype="float32")
    assert model.reconstruct(x).shape == x.shape
    assert model.sample(2, seed=0).shape == (2, *shape)
    assert array(model.encode(x).mean).shape == (3, model.latent_dim)


@once
def test_a_latent_is_seen_where_it_lies():
    # Without blocks nothing reaches further than the kernels at the grid's position.
    model = zoo.ConvVAE(
        (32, 32, 1),
        8 * 8,
        filters=(4, 4),
        blocks_per_stage=0,
        hidden_units=None,
        activation="tanh",
        seed=0,
    )
    random_weights(model, seed=0)
    z = np.zeros((2, 8, 8), "float32")
    z[1, 2, 5] = 3.0
    images = array(model.decode(z.reshape(2, 64)))
    rows, columns = np.nonzero(np.abs(images[1] - images[0])[..., 0] > 1e-7)
    assert 8 - 6 <= rows.min() and rows.max() < 12 + 6
    assert 20 - 6 <= columns.min() and columns.max() < 24 + 6


@once
def test_posteriors_start_narrow_and_means_follow_the_image():
    model = make_model()
    x = np.random.default_rng(0).random((2, 12, 8, 1), dtype="float32")
    posterior = model.encode(x)
    np.testing.assert_allclose(array(posterior.log_var), -4.0, atol=1e-6)
    assert np.abs(array(posterior.mean)[0] - array(posterior.mean)[1]).max() > 1e-3


def test_it_trains_and_comes_back_from_a_preset(tmp_path):
    model = make_model()
    quick_compile(model)
    x = np.random.default_rng(0).random((24, 12, 8, 1), dtype="float32")
    losses = model.fit(x, epochs=4, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.save_to_preset(tmp_path / "preset")
    again = zoo.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(
        again.elbo(x, seed=0)["elbo"], model.elbo(x, seed=0)["elbo"], rtol=1e-5
    )


@once
def test_every_position_sees_the_label():
    model = zoo.ConditionalVAE(
        (16, 16, 1),
        4 * 4,
        num_classes=3,
        networks="conv",
        filters=(4, 4),
        blocks_per_stage=0,
        hidden_units=None,
        seed=0,
    )
    random_weights(model, seed=0)
    z = ops.zeros((2, 16))
    first, second = array(model.decode(z, labels=[0, 1]))
    assert np.all(np.abs(first - second) > 1e-7)


def test_latents_that_do_not_fit_the_grid_are_refused():
    with pytest.raises(ValueError, match="multiple of the 7 x 7 = 49 .*; got 40"):
        zoo.ConvVAE((28, 28, 1), 40, hidden_units=None)
