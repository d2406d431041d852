"""Networks that a subclass adds as plain attributes: built, trained, saved, loaded."""

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import LOGS, SHAPE, array, first_everywhere, quick_compile

import zoo

once = pytest.mark.one_backend("one builds them on every backend, as the others do")

LATENT_DIM = 2


def stretch(z, layer):
    """Latents (..., D), moved a little by a layer."""
    return z + 0.1 * ops.cast(layer(z), z.dtype)


class Extra:
    """Mixed into a model: latents pass a layer that is set after the constructor."""

    def decode_parameters(self, z, labels=None, training=False):
        return super().decode_parameters(stretch(z, self.extra), labels, training)


@keras.saving.register_keras_serializable(package="tests")
class ExtraDense(Extra, zoo.DenseVAE):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.extra = keras.layers.Dense(self.latent_dim, name="extra")


@keras.saving.register_keras_serializable(package="tests")
class ExtraConv(Extra, zoo.ConvVAE):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.extra = keras.Sequential(
            [keras.layers.Dense(3), keras.layers.Dense(self.latent_dim)], name="extra"
        )


@keras.saving.register_keras_serializable(package="tests")
class ExtraVQ(Extra, zoo.VQVAE):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.extra = keras.layers.Dense(self.code_dim, name="extra")


@keras.saving.register_keras_serializable(package="tests")
class ExtraVAE(Extra, zoo.VAE):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.extra = keras.layers.Dense(self.latent_dim, name="extra")


@keras.saving.register_keras_serializable(package="tests")
class ExtraConditional(Extra, zoo.ConditionalVAE):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.extra = keras.layers.Dense(self.latent_dim, name="extra")


def make_vae(cls):
    encoder = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(2 * LATENT_DIM)]
    )
    decoder = keras.Sequential([keras.layers.Dense(64), keras.layers.Reshape(SHAPE)])
    return cls(encoder, decoder, SHAPE, LATENT_DIM, seed=0)


