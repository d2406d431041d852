"""Any image size, and figures that depend on nothing they should not depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo_helpers import array, make_dense, random_weights

import zoo
from zoo import threefry
from zoo.evaluation import likelihood as evaluation
from zoo.evaluation.latents import active_units

once = pytest.mark.one_backend(
    "models of every backend are tried against NumPy: test_zoo_golden"
)

image_shapes = st.tuples(
    st.integers(8, 20), st.integers(8, 20), st.sampled_from([1, 3])
)
likelihoods = st.sampled_from(["bernoulli", "gaussian", "per_pixel"])


def check_shapes(model, image_shape, latent_dim):
    x = np.random.default_rng(0).random((2, *image_shape), dtype="float32")
    random_weights(model, seed=0)
    images = model.reconstruct(x)
    assert images.shape == x.shape
    assert images.min() >= 0 and images.max() <= 1
    # Every pixel is decoded, none is padding.
    assert np.all(model.sample(8, seed=0).std(axis=0) > 0)


def likelihood_of(name):
    return zoo.likelihoods.Gaussian("per_pixel") if name == "per_pixel" else name


@settings(max_examples=5)
@given(
    image_shapes,
    st.integers(1, 5),
    st.lists(st.integers(1, 6), max_size=2),
    st.booleans(),
    likelihoods,
)
@once
def test_dense_vae_takes_any_image_size(shape, latent_dim, units, gated, likelihood):
    model = zoo.DenseVAE(
        shape,
        latent_dim,
        units,
        likelihood_of(likelihood),
        gated=gated,
        # relu could silence a narrow layer, and with it every pixel.
        activation="tanh",
    )
    check_shapes(model, shape, latent_dim)


@settings(max_examples=5)
@given(
    image_shapes,
    st.integers(1, 4),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.sampled_from(["plain", "residual", "gated"]),
    st.integers(0, 2),
    likelihoods,
)
@once
def test_conv_vae_takes_any_image_size(
    shape, latent_dim, filters, block, blocks, likelihood
):
    model = zoo.ConvVAE(
        shape,
        latent_dim,
        filters,
        likelihood_of(likelihood),
        block=block,
        blocks_per_stage=blocks,
        hidden_units=3,
        activation="tanh",
    )
    check_shapes(model, shape, latent_dim)


# Samples.


def test_samples_are_images_fixed_by_their_seed(model):
    images = model.sample(10, seed=0)
    assert images.shape == (10, 8, 8, 1)
    assert images.dtype == np.float32
    assert images.min() >= 0 and images.max() <= 1
    np.testing.assert_array_equal(images, model.sample(10, seed=0))
    assert np.any(images != model.sample(10, seed=1))
    assert np.any(model.sample(10) != model.sample(10))


@pytest.mark.parametrize("count", [1, 3, 255, 256, 257])
def test_first_samples_do_not_change_when_more_are_drawn(model, count):
    many = model.sample(300, seed=0)
    np.testing.assert_allclose(model.sample(count, seed=0), many[:count], atol=1e-6)


def test_samples_are_decoded_draws_of_the_prior(model):
    z = threefry.normals(5, 4, 2)
    np.testing.assert_allclose(
        model.sample(4, seed=5), array(model.decode(z)), atol=1e-6
    )
    np.testing.assert_allclose(
        model.sample(4, temperature=0.5, seed=5), array(model.decode(z / 2)), atol=1e-6
    )


def test_any_seed_draws_and_no_two_draw_the_same(model):
    seeds = (0, 1, 2**32, 2**63 - 1, np.int64(7), np.uint8(8))
    first = [model.sample(1, seed=seed).tobytes() for seed in seeds]
    assert len(set(first)) == len(seeds)


def test_samples_at_temperature_zero_are_the_decoded_mode(model):
    images = model.sample(3, temperature=0, seed=0)
    mode = array(model.decode(np.zeros((1, 2), "float32")))
    np.testing.assert_allclose(images, np.repeat(mode, 3, axis=0), atol=1e-6)


def test_no_samples_are_an_empty_array(model):
    images = model.sample(0, seed=0)
    assert images.shape == (0, 8, 8, 1)
    assert images.dtype == np.float32


# Figures.


def test_elbo_is_consistent_and_fixed_by_its_seed(model, grey):
    terms = model.elbo(grey, seed=0)
    np.testing.assert_allclose(
        terms["elbo"], terms["log_likelihood"] - terms["kl"], rtol=1e-6
    )
    np.testing.assert_allclose(terms["kl"], array(model.encode(grey).kl()), rtol=1e-5)
    assert all(v.shape == (20,) and v.dtype == np.float32 for v in terms.values())
    again, other = model.elbo(grey, seed=0), model.elbo(grey, seed=1)
    np.testing.assert_array_equal(terms["elbo"], again["elbo"])
    assert np.all(terms["log_likelihood"] != other["log_likelihood"])
    assert np.any(model.elbo(grey)["elbo"] != model.elbo(grey)["elbo"])


def test_elbo_of_an_image_does_not_depend_on_the_images_after_it(model, grey):
    terms = model.elbo(grey, seed=0)
    for count in (1, 7, 19):
        part = model.elbo(grey[:count], seed=0)
        for name, values in part.items():
            np.testing.assert_allclose(values, terms[name][:count], rtol=1e-5)


def test_elbo_does_not_depend_on_how_images_are_batched(grey, monkeypatch):
    whole = make_dense().elbo(grey, seed=0)
    monkeypatch.setattr(evaluation, "PIXELS_PER_CALL", 64 * 6)
    parts = make_dense().elbo(grey, seed=0)
    for name, values in whole.items():
        np.testing.assert_allclose(parts[name], values, rtol=1e-5)


def test_log_marginal_likelihood_does_not_depend_on_batches_or_chunks(
    grey, monkeypatch
):
    model = make_dense()
    random_weights(model, seed=0, scale=0.2)
    arguments = {"num_importance_samples": 11, "seed": 0}
    whole = model.log_marginal_likelihood(grey, batch_size=20, **arguments)
    assert whole.shape == (20,) and whole.dtype == np.float64
    for batch_size in (1, 7, 64):
        given_values = model.log_marginal_likelihood(
            grey, batch_size=batch_size, **arguments
        )
        np.testing.assert_allclose(given_values, whole, rtol=1e-5)
    monkeypatch.setattr(evaluation, "PIXELS_PER_CALL", 64 * 20 * 4)  # 4 draws a chunk
    chunked = model.log_marginal_likelihood(grey, batch_size=20, **arguments)
    np.testing.assert_allclose(chunked, whole, rtol=1e-5)


def test_log_marginal_likelihood_exceeds_the_elbo_and_grows(grey):
    model = make_dense()
    random_weights(model, seed=0, scale=0.3)
    elbo = np.mean([model.elbo(grey, seed=s)["elbo"].mean() for s in range(20)])
    bounds = [
        model.log_marginal_likelihood(grey, num_importance_samples=k, seed=0).mean()
        for k in (10, 1000)
    ]
    assert elbo < bounds[0] < bounds[1]


def test_log_marginal_likelihood_comes_batch_by_batch(model, grey):
    batches = list(
        model.iter_log_marginal_likelihood(grey, None, 3, batch_size=8, seed=0)
    )
    assert [len(b) for b in batches] == [8, 8, 4]
    whole = model.log_marginal_likelihood(grey, None, 3, batch_size=8, seed=0)
    np.testing.assert_array_equal(np.concatenate(batches), whole)
    # As if the first 13 had been scored before; batches are others, draws the same.
    rest = list(
        model.iter_log_marginal_likelihood(grey, None, 3, 8, seed=0, skip=len(grey) - 7)
    )
    np.testing.assert_allclose(np.concatenate(rest), whole[-7:], rtol=1e-6)


def test_reconstructions_do_not_depend_on_their_number(model, grey):
    whole = model.reconstruct(grey)
    assert whole.dtype == np.float32 and whole.shape == grey.shape
    many = model.reconstruct(np.concatenate([grey] * 14))  # 280: more than one batch
    np.testing.assert_allclose(many[:20], whole, atol=1e-6)
    np.testing.assert_allclose(many[-20:], whole, atol=1e-6)
    np.testing.assert_allclose(model.reconstruct(grey[3:4]), whole[3:4], atol=1e-6)


def test_inference_follows_the_weights(grey):
    # Compiled functions must not keep the weights that they were compiled with.
    model = make_dense()
    before = model.sample(2, seed=0), model.elbo(grey, seed=0)["elbo"]
    random_weights(model, seed=0)
    after = model.sample(2, seed=0), model.elbo(grey, seed=0)["elbo"]
    fresh = make_dense()
    random_weights(fresh, seed=0)
    assert np.any(before[0] != after[0]) and np.any(before[1] != after[1])
    np.testing.assert_allclose(after[0], fresh.sample(2, seed=0), atol=1e-6)
    np.testing.assert_allclose(after[1], fresh.elbo(grey, seed=0)["elbo"], rtol=1e-5)


def test_active_units_of_a_model_with_a_silenced_dimension(grey):
    model = make_dense(hidden_units=())
    random_weights(model, seed=0)
    assert active_units(model, grey) == 2
    kernel = array(model.encoder.head.kernel).copy()
    kernel[:, 0] = 0
    model.encoder.head.kernel.assign(kernel)
    assert active_units(model, grey) == 1
    assert active_units(model, grey[:1]) == 0


def test_tensors_are_taken_as_arrays_are(model, grey):
    from keras import ops

    tensor = ops.convert_to_tensor(grey)
    np.testing.assert_array_equal(model.reconstruct(tensor), model.reconstruct(grey))
    np.testing.assert_array_equal(
        model.elbo(tensor, seed=0)["elbo"], model.elbo(grey, seed=0)["elbo"]
    )


def test_one_size_is_that_of_one_layer():
    dense = zoo.DenseVAE((8, 8, 1), 2, hidden_units=6, seed=0)
    assert list(dense.get_config()["hidden_units"]) == [6]
    conv = zoo.ConvVAE((8, 8, 1), 2, filters=3, blocks_per_stage=0, seed=0)
    assert list(conv.get_config()["filters"]) == [3]
