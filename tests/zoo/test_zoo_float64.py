"""A model of dtype "float64" infers in float64: the same figures everywhere."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import BACKEND, first_everywhere, random_weights

import zoo
from zoo import precision
from zoo.likelihoods import Categorical, DiscretizedLogisticMixture
from zoo.networks.cache import StaticCache

once = pytest.mark.one_backend("test_figures_are_those_of_every_backend compares them")

HERE = Path(__file__).resolve().parent
BACKENDS = ("tensorflow", "jax", "torch")
GREY, COLOUR = (8, 8, 1), (9, 11, 3)
# What rounding of float64 leaves, of numbers up to a hundred.
EXACT = {"rtol": 1e-12, "atol": 1e-11}

MAKE = {
    "flow": lambda **options: zoo.DenseVAE(
        GREY, 4, (8,), prior=zoo.priors.Flow(4, 4, 8, mixing=True, seed=0), **options
    ),
    "conv": lambda **options: zoo.ConvVAE(
        COLOUR,
        3,
        (4, 6),
        DiscretizedLogisticMixture(2, num_levels=16),
        blocks_per_stage=1,
        hidden_units=8,
        **options,
    ),
    "ladder": lambda **options: zoo.HierarchicalVAE(
        GREY,
        ((4, 1, 2), (2, 1, 1)),
        filters=(4, 3),
        blocks_per_level=1,
        num_classes=3,
        prior=zoo.priors.Flow(8, 2, 8, label_dim=3, seed=0),
        **options,
    ),
    "codes": lambda **options: zoo.VQVAE(
        GREY,
        6,
        4,
        "ema",
        (4, 6),
        Categorical(16),
        zoo.CodePrior(
            6, (2, 2), width=8, num_layers=1, num_heads=2, num_classes=3, seed=0
        ),
        blocks_per_stage=1,
        **options,
    ),
}
KINDS = tuple(MAKE)


def figures(model, at_most=16, dtype="float64"):
    """{name: array} of all that a coder asks a model for, of 16 images."""
    rng = np.random.default_rng(0)
    top = model.likelihood.num_levels - 1
    x = rng.integers(0, top + 1, (16, *model.image_shape))
    x = x.astype("float32") / np.float32(top)
    is_codes = isinstance(model, zoo.VQVAE)
    if is_codes:
        numbers = rng.random((16, model.noise.uniforms), "float32")
    else:
        numbers = rng.standard_normal((16, model.noise.normals)).astype(dtype)
    labels = np.arange(16, dtype="int32") % 3 if model.label_dim else None

    def compute(x, numbers, labels=None):
        found = (of_codes if is_codes else of_numbers)(model, x, numbers, labels)
        parameters = found["parameters"]
        for c in range(model.image_shape[2]):
            levels = model.likelihood.level_log_probs(parameters, c, x)
            found[f"levels of {c}"] = levels
        return found | {"expected": model.likelihood.mean(parameters)}

    return model.inference.batched(
        f"figures {at_most}", compute, x, numbers, labels, at_most=at_most
    )


def of_numbers(model, x, noise, labels):
    """Figures of a model whose latents are numbers."""
    found = dict(model.posterior_statistics(x, labels))
    z = found["drawn"] = model.draw_latents(noise, labels=labels)
    found["parameters"] = model.decode_parameters(z, labels)
    if isinstance(model, zoo.HierarchicalVAE):
        groups = {name: part[None] for name, part in model.split_noise(z).items()}
        for i, (q, _) in enumerate(model.way_down(x, labels, z=groups)[0]):
            found[f"mean of group {i}"] = q.mean[0]
            found[f"log_var of group {i}"] = q.log_var[0]
    if isinstance(model.prior, zoo.priors.Flow):
        size = model.prior.latent_dim
        again, log_det = model.make_prior(labels).to_noise(z[:, :size])
        # That of the layers that mix is the same for all.
        found["log_det"] = log_det + ops.zeros_like(again[:, 0])
        found["inverse"] = again
        found["inverse less noise"] = again - noise[:, :size]
    return found


def of_codes(model, x, uniforms, labels):
    """Figures of a model whose latents are codes."""
    prior, codes = model.prior, model.quantize_images(x).codes
    features = model.quantizer.lookup(codes)
    flat, steps = ops.reshape(codes, (-1, prior.length)), []
    tensors = prior.transformer.empty_cache(ops.shape(flat)[0], prior.length)
    for place in range(prior.length):
        cache = StaticCache(tensors, ops.convert_to_tensor(place, "int32"))
        steps.append(prior.step(flat[:, max(0, place - 1)], cache, labels))
        tensors = cache.tensors
    logits = prior(codes, labels)
    return {
        "codes": codes,
        "features": features,
        "parameters": model.decode_parameters(features),
        "logits": logits,
        "steps less logits": ops.stack(steps, axis=1) - logits,
        "drawn": model.draw_latents(None, uniforms, labels=labels),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Presets of all kinds, of float32."""
    folder = tmp_path_factory.mktemp("float64")
    for kind, make in MAKE.items():
        model = make(seed=0, name="vae")
        random_weights(model, 0, 0.3)
        model.save_to_preset(folder / kind)
    return folder


