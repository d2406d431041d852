"""What a model cannot take is refused with one sentence about the argument."""

import keras
import numpy as np
import pytest
from zoo_helpers import SHAPE, make_dense, needs_tensorflow, needs_torch

import zoo
from zoo.likelihoods import Bernoulli, Gaussian
from zoo.objectives import ELBO, ImportanceWeighted

GOOD = np.random.default_rng(0).random((6, *SHAPE), dtype="float32")
LABELS = np.zeros(6, "int32")


def changed(value):
    x = GOOD.copy()
    x[3, 4, 5, 0] = value
    return x


BAD_IMAGES = {
    "NaN": (changed(np.nan), ValueError, "NaN"),
    "infinity": (changed(np.inf), ValueError, "infinite"),
    "minus infinity": (changed(-np.inf), ValueError, "infinite"),
    "uint8": ((GOOD * 255).astype("uint8"), TypeError, "got uint8: divide .* by 255"),
    "int": (GOOD.astype("int64"), TypeError, "got int64"),
    "0-255 floats": (
        GOOD * 255,
        ValueError,
        r"in \[0, 1\]; got values from .* rescale",
    ),
    "negative": (GOOD - 0.5, ValueError, r"in \[0, 1\]; got values from -"),
    "too few axes": (GOOD[..., 0], ValueError, r"\(N, 8, 8, 1\); got 3 dimensions"),
    "one image": (GOOD[0], ValueError, r"\(N, 8, 8, 1\); got 3 dimensions"),
    "too many axes": (GOOD[None], ValueError, "got 5 dimensions"),
    "channels": (np.repeat(GOOD, 3, -1), ValueError, r"1 channel\(s\).*got 3"),
    "channels first": (np.zeros((6, 1, 8, 8), "f4"), ValueError, "channel"),
    "height": (GOOD[:, :7], ValueError, r"8x8 pixels.*\(6, 7, 8, 1\)"),
    "width": (np.zeros((6, 8, 9, 1), "f4"), ValueError, r"8x8 pixels.*\(6, 8, 9, 1\)"),
    "empty": (GOOD[:0], ValueError, "at least one image"),
    "empty list": ([], ValueError, "at least one image"),
    "ragged": ([np.zeros((8, 8, 1)), np.zeros((9, 8, 1))], ValueError, "equal size"),
    "text": (np.full((2, *SHAPE), "a"), TypeError, "got <U1"),
    "objects": (np.full((2, *SHAPE), None), TypeError, "got object"),
}

METHODS = {
    "fit": lambda m, x: m.fit(x, verbose=0),
    "evaluate": lambda m, x: m.evaluate(x, verbose=0),
    "train_on_batch": lambda m, x: m.train_on_batch(x),
    "test_on_batch": lambda m, x: m.test_on_batch(x),
    "encode": lambda m, x: m.encode(x),
    "reconstruct": lambda m, x: m.reconstruct(x),
    "elbo": lambda m, x: m.elbo(x),
    "log_marginal_likelihood": lambda m, x: m.log_marginal_likelihood(x),
}


def refused(error, match):
    """Expects exactly this kind of error with a message of one line."""

    class Refused:
        def __enter__(self):
            self.raises = pytest.raises(error, match=match)
            self.caught = self.raises.__enter__()
            return self

        def __exit__(self, *details):
            result = self.raises.__exit__(*details)
            assert self.caught.type is error
            message = str(self.caught.value)
            assert "\n" not in message.strip() and len(message) < 400
            return result

    return Refused()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_bad_images_are_refused_by_every_method(compiled_model, method, kind):
    x, error, match = BAD_IMAGES[kind]
    with refused(error, f"^`x` .*{match}"):
        METHODS[method](compiled_model, x)


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_bad_validation_images_are_refused_before_training(compiled_model, kind):
    x, error, match = BAD_IMAGES[kind]
    steps = int(compiled_model.steps_trained)
    with refused(error, f"^`validation_data` .*{match}"):
        compiled_model.fit(GOOD, validation_data=(x,), verbose=0)
    assert int(compiled_model.steps_trained) == steps


