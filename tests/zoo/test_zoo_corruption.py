"""Training on corrupted images: what is seen, what is scored, what is kept."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import BACKEND, SHAPE, NoiselessVAE, array, make_dense, quick_compile

import zoo
from zoo import corruptions
from zoo.corruptions import Corruption, GaussianNoise, Masking, SaltAndPepper

X = np.random.default_rng(0).random((16, *SHAPE), dtype=np.float32)


@keras.saving.register_keras_serializable(package="tests")
class Blank(Corruption):
    """Images without anything on them."""

    def __call__(self, x, seed):
        return ops.zeros_like(x)


def corrupted(corruption, shape=(40, 50, 50, 2)):
    x = ops.full(shape, 0.5)
    return array(corruption(x, keras.random.SeedGenerator(1)))


def test_corruptions_are_what_they_say():
    masked = corrupted(Masking(0.3))
    assert np.mean(masked == 0) == pytest.approx(0.3, abs=0.01)
    assert np.all((masked == 0) | (masked == 0.5))
    speckled = corrupted(SaltAndPepper(0.2))
    for value in (0, 1):
        assert np.mean(speckled == value) == pytest.approx(0.1, abs=0.01)
    for pixels in (masked, speckled):  # all channels of a pixel
        np.testing.assert_array_equal(pixels[..., 0], pixels[..., 1])
    noisy = corrupted(GaussianNoise(0.05))
    assert np.std(noisy) == pytest.approx(0.05, rel=0.02)
    assert np.abs(np.mean(noisy) - 0.5) < 1e-3
    far = corrupted(GaussianNoise(5.0))
    assert far.min() == 0 and far.max() == 1


@pytest.mark.parametrize("kind", ["dense", "ladder", "codes"])
def test_the_encoder_sees_the_corrupted_image_the_likelihood_the_clean_one(kind):
    if kind == "dense":
        model = make_dense(NoiselessVAE)
    elif kind == "ladder":
        levels = ((4, 1, 1), (2, 1, 1))
        model = zoo.HierarchicalVAE(SHAPE, levels, filters=2, blocks_per_level=0)
    else:
        model = zoo.VQVAE(SHAPE, 4, 2, "fsq", filters=(2,), blocks_per_stage=0)
    quick_compile(model, "adam", corruption=Blank())
    terms = model._terms_of_step(ops.convert_to_tensor(X), None, True)
    blank = model.elbo_terms(ops.zeros((16, *SHAPE)), training=True)
    expected = array(
        model.likelihood.log_prob(ops.convert_to_tensor(X), terms.parameters)
    )
    np.testing.assert_allclose(array(terms.log_likelihood), expected, rtol=1e-5)
    np.testing.assert_array_equal(array(terms.images), X)
    # Whatever the draws, the first posterior is that of blank images.
    kls = [array(t.groups[0].kl) for t in (terms, blank)]
    np.testing.assert_allclose(*kls, rtol=1e-4, atol=1e-5)
    plain = model._terms_of_step(ops.convert_to_tensor(X), None, False)
    np.testing.assert_array_equal(array(plain.images), X)
    if kind == "dense":
        assert not np.allclose(array(plain.groups[0].kl), kls[0], rtol=1e-3)


@pytest.mark.one_backend("what each part sees is tried on every backend")
def test_a_model_trained_so_takes_noise_away(images):
    rng = np.random.default_rng(3)
    flipped = rng.random(images.shape) < 0.2
    noisy = np.where(flipped, rng.integers(0, 2, images.shape), images)
    noisy = noisy.astype("float32")
    errors = {}
    for corruption in (None, SaltAndPepper(0.2)):
        model = make_dense(hidden_units=(32,), dynamic_binarization=True)
        quick_compile(model, keras.optimizers.Adam(0.01), corruption=corruption)
        history = model.fit(images, epochs=60, batch_size=16, verbose=0).history
        assert history["loss"][-1] < history["loss"][0]
        told = model.reconstruct(noisy)
        errors[corruption is None] = float(np.mean((told - images) ** 2))
    assert errors[False] < 0.8 * errors[True]


def test_corruption_is_kept_with_a_compiled_model(tmp_path):
    model = make_dense()
    quick_compile(model, "adam", corruption=Masking(0.25))
    model.fit(X, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.corruption, Masking) and loaded.corruption.share == 0.25
    loaded.fit(X, verbose=0)
    quick_compile(model, "adam")
    assert model.corruption is None


def test_corruptions_are_found_by_name():
    for name, kind in corruptions.NAMES.items():
        found = corruptions.get(name)
        assert type(found) is kind
        config = keras.saving.serialize_keras_object(found)
        assert corruptions.get(config).get_config() == found.get_config()


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda: Masking(1.0), r"`share` must lie in \[0, 1\); got 1.0"),
        (lambda: SaltAndPepper("all"), "`share` must lie in .* got 'all'"),
        (lambda: GaussianNoise(0), "`scale` must be a positive number; got 0"),
        (lambda: make_dense().compile(corruption="rain"), "`corruption` .*'rain'"),
    ],
)
def test_bad_corruptions_are_refused(make, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        make()


@pytest.mark.skipif(BACKEND != "jax", reason="scans steps on JAX alone")
def test_steps_in_one_call_see_other_noise_each():
    model = make_dense()
    model.compile("adam", steps_per_execution=4, corruption="masking")
    assert np.isfinite(model.fit(X, batch_size=2, verbose=0).history["loss"][0])