def write_figures(folder):
    """Figures of the presets, on the backend of this process, into a file of each."""
    for kind in KINDS:
        model = zoo.from_preset(Path(folder, kind), dtype="float64")
        np.savez(Path(folder, f"{kind}_{BACKEND}.npz"), **figures(model))  # pyright: ignore


def is_double(weight):
    dtype = keras.backend.standardize_dtype(weight.value.dtype)
    return dtype == "float64" or not dtype.startswith("float")


@pytest.mark.parametrize("kind", first_everywhere(KINDS, once))
def test_figures_are_float64_and_do_not_depend_on_the_batch(folder, kind):
    model = zoo.from_preset(folder / kind, dtype="float64")
    assert all(map(is_double, model.weights))
    found, one_by_one = figures(model), figures(model, at_most=1)
    for name in set(found) & {"inverse less noise", "steps less logits"}:
        assert np.abs(found[name]).max() < 1e-10
    in_float32 = figures(zoo.from_preset(folder / kind), dtype="float32")
    assert found.keys() == one_by_one.keys() == in_float32.keys()
    for name, values in found.items():
        if values.dtype == np.int32:
            np.testing.assert_array_equal(values, one_by_one[name])
            np.testing.assert_array_equal(values, in_float32[name])
            continue
        assert values.dtype == np.float64, name
        assert in_float32[name].dtype == np.float32, name
        np.testing.assert_allclose(values, one_by_one[name], **EXACT, err_msg=name)
        size = max(1.0, float(np.abs(values).max()))
        np.testing.assert_allclose(
            in_float32[name], values, rtol=1e-4, atol=1e-4 * size, err_msg=name
        )


@pytest.mark.parametrize("kind", first_everywhere(KINDS, once))
def test_made_loaded_or_saved_it_is_the_same_model(folder, tmp_path, kind):
    with precision.scope("float64"):
        made = MAKE[kind](seed=0, name="vae", dtype="float64")
        random_weights(made, 0, 0.3)
    loaded = zoo.from_preset(folder / kind, dtype="float64")
    loaded.save_to_preset(tmp_path / "double")
    again = zoo.from_preset(tmp_path / "double")
    for other in (loaded, again):
        assert layers_of(other) == layers_of(made)
        assert_same_weights(other, made)
    # Back in float32 it is what it was.
    single = zoo.from_preset(tmp_path / "double", dtype="float32")
    plain = zoo.from_preset(folder / kind)
    assert layers_of(single) == layers_of(plain)
    assert_same_weights(single, plain)


def layers_of(model):
    layers = model._flatten_layers()
    return [(type(layer), layer.dtype_policy.name) for layer in layers]