@pytest.mark.parametrize(
    "x, error, match",
    [
        (None, ValueError, "`x` must be images; got None"),
        (3, TypeError, "`x` must be an array.*got int"),
        ("images", TypeError, "`x` must be an array.*got str"),
        ((GOOD, LABELS), TypeError, "`x` must be an array.*got tuple"),
        ({"image": GOOD}, TypeError, "`x` must be an array.*got dict"),
        (iter([]), ValueError, "`x` must hold at least one batch; got none"),
        ((b for b in []), ValueError, "`x` must hold at least one batch; got none"),
        (iter([GOOD * 255]), ValueError, r"`x` must be pixels in \[0, 1\]"),
        (iter([(GOOD[:, :7],)]), ValueError, "8x8 pixels"),
        (iter([(GOOD * 255).astype("uint8")]), TypeError, "got uint8"),
        (iter([(GOOD, LABELS)]), ValueError, "takes no labels"),
    ],
)
def test_bad_streams_are_refused(compiled_model, x, error, match):
    with refused(error, match):
        compiled_model.fit(x, verbose=0)


@needs_tensorflow
def test_labels_and_bad_images_in_a_tf_dataset_are_refused(compiled_model):
    import tensorflow as tf

    pairs = tf.data.Dataset.from_tensor_slices((GOOD, LABELS)).batch(3)
    with refused(ValueError, "DenseVAE takes no labels"):
        compiled_model.fit(pairs, verbose=0)
    with refused(ValueError, "DenseVAE takes no labels"):
        compiled_model.fit(GOOD, validation_data=pairs, verbose=0)
    unbatched = tf.data.Dataset.from_tensor_slices(GOOD)
    with refused(ValueError, "got 3 dimensions"):
        compiled_model.fit(unbatched, verbose=0)
    with refused(ValueError, "at least one batch"):
        compiled_model.fit(unbatched.batch(2).take(0), verbose=0)


@needs_torch
def test_labels_in_a_torch_loader_are_refused(compiled_model):
    from torch import tensor
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(tensor(GOOD), tensor(LABELS)), batch_size=3)
    with refused(ValueError, "DenseVAE takes no labels"):
        compiled_model.fit(loader, verbose=0)


LABELLED = {
    "fit": lambda m: m.fit(GOOD, LABELS, verbose=0),
    "validation": lambda m: m.fit(GOOD, validation_data=(GOOD, LABELS), verbose=0),
    "evaluate": lambda m: m.evaluate(GOOD, LABELS, verbose=0),
    "encode": lambda m: m.encode(GOOD, labels=LABELS),
    "decode": lambda m: m.decode(np.zeros((6, 2), "float32"), labels=LABELS),
    "reconstruct": lambda m: m.reconstruct(GOOD, labels=LABELS),
    "sample": lambda m: m.sample(6, labels=LABELS),
    "elbo": lambda m: m.elbo(GOOD, labels=LABELS),
    "nll": lambda m: m.log_marginal_likelihood(GOOD, labels=LABELS),
    "train_on_batch": lambda m: m.train_on_batch(GOOD, LABELS),
    "test_on_batch": lambda m: m.test_on_batch(GOOD, LABELS),
}


@pytest.mark.parametrize("call", LABELLED)
def test_labels_are_refused_where_none_are_taken(compiled_model, call):
    with pytest.raises(ValueError, match="takes no labels"):
        LABELLED[call](compiled_model)