MODELS = {
    "dense": lambda: ExtraDense(SHAPE, LATENT_DIM, hidden_units=(4,), seed=0),
    "conv": lambda: ExtraConv(
        SHAPE, LATENT_DIM, filters=(2,), blocks_per_stage=0, hidden_units=4, seed=0
    ),
    "vq": lambda: ExtraVQ(SHAPE, 4, 2, filters=(2,), blocks_per_stage=0, seed=0),
    "vae": lambda: make_vae(ExtraVAE),
    "conditional": lambda: ExtraConditional(
        SHAPE, LATENT_DIM, 2, networks="dense", hidden_units=(4,), seed=0
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_plain_attributes_are_trained_and_saved(images, tmp_path, name):
    model = MODELS[name]()
    labels = (np.arange(64) % 2,) if name == "conditional" else ()
    quick_compile(model, keras.optimizers.Adam(0.02))
    history = model.fit(images, *labels, batch_size=16, epochs=2, verbose=0).history
    assert set(history) >= LOGS - {"active_units"}
    assert model.extra.built and len(model.extra.trainable_variables) >= 2
    # Adam's two averages of each weight, and its own two numbers.
    assert len(model.optimizer.variables) == 2 + 2 * len(model.trainable_variables)

    model.save_to_preset(tmp_path / "preset")
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    fresh, copied = MODELS[name](), MODELS[name]()
    fresh.load_weights(tmp_path / "m.weights.h5")
    copied.set_weights(model.get_weights())
    assert MODELS[name]().count_params() == model.count_params()
    loaded = type(model).from_preset(tmp_path / "preset")
    whole = keras.saving.load_model(tmp_path / "model.keras")
    for other in (loaded, fresh, copied, whole):
        pairs = zip(other.get_weights(), model.get_weights(), strict=True)
        assert all(np.array_equal(one, two) for one, two in pairs)
    states = zip(whole.optimizer.variables, model.optimizer.variables, strict=True)
    assert all(np.array_equal(array(one), array(two)) for one, two in states)
    np.testing.assert_allclose(
        loaded.reconstruct(images[:3], *(row[:3] for row in labels)),
        model.reconstruct(images[:3], *(row[:3] for row in labels)),
        atol=1e-6,
    )


USES = {
    "encode": lambda m, x: m.encode(x).kl(),
    "elbo": lambda m, x: m.elbo(x, seed=0),
    "sample": lambda m, x: m.sample(2, seed=0),
    "generate": lambda m, x: m.generate(np.zeros((2, LATENT_DIM), "float32")),
    "predict": lambda m, x: m.predict(x, verbose=0),
    "train_on_batch": lambda m, x: m.train_on_batch(x),
}


@pytest.mark.parametrize(
    "name",
    first_everywhere(USES, once),
)
def test_first_use_of_a_model_builds_them(images, name):
    model = MODELS["dense"]()
    if name in ("predict", "train_on_batch"):
        quick_compile(model, "adam")
    USES[name](model, images[:2])
    model.build_remaining()
    assert model.extra.built and len(model.trainable_variables) == 10
    if name == "generate":
        quick_compile(model, "adam")
        model.fit(images[:4], verbose=0)
    if name in ("generate", "train_on_batch"):
        assert len(model.optimizer.variables) == 2 + 2 * 10


def test_plain_attributes_train_in_a_compiled_step(images):
    """XLA on JAX and TensorFlow, whose step must know all variables beforehand."""
    model = MODELS["dense"]()
    model.compile(keras.optimizers.Adam(0.02))
    first = model.fit(images, batch_size=16, verbose=0).history
    kernel = np.array(array(model.extra.kernel.value))
    second = model.fit(images, batch_size=16, epochs=2, verbose=0).history
    assert second["loss"][-1] < first["loss"][0]
    assert np.abs(array(model.extra.kernel.value) - kernel).max() > 1e-4


def test_parts_do_as_well(images):
    class WithPart(Extra, zoo.DenseVAE):
        pass

    part = keras.layers.Dense(LATENT_DIM, name="extra")
    model = WithPart(
        SHAPE, LATENT_DIM, hidden_units=(4,), seed=0, parts={"extra": part}
    )
    assert model.extra is part
    quick_compile(model, keras.optimizers.Adam(0.02))
    model.fit(images, verbose=0)
    assert part.built
    assert {id(w) for w in part.weights} <= {id(w) for w in model.trainable_weights}


def test_network_that_no_step_reaches_is_left_alone(images):
    model = MODELS["dense"]()
    model.unused = keras.layers.Dense(3)
    quick_compile(model, keras.optimizers.Adam(0.02))
    model.fit(images, verbose=0)
    assert model.extra.built and not model.unused.built


# The networks that a user gives.


def network(size, shape=None):
    layers = [keras.layers.Flatten(), keras.layers.Dense(size)]
    return keras.Sequential(layers + ([keras.layers.Reshape(shape)] if shape else []))


@pytest.mark.parametrize(
    "encoder, decoder, image_shape, said",
    [
        ((2,), (64, SHAPE), SHAPE, r"describe 4 latents, .*8 numbers.*\('N', 1\)"),
        ((3,), (64, SHAPE), SHAPE, "DiagonalNormal of D latents .*; got 3"),
        ((8, (2, 4)), (64, SHAPE), SHAPE, r"describe 4 latents.*\('N', 2, 2\)"),
        (
            (8,),
            (64, SHAPE),
            (8, 8, 3),
            r"\('N', 8, 8, 3\) for images of \(8, 8, 3\); it gives \('N', 8, 8, 1\)",
        ),
        ((8,), (1, (1, 1, 1)), SHAPE, r"it gives \('N', 1, 1, 1\)"),
        ((8,), (64,), SHAPE, r"Bernoulli parameters of shape .*; it gives \('N', 64\)"),
    ],
)
def test_networks_of_other_shapes_are_refused(encoder, decoder, image_shape, said):
    with pytest.raises(ValueError, match=said) as caught:
        zoo.VAE(network(*encoder), network(*decoder), image_shape, latent_dim=4)
    assert "\n" not in str(caught.value)


def test_likelihood_decides_what_the_decoder_gives():
    two = network(128, (8, 8, 2))
    likelihood = zoo.likelihoods.Gaussian(scale="per_pixel")
    zoo.VAE(network(4), two, SHAPE, latent_dim=2, likelihood=likelihood)
    with pytest.raises(ValueError, match=r"Gaussian parameters of shape .*8, 8, 2\)"):
        zoo.VAE(network(4), network(64, SHAPE), SHAPE, 2, likelihood=likelihood)
