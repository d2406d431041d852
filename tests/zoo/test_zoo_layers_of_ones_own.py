"""Networks that people bring: subclassed layers that make their weights when called."""

import copy
import pickle
import warnings

import keras
import numpy as np
import pytest
from zoo_helpers import SHAPE, array, make_dense, quick_compile, trainable

import zoo


@keras.saving.register_keras_serializable(package="tests")
class Encoder(keras.layers.Layer):
    """As in Keras' own guide: layers as attributes, no `build`."""

    def __init__(self, latent_dim, **options):
        super().__init__(**options)
        self.latent_dim = latent_dim
        self.flatten = keras.layers.Flatten()
        self.hidden = keras.layers.Dense(6, activation="relu")
        self.head = keras.layers.Dense(2 * latent_dim)

    def call(self, images):
        return self.head(self.hidden(self.flatten(images)))

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim}


@keras.saving.register_keras_serializable(package="tests")
class Decoder(keras.layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.hidden = keras.layers.Dense(6, activation="relu")
        self.head = keras.layers.Dense(64)
        self.reshape = keras.layers.Reshape(SHAPE)

    def call(self, z):
        return self.reshape(self.head(self.hidden(z)))


class Unregistered(Decoder):
    __module__ = None  # as of a class that is defined in a script


@keras.saving.register_keras_serializable(package="tests")
class Forgetful(keras.layers.Dense):
    """Has weights, and saves none."""

    def save_own_variables(self, store):
        pass


@keras.saving.register_keras_serializable(package="tests")
class Hiding(Decoder):
    def __init__(self, **options):
        super().__init__(**options)
        self.head = Forgetful(64)


@keras.saving.register_keras_serializable(package="tests")
class Fickle(Decoder):
    """One more layer each time a config is made into a decoder."""

    def __init__(self, width=6, **options):
        super().__init__(**options)
        self.hidden = keras.layers.Dense(width)

    def get_config(self):
        return {**super().get_config(), "width": 7}


def make_model(decoder=None, **options):
    return zoo.VAE(Encoder(2), decoder or Decoder(), SHAPE, latent_dim=2, **options)


@pytest.mark.parametrize("compiled", [False, True])
def test_trained_weights_are_kept_by_presets_and_files(compiled, images, tmp_path):
    model = make_model()
    assert len(model.weights) == 9  # with the counter of steps
    rng = np.random.default_rng(0)
    if compiled:
        quick_compile(model, keras.optimizers.Adam(0.05))
        model.fit(images, batch_size=16, verbose=0)
    else:
        for weight in model.trainable_weights:
            weight.assign(rng.standard_normal(weight.shape))
    expected = model.reconstruct(images)
    model.save_to_preset(tmp_path / "preset")
    model.save(tmp_path / "model.keras")
    for again in (
        zoo.from_preset(tmp_path / "preset"),
        keras.models.load_model(tmp_path / "model.keras"),
    ):
        np.testing.assert_allclose(again.reconstruct(images), expected, atol=1e-6)


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["deepcopy", "pickle"],
)
def test_copies_train_apart_from_the_original(copied, images):
    model = make_model(seed=0)
    quick_compile(model, keras.optimizers.SGD(0.01))
    model.fit(images, batch_size=16, verbose=0)
    again = copied(model)
    np.testing.assert_array_equal(again.reconstruct(images), model.reconstruct(images))
    before = trainable(model)
    again.fit(images, batch_size=16, verbose=0)
    assert int(again.steps_trained) == 8 and int(model.steps_trained) == 4
    for old, now, new in zip(before, trainable(model), trainable(again), strict=True):
        np.testing.assert_array_equal(old, now)
        assert np.any(new != old)


def lambda_decoder():
    return keras.Sequential(
        [keras.layers.Dense(64), keras.layers.Lambda(abs), keras.layers.Reshape(SHAPE)]
    )


@pytest.mark.parametrize(
    ("decoder", "sentence"),
    [
        (Unregistered, "Unregistered cannot be found again by who loads"),
        (lambda_decoder, "A Lambda is Python code, which no preset holds"),
    ],
)
def test_what_cannot_be_kept_is_said_before_training(decoder, sentence, tmp_path):
    model = make_model(decoder())
    with pytest.warns(UserWarning, match=f"cannot be kept: {sentence}"):
        model.compile()
    with pytest.raises(ValueError, match=sentence) as caught:
        model.save_to_preset(tmp_path / "preset")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("make", [make_model, make_dense])
def test_nothing_is_said_of_models_that_can_be_kept(make):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "What is trained")
        make().compile()


def test_weights_that_keras_does_not_save_are_missed(tmp_path):
    model = make_model(Hiding())
    with pytest.raises(ValueError, match="weights of the VAE Keras saves"):
        model.save_to_preset(tmp_path / "preset")
    assert not list(tmp_path.iterdir())


def test_a_preset_of_other_weights_than_its_model_is_refused(tmp_path):
    make_model(Fickle()).save_to_preset(tmp_path / "preset")
    with pytest.raises(ValueError, match="saved with .* weights, but the VAE .* has"):
        zoo.from_preset(tmp_path / "preset")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_of_16_bits_are_not_trained(dtype, images):
    model = make_dense(dtype=dtype)
    assert np.isfinite(model.reconstruct(images)).all()
    with pytest.raises(ValueError, match=f"dtype='mixed_{dtype}'"):
        model.compile("adam")


def test_what_encode_and_decode_give_is_without_gradients(images):
    model = make_model()
    posterior = model.encode(images)
    for tensor in (posterior.mean, posterior.log_var, posterior.kl()):
        assert np.asarray(tensor).shape[0] == len(images)
    assert np.asarray(model.decode(array(posterior.mean))[0]).shape == SHAPE