CALLS = {
    "latents, width": (
        lambda m: m.decode(np.zeros((3, 5), "f4")),
        r"`z` must be latents of shape \(N, 2\); got shape \(3, 5\)",
    ),
    "latents, rank": (
        lambda m: m.decode(np.zeros(2, "f4")),
        r"`z` .* got shape \(2,\)",
    ),
    "temperature": (lambda m: m.sample(1, temperature=-1), "`temperature` .*got -1"),
    "temperature, NaN": (
        lambda m: m.sample(1, temperature=float("nan")),
        "`temperature` .*got nan",
    ),
    "temperature, infinite": (
        lambda m: m.sample(1, temperature=float("inf")),
        "`temperature` .*got inf",
    ),
    "num_samples": (lambda m: m.sample(-1), "`num_samples` .*got -1"),
    "num_samples, part": (lambda m: m.sample(1.5), "`num_samples` .*got 1.5"),
    "num_samples, NaN": (lambda m: m.sample(float("nan")), "`num_samples` .*got nan"),
    "num_samples, inf": (lambda m: m.sample(float("inf")), "`num_samples` .*got inf"),
    "num_samples, text": (lambda m: m.sample("ten"), "`num_samples` .*got 'ten'"),
    "num_samples, None": (lambda m: m.sample(None), "`num_samples` .*got None"),
    "num_samples, bool": (lambda m: m.sample(True), "`num_samples` .*got True"),
    "seed": (
        lambda m: m.sample(1, seed=-3),
        "`seed` must be a whole number >= 0 and <= 9223372036854775807; got -3",
    ),
    "seed, huge": (lambda m: m.sample(1, seed=2**63), f"`seed` .*got {2**63}"),
    "seed, text": (lambda m: m.sample(1, seed="a"), "`seed` .*got 'a'"),
    "seed, part": (lambda m: m.sample(1, seed=0.5), "`seed` .*got 0.5"),
    "K": (
        lambda m: m.log_marginal_likelihood(GOOD, num_importance_samples=0),
        "`num_importance_samples` must be a whole number >= 1; got 0",
    ),
    "batch_size": (
        lambda m: m.log_marginal_likelihood(GOOD, batch_size=0),
        "`batch_size` .*got 0",
    ),
    "split of one": (
        lambda m: m.fit(GOOD[:1], validation_split=0.5, verbose=0),
        "`validation_split`=0.5 of 1 image.* leaves one side empty",
    ),
    "split of all": (
        lambda m: m.fit(GOOD, validation_split=1.5, verbose=0),
        r"`validation_split` must lie in \(0, 1\); got 1.5",
    ),
    "negative split": (
        lambda m: m.fit(GOOD, validation_split=-0.5, verbose=0),
        r"`validation_split` must lie in \(0, 1\); got -0.5",
    ),
    "split of a stream": (
        lambda m: m.fit(iter([GOOD]), validation_split=0.5, verbose=0),
        "`validation_split` needs arrays; give `validation_data`",
    ),
    "labels beside a stream": (
        lambda m: m.fit((x for x in [GOOD]), LABELS, verbose=0),
        "must give its labels itself",
    ),
    "loss": (
        lambda m: m.compile("adam", loss="mse"),
        "compile takes no loss: the model",
    ),
    "metrics": (lambda m: m.compile(metrics=["mse"]), "compile takes no metrics"),
}


@pytest.mark.parametrize("call", CALLS)
def test_bad_arguments_of_methods_are_refused(compiled_model, call):
    function, match = CALLS[call]
    with refused(ValueError, match):
        function(compiled_model)


def dense(*args, **kwargs):
    return lambda: zoo.DenseVAE(*args, **kwargs)


def conv(**kwargs):
    return lambda: zoo.ConvVAE(SHAPE, 2, **kwargs)


