"""What the tests of the zoo have in common."""

import importlib.util
import json

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.latents import LatentSpec
from zoo.objectives import ELBOTerms, LatentGroup
from zoo.presets import files

BACKEND = keras.backend.backend()
SHAPE = (8, 8, 1)
LOGS = {"loss", "elbo", "reconstruction", "kl", "active_units"}

needs_tensorflow = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow"
)
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs PyTorch"
)


def first_everywhere(values, once):
    """Parameters of which all but the first have a mark, `one_backend`."""
    first, *rest = values
    return [first, *(pytest.param(value, marks=once) for value in rest)]


class NoiselessVAE(zoo.DenseVAE):
    """Draws the posterior mean: steps depend on weights and images alone."""

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        mean = self.encode_parameters(x)[:, : self.latent_dim]
        noise = ops.zeros_like(ops.cast(mean, "float32"))[None]
        return super().elbo_terms(x, labels, num_draws, noise, training)


def make_dense(kind=zoo.DenseVAE, **options):
    """A DenseVAE of a few hundred weights."""
    options = {"hidden_units": (4,), "seed": 0, "name": "vae", **options}
    return kind(options.pop("image_shape", SHAPE), 2, **options)


def make_terms(posterior, prior, z, log_likelihood):
    """The terms of a model of one latent vector."""
    spec = LatentSpec("z", tuple(posterior.mean.shape[1:]))
    return ELBOTerms(log_likelihood, (LatentGroup(spec, posterior, prior, z),))


def losses_after(steps, model, x, noise):
    """Losses of a model and of its discriminator, (N,) each, after so many steps."""
    model.steps_trained.assign(steps)
    terms = model.elbo_terms(
        ops.convert_to_tensor(x), noise=ops.convert_to_tensor(noise[None], "float32")
    )
    step = ops.cast(model.steps_trained, "float32")
    losses = model.example_losses(terms, step)
    auxiliary = model.auxiliary_losses(terms, step)["discriminator_loss"]
    return array(losses), array(auxiliary)


def quick_compile(model, *args, **options):
    """Compiles without XLA on TensorFlow, where XLA takes seconds a model."""
    if BACKEND == "tensorflow":
        options["jit_compile"] = False
    model.compile(*args, **options)


def random_weights(model, seed, scale=0.5):
    """{path without the model's name: float32 array}, drawn by NumPy and set."""
    rng = np.random.default_rng(seed)
    paths = [w.path.split("/", 1)[1] for w in model.weights]
    values = {}
    for path, weight in sorted(
        zip(paths, model.weights, strict=True), key=lambda pair: pair[0]
    ):
        values[path] = np.zeros(())
        if path != "steps":
            drawn = scale * rng.standard_normal(weight.shape)
            values[path] = drawn.astype("float32")
    model.set_weights([values[path] for path in paths])
    return values


def trainable(model):
    """Copies of a model's trainable weights."""
    return [np.array(array(v.value)) for v in model.trainable_variables]


def weights_distance(one, other):
    """Largest absolute difference between two models' trainable weights."""
    pairs = zip(trainable(one), trainable(other), strict=True)
    return max(float(np.max(np.abs(a - b))) for a, b in pairs)


def array(tensor):
    """A tensor as a NumPy array."""
    return ops.convert_to_numpy(tensor)


def call(function, *values):
    """A function of tensors at NumPy arrays, as an array: on JAX in one piece.

    JAX compiles each operator by itself otherwise, for each new shape.
    """
    if BACKEND == "jax":
        import jax

        function = jax.jit(function)
    tensors = [ops.convert_to_tensor(np.asarray(v, "float32")) for v in values]
    return array(function(*tensors))


def gradient(function, value):
    """The gradient at `value` (NumPy) of a function of one tensor to a scalar."""
    if BACKEND == "tensorflow":
        import tensorflow as tf

        variable = tf.Variable(value)
        with tf.GradientTape() as tape:
            result = function(tf.convert_to_tensor(variable))
        return tape.gradient(result, variable).numpy()
    if BACKEND == "jax":
        import jax

        return np.asarray(jax.jit(jax.grad(function))(value))
    import torch

    variable = torch.tensor(value, requires_grad=True)
    function(variable).backward()
    return variable.grad.numpy()


def resigned(folder, **entries):
    """Digests anew of a preset that was changed, and entries of its metadata."""
    metadata = json.loads((folder / files.METADATA).read_text())
    names = files.CONFIG, files.WEIGHTS
    digests = {name: files.digest(folder / name) for name in names}
    files.write_json(
        folder / files.METADATA, {**metadata, **entries, "sha256": digests}
    )
