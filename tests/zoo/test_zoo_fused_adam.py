"""TensorFlow's fused operation takes the steps of Keras' Adam, whatever wraps it."""

import contextlib

import keras
import numpy as np
import pytest
from zoo_helpers import BACKEND, SHAPE, make_dense

from zoo.training import SkippingOptimizer
from zoo.training.split_optimizer import SplitOptimizer

pytestmark = pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
Adam, AdamW = keras.optimizers.Adam, keras.optimizers.AdamW
SHAPES = [(3, 2), (5,), ()]


def split():
    return SplitOptimizer(Adam(0.1), Adam(0.01, beta_1=0.5), ["w0"])


# {what: (function that makes the optimizer, how many of its updates are fused)}.
OPTIMIZERS = {
    "Adam": (lambda: Adam(0.1), 3),
    "another": (lambda: Adam(0.1, beta_1=0.5, beta_2=0.9, epsilon=1e-3), 3),
    "AdamW": (lambda: AdamW(0.1, weight_decay=0.1, clipnorm=0.5), 3),
    "a schedule": (lambda: Adam(keras.optimizers.schedules.CosineDecay(0.1, 5)), 3),
    "an average": (lambda: Adam(0.1, use_ema=True, ema_momentum=0.5), 3),
    "accumulated": (lambda: Adam(0.1, gradient_accumulation_steps=2), 3),
    "loss scale": (lambda: keras.optimizers.LossScaleOptimizer(Adam(0.1)), 3),
    "skipping": (lambda: SkippingOptimizer(Adam(0.1), 8.0), 3),
    "two": (split, 3),
    "amsgrad": (lambda: Adam(0.1, amsgrad=True), 0),
    "Nadam": (lambda: keras.optimizers.Nadam(0.1), 0),
}


def trained(optimizer, around):
    """(weights after steps of given gradients, how many fused operations there are)."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    weights = [
        keras.Variable(rng.normal(size=s), dtype="float32", name=f"w{i}")
        for i, s in enumerate(SHAPES)
    ]
    optimizer.build(weights)

    @tf.function
    def step(gradients):
        with around(optimizer):
            optimizer.apply_gradients(zip(gradients, weights, strict=True))

    for scale in (1, 100, 1, 1, 1, 1):
        step([tf.constant(scale * rng.normal(size=s), "float32") for s in SHAPES])
    graph = step.get_concrete_function(weights).graph
    return [w.numpy() for w in weights], _count(graph)


def _count(graph):
    definition = graph.as_graph_def()
    parts = [definition.node, *(f.node_def for f in definition.library.function)]
    return sum(n.op == "ResourceApplyAdam" for nodes in parts for n in nodes)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_keras(name):
    from zoo.training.fusing.tensorflow import fused

    make, number = OPTIMIZERS[name]
    weights, count = trained(make(), fused)
    assert count == number
    wanted, none = trained(make(), lambda optimizer: contextlib.nullcontext())
    assert none == 0
    for weight, other in zip(weights, wanted, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-5, atol=1e-5)


def test_steps_are_those_of_the_paper():
    from zoo.training.fusing.tensorflow import fused

    weights, _ = trained(Adam(0.1), fused)
    rng = np.random.default_rng(0)
    wanted = [rng.normal(size=s) for s in SHAPES]
    first, second = [np.zeros(s) for s in SHAPES], [np.zeros(s) for s in SHAPES]
    for t, scale in enumerate((1, 100, 1, 1, 1, 1), 1):
        for i, shape in enumerate(SHAPES):
            gradient = scale * rng.normal(size=shape)
            first[i] = 0.9 * first[i] + 0.1 * gradient
            second[i] = 0.999 * second[i] + 0.001 * gradient**2
            root = np.sqrt(second[i] / (1 - 0.999**t))
            wanted[i] = wanted[i] - 0.1 * first[i] / (1 - 0.9**t) / (root + 1e-7)
    for weight, other in zip(weights, wanted, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-4)


def test_a_model_is_trained_by_them():
    import tensorflow as tf

    model = make_dense()
    model.compile("adam", jit_compile=False)
    x = np.zeros((8, *SHAPE), "float32")
    model.fit(x, verbose=0)
    function = tf.function(model.train_step)
    graph = function.get_concrete_function((tf.constant(x),)).graph
    assert _count(graph) == len(model.trainable_variables)
    assert "update_step" not in vars(model.optimizer)