CONSTRUCTORS = {
    "small": (dense((7, 28, 1), 2), ValueError, "at least 8 pixels .*got 7x28"),
    "small conv": (lambda: zoo.ConvVAE((28, 4, 3), 2), ValueError, "got 28x4"),
    "two sizes": (dense((28, 28), 2), ValueError, r"`image_shape` .*got \(28, 28\)"),
    "no channels": (dense((28, 28, 0), 2), ValueError, "`image_shape`"),
    "text shape": (dense("mnist", 2), TypeError, "`image_shape` .*got 'mnist'"),
    "number shape": (dense(28, 2), TypeError, "`image_shape` .*got 28"),
    "None in shape": (dense((None, 28, 1), 2), TypeError, "`image_shape`"),
    "latent_dim": (dense(SHAPE, 0), ValueError, "`latent_dim` .*>= 1; got 0"),
    "latent_dim, part": (dense(SHAPE, 2.5), ValueError, "`latent_dim` .*got 2.5"),
    "latent_dim, None": (dense(SHAPE, None), ValueError, "`latent_dim` .*got None"),
    "hidden_units": (dense(SHAPE, 2, (0,)), ValueError, "`hidden_units` .*got 0"),
    "hidden text": (dense(SHAPE, 2, "64"), ValueError, "`hidden_units` .*got '64'"),
    "likelihood": (
        dense(SHAPE, 2, likelihood="bernouli"),
        ValueError,
        "`likelihood` must be one of 'bernoulli', 'categorical', .*got 'bernouli'",
    ),
    "likelihood, number": (
        dense(SHAPE, 2, likelihood=3),
        TypeError,
        "`likelihood` .*got int",
    ),
    "likelihood, class": (
        dense(SHAPE, 2, likelihood=Bernoulli),
        TypeError,
        "`likelihood` .*got",
    ),
    "prior": (
        dense(SHAPE, 2, prior="vamps"),
        ValueError,
        "`prior` must be one of 'flow', 'mixture', 'standard_normal', 'vamp' .*'vamps'",
    ),
    "prior that is a likelihood": (
        dense(SHAPE, 2, prior=zoo.likelihoods.Bernoulli()),
        TypeError,
        "`prior` must be a prior; got the likelihood Bernoulli",
    ),
    "objective": (
        dense(SHAPE, 2, objective="elbow"),
        ValueError,
        "`objective` .*got 'elbow'",
    ),
    "objective, function": (
        dense(SHAPE, 2, objective=max),
        TypeError,
        "`objective` .*got",
    ),
    "beta": (dense(SHAPE, 2, beta=-1), ValueError, "`beta` .*>= 0; got -1"),
    "beta, NaN": (dense(SHAPE, 2, beta=float("nan")), ValueError, "`beta` .*got nan"),
    "beta, text": (dense(SHAPE, 2, beta="high"), (ValueError, TypeError), "`beta`"),
    "beta, function": (dense(SHAPE, 2, beta=max), TypeError, "`beta` .*got"),
    "beta, bool": (dense(SHAPE, 2, beta=True), TypeError, "`beta` .*got bool"),
    "both": (
        dense(SHAPE, 2, beta=2.0, objective=ELBO()),
        ValueError,
        "`beta` or `objective`, not both",
    ),
    "both, iwae": (
        dense(SHAPE, 2, beta=2.0, objective=ImportanceWeighted(2)),
        ValueError,
        "`beta` or `objective`, not both",
    ),
    "filters": (conv(filters=()), ValueError, "`filters` must name at least one"),
    "filters, zero": (conv(filters=(4, 0)), ValueError, "`filters` .*got 0"),
    "block": (
        conv(block="dense"),
        ValueError,
        "`block` must be one of 'plain', 'residual', 'gated'; got 'dense'",
    ),
    "blocks": (conv(blocks_per_stage=-1), ValueError, "`blocks_per_stage` .*got -1"),
    "conv hidden": (conv(hidden_units=0), ValueError, "`hidden_units` .*got 0"),
    "K": (
        lambda: ImportanceWeighted(0),
        ValueError,
        "`num_importance_samples` must be a whole number >= 1; got 0",
    ),
    "K, part": (lambda: ImportanceWeighted(1.5), ValueError, "got 1.5"),
    "K, None": (lambda: ImportanceWeighted(None), ValueError, "got None"),
    "free_bits": (lambda: ELBO(free_bits=-1), ValueError, "`free_bits` .*got -1"),
    "scale": (lambda: Gaussian(scale=0), ValueError, "`scale` .*got 0"),
    "scale, text": (lambda: Gaussian(scale="local"), ValueError, "got 'local'"),
    "scale, infinite": (lambda: Gaussian(scale=float("inf")), ValueError, "got inf"),
}


@pytest.mark.parametrize("case", CONSTRUCTORS)
def test_bad_constructor_arguments_are_refused(case):
    make, error, match = CONSTRUCTORS[case]
    with pytest.raises(error, match=match) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [np.float32(2), np.float64(2), np.int64(2), 2])
def test_numbers_of_numpy_are_numbers(number, tmp_path):
    model = make_dense(beta=number, seed=np.int64(3))
    assert model.objective.beta == 2
    model.save_to_preset(tmp_path / "p")
    assert zoo.from_preset(tmp_path / "p").seed == 3
    assert zoo.DenseVAE(np.array(SHAPE), np.int64(2), np.array([4])).latent_dim == 2


def test_fit_without_compile_says_so():
    with pytest.raises(ValueError, match="compile"):
        make_dense().fit(GOOD, verbose=0)


def test_networks_of_the_wrong_size_do_not_train_silently():
    encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(5)])
    decoder = keras.Sequential([keras.layers.Dense(64), keras.layers.Reshape(SHAPE)])
    with pytest.raises(Exception):  # noqa: B017 - the backend's own, whichever
        model = zoo.VAE(encoder, decoder, SHAPE, latent_dim=2)
        model.compile()
        model.fit(GOOD, verbose=0)