def assert_same_weights(one, other):
    for weight, expected in zip(one.weights, other.weights, strict=True):
        assert weight.dtype == expected.dtype
        np.testing.assert_array_equal(
            *map(ops.convert_to_numpy, (weight.value, expected.value))
        )


@pytest.mark.parametrize("kind", ["flow", "codes"])
@once
def test_terms_of_the_elbo_are_float32(folder, kind):
    model, plain = (
        zoo.from_preset(folder / kind, dtype=d) for d in ("float64", "float32")
    )
    x = np.random.default_rng(2).integers(0, 2, (4, *model.image_shape))
    x, labels = x.astype("float32"), np.arange(4) % 3 if model.label_dim else None
    given, expected = (m.elbo(x, labels, seed=0) for m in (model, plain))
    for name, values in expected.items():
        assert given[name].dtype == values.dtype == np.float32
        np.testing.assert_allclose(given[name], values, rtol=1e-4, atol=1e-3)


@once
def test_what_encode_returns_is_float64_and_knows_its_kl(folder):
    model, plain = (
        zoo.from_preset(folder / "flow", dtype=d) for d in ("float64", "float32")
    )
    x = np.random.default_rng(2).integers(0, 2, (4, *GREY)).astype("float32")
    posterior = model.encode(x)
    kl, expected = (ops.convert_to_numpy(m.encode(x).kl()) for m in (model, plain))
    np.testing.assert_allclose(kl, expected, rtol=1e-3, atol=1e-2)
    assert ops.convert_to_numpy(posterior.sample(seed=0)).dtype == np.float64
    images = ops.convert_to_numpy(model.decode(posterior.mean))
    assert images.dtype == model.reconstruct(x).dtype == np.float64
    np.testing.assert_allclose(images, model.reconstruct(x), **EXACT)


@once
def test_codes_of_float64_are_those_that_the_prior_was_fitted_to(folder):
    model, plain = (
        zoo.from_preset(folder / "codes", dtype=d) for d in ("float64", None)
    )
    assert model.codes_digest() == plain.codes_digest()


@pytest.mark.parametrize("kind", ["flow", "codes"])
def test_it_trains_or_says_why_not(folder, kind):
    model = zoo.from_preset(folder / kind, dtype="float64")
    x = np.random.default_rng(2).random((4, *model.image_shape), "float32")
    labels = np.arange(4) % 3 if model.label_dim else None
    if BACKEND == "jax":
        with pytest.raises(ValueError, match="trains with 64-bit numbers, which JAX"):
            model.compile("adam")
        return
    model.compile("adam", run_eagerly=True)
    history = model.fit(x, labels, verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.skipif(BACKEND != "jax", reason="JAX alone has to be asked")
def test_jax_without_64_bit_numbers_makes_none_in_silence():
    with pytest.raises(ValueError, match="make the model within `with zoo.precision"):
        MAKE["flow"](dtype="float64")


@pytest.mark.cross_backend
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, BACKENDS)), reason="needs every backend"
)
def test_figures_are_those_of_every_backend(folder):
    code = "import sys; from test_zoo_float64 import write_figures as write"
    for backend in BACKENDS:
        process = subprocess.run(
            [sys.executable, "-c", f"{code}; write(sys.argv[1])", folder],
            env={
                **os.environ,
                "KERAS_BACKEND": backend,
                "PYTHONPATH": f"{HERE.parents[1]}{os.pathsep}{HERE}",
            },
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert process.returncode == 0, process.stderr[-3000:]
    for kind in KINDS:
        first, *others = (np.load(folder / f"{kind}_{b}.npz") for b in BACKENDS)
        for other in others:
            assert sorted(other) == sorted(first)
            for name, values in first.items():
                np.testing.assert_allclose(
                    other[name], values, rtol=0, atol=1e-10, err_msg=f"{kind}: {name}"
                )
