"""`compress` and `decompress`: the same images, in as many bits as the ELBO says."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo_helpers import first_everywhere

import zoo
from zoo.applications import compress, decompress
from zoo.applications.bits_back import container, exact
from zoo.applications.bits_back import grids as bins

once = pytest.mark.one_backend(
    "NumPy's coder; test_zoo_compression_backends reads its files on every backend"
)

SHAPE = (8, 9, 1)
GREY = {"likelihood": "discretized_logistic_mixture"}


def binary(count, shape=SHAPE, seed=0):
    return (np.random.default_rng(seed).random((count, *shape)) < 0.3).astype("float32")


def on_levels(count, shape, seed=0):
    levels = np.random.default_rng(seed).integers(0, 256, (count, *shape))
    return (levels / 255).astype("float32")


def dense(shape=SHAPE, **options):
    return zoo.DenseVAE(shape, 3, hidden_units=(8,), seed=0, **options)


def ladder(shape=SHAPE, **options):
    levels = ((4, 1, 2), (2, 2, 1))
    return zoo.HierarchicalVAE(shape, levels=levels, filters=4, seed=0, **options)


def of_codes(**options):
    return zoo.VQVAE(SHAPE, 11, 4, filters=(4, 8), seed=0, **options)


def unsettle(model, scale=0.3):
    """Weights that are no longer those of a model that has learned nothing."""
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        noise = rng.normal(0, scale / math.sqrt(max(weight.shape, default=1)))
        weight.assign_add(np.full(weight.shape, noise, "float32"))
        shape = tuple(weight.shape)
        weight.assign_add(rng.normal(0, scale / 3, shape).astype("float32"))
    return model


MODELS = {
    "dense": dense,
    "conv": lambda: zoo.ConvVAE(SHAPE, 3, filters=(4,), hidden_units=8, seed=0),
    "beta": lambda: zoo.BetaVAE(SHAPE, 2, seed=0),
    "flow": lambda: dense(prior="flow"),
    "mixing flow": lambda: dense(
        prior=zoo.priors.Flow(3, num_layers=4, hidden_units=8, mixing=True, seed=0)
    ),
    "ladder": ladder,
    "codes": of_codes,
    "codes of a prior": lambda: of_codes(prior=zoo.CodePrior(11, (2, 3), 8, 1, 2)),
}


@pytest.mark.parametrize("name", first_everywhere(MODELS, once))
def test_images_come_out_as_they_went_in(name):
    model, x = unsettle(MODELS[name]()), binary(9)
    seen = []
    file = compress(model, x, progress=lambda *done: seen.append(done))
    assert seen[-1] == (9, 9) and sorted(seen) == seen
    y = decompress(model, file)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, x)
    assert compress(model, x) == file


@pytest.mark.parametrize("shape", [SHAPE, (8, 8, 3)])
@pytest.mark.parametrize("likelihood", ["discretized_logistic_mixture", "categorical"])
@once
def test_images_of_256_levels_come_out_as_they_went_in(shape, likelihood):
    model, x = unsettle(dense(shape, likelihood=likelihood), 0.1), on_levels(3, shape)
    np.testing.assert_array_equal(decompress(model, compress(model, x)), x)


@pytest.mark.parametrize(
    "prior",
    first_everywhere(["label_flow", "label_normal", "standard_normal"], once),
)
def test_labels_go_with_the_file(prior):
    model = zoo.ConditionalVAE(
        SHAPE, 2, num_classes=3, hidden_units=(8,), prior=prior, seed=0
    )
    x, labels = binary(7), np.arange(7) % 3
    file = compress(unsettle(model), x, labels)
    np.testing.assert_array_equal(decompress(model, file), x)
    with pytest.raises(ValueError, match="labels"):
        compress(model, x)


@once
def test_labels_of_ladders_and_of_priors_of_codes_go_with_the_file():
    x, labels = binary(5), np.arange(5) % 2
    prior = zoo.CodePrior(11, (2, 3), 8, 1, 2, num_classes=2)
    for model in (ladder(num_classes=2), of_codes(prior=prior)):
        file = compress(unsettle(model), x, labels)
        np.testing.assert_array_equal(decompress(model, file), x)


@pytest.fixture(scope="module")
def model():
    return unsettle(dense())


@given(count=st.sampled_from([1, 2, 5]), seed=st.integers(0, 99))
@settings(max_examples=8, deadline=None)
@once
def test_any_images_come_out(model, count, seed):
    x = binary(count, seed=seed)
    np.testing.assert_array_equal(decompress(model, compress(model, x)), x)


@once
def test_a_file_takes_what_the_elbo_says():
    model = dense()
    model.compile(keras.optimizers.Adam(1e-2))
    pattern = np.random.default_rng(1).integers(0, 2, (2, *SHAPE))
    x = pattern[np.arange(600) % 2].astype("float32")
    flipped = np.random.default_rng(2).random(x.shape) < 0.05
    x = np.abs(x - flipped)
    model.fit(x, epochs=15, batch_size=50, verbose=0)
    bits = -np.mean([model.elbo(x, seed=s)["elbo"].sum() for s in range(4)])
    bits /= math.log(2)
    size = 8 * len(compress(model, x))
    # A header of 70 bytes, and what the first latents are drawn with.
    assert bits - 100 < size < 1.01 * bits + 8 * 120


@once
def test_a_flow_takes_what_the_elbo_says():
    prior = zoo.priors.Flow(2, num_layers=4, hidden_units=8, mixing=True, seed=0)
    model = unsettle(zoo.DenseVAE(SHAPE, 2, (8,), prior=prior, seed=0), 0.4)
    x = binary(400)
    bits = -np.mean([model.elbo(x, seed=s)["elbo"].sum() for s in range(4)])
    size = 8 * len(compress(model, x))
    assert size < 1.01 * bits / math.log(2) + 8 * 150


@once
def test_notes_are_what_makes_close_roundings_the_same(monkeypatch):
    """With a margin as wide as all, every rounding is noted, and read."""
    monkeypatch.setattr(bins, "MARGIN", 0.2)
    model, x = unsettle(dense()), binary(6)
    file = compress(model, x)
    assert len(container.Container.from_bytes(file).notes) > 20
    # The other end is off by far more than float64 ever is.
    posterior = bins.Grid.posterior

    def off(self, mean, log_var, notes, part):
        return posterior(self, mean + 0.1 * self.bin, log_var, notes, part)

    monkeypatch.setattr(bins.Grid, "posterior", off)
    np.testing.assert_array_equal(decompress(model, file), x)


@once
def test_the_digest_is_of_what_a_model_computes(tmp_path):
    model = dense()
    model.save_to_preset(tmp_path / "a")
    loaded = zoo.from_preset(tmp_path / "a")
    assert exact.digest(loaded) == exact.digest(model)
    half = zoo.from_preset(tmp_path / "a", dtype="mixed_bfloat16")
    assert exact.digest(half) == exact.digest(model)
    assert exact.digest(dense(beta=3.0)) == exact.digest(model)
    assert exact.digest(dense(likelihood="categorical")) != exact.digest(model)
    assert exact.digest(unsettle(dense())) != exact.digest(model)


FAULTS = {
    "cut off": lambda file: file[:-5],
    "longer": lambda file: file + b"x",
    "altered": lambda file: file[:60] + bytes([file[60] ^ 1]) + file[61:],
}


@pytest.mark.parametrize("name", FAULTS)
@once
def test_a_damaged_file_is_refused(model, name):
    file = FAULTS[name](compress(model, binary(3)))
    with pytest.raises(ValueError, match="`data` must be .* cut off or altered"):
        decompress(model, file)


@once
def test_other_files_are_refused(model):
    with pytest.raises(ValueError, match="`data` must be .* another kind"):
        decompress(model, b"\x89PNG and so on")
    with pytest.raises(ValueError, match="got 5 bytes alone"):
        decompress(model, b"VAEz\1")
    with pytest.raises(ValueError, match="version 1 of its format; got version 9"):
        decompress(model, b"VAEz\x09" + bytes(60))
    with pytest.raises(TypeError, match="`data` must be the bytes"):
        decompress(model, "x.vaez")
    with pytest.raises(ValueError, match="`model` must be the one .* another model"):
        decompress(dense(), compress(model, binary(3)))


@once
def test_lists_that_end_too_early_are_refused(model):
    found = container.Container.from_bytes(compress(model, binary(3)))
    for changed in (
        found._replace(schedule=[1]),
        found._replace(shape=(9, *found.shape[1:])),
        found._replace(images=bytes(16)),
        found._replace(resolution=[3]),
    ):
        with pytest.raises(ValueError, match="`data`"):
            decompress(model, changed.to_bytes())


@pytest.mark.parametrize("likelihood", ["gaussian", "continuous_bernoulli"])
@once
def test_likelihoods_without_levels_are_refused(likelihood):
    with pytest.raises(ValueError, match="`model` must have a likelihood of levels"):
        compress(dense(likelihood=likelihood), binary(2))


@pytest.mark.parametrize("prior", ["mixture", "vamp"])
@once
def test_other_priors_are_refused(prior):
    for make in (dense, ladder):
        with pytest.raises(ValueError, match="`model` must have latents with a prior"):
            compress(make(prior=prior), binary(2))


@once
def test_images_off_the_levels_are_refused(model):
    with pytest.raises(ValueError, match=r"`x` must have pixels that are 0 or 1.*0\.5"):
        compress(model, np.full((2, *SHAPE), 0.5, "float32"))
    grey = dense(**GREY)
    with pytest.raises(ValueError, match="whole multiples of 1/255"):
        compress(grey, np.full((2, *SHAPE), 0.5, "float32"))
    with pytest.raises(TypeError, match="`model` must be a model of the zoo"):
        compress(None, binary(2))


@once
def test_attributes_are_refused():
    model = zoo.ConditionalVAE(SHAPE, 2, num_attributes=2, seed=0)
    with pytest.raises(ValueError, match="labels that are classes"):
        compress(model, binary(2), np.zeros((2, 2), "float32"))
