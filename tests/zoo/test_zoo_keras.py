"""The model as a Keras model: failures, freezing, `summary`, `export`, refusals."""

import _thread
import signal
import threading
import time

import keras
import numpy as np
import pytest
from keras import ops
from zoo_helpers import BACKEND, SHAPE, array, make_dense, quick_compile

import zoo

ORDERED = {"batch_size": 16, "shuffle": False, "verbose": 0}
EVENTS = [
    "on_train_begin",
    "on_epoch_begin",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_epoch_end",
]


class Raise(keras.callbacks.Callback):
    """Raises at the `count`-th time of an event."""

    def __init__(self, event, error, count):
        super().__init__()
        self.left = count

        def fail(*args, **kwargs):
            self.left -= 1
            if self.left == 0:
                raise error

        setattr(self, event, fail)


class Exploding(zoo.DenseVAE):
    """Whose loss raises in Python, as soon as it is told to."""

    explode = False

    def example_losses(self, terms, step):
        if self.explode:
            raise ArithmeticError("boom")
        return super().example_losses(terms, step)


def weights_and_slots(model):
    return [array(v.value) for v in [*model.weights, *model.optimizer.variables]]


def check_usable(model, images):
    assert np.all(np.isfinite(model.sample(2, seed=0)))
    assert np.all(np.isfinite(model.elbo(images, seed=0)["elbo"]))
    assert np.isfinite(model.evaluate(images, verbose=0)[0])
    steps = int(model.steps_trained)
    history = model.fit(images, validation_data=images, **ORDERED).history
    assert np.all(np.isfinite(history["loss"]))
    assert int(model.steps_trained) == int(model.optimizer.iterations) == steps + 4


@pytest.fixture(scope="module")
def compiled():
    """A model that fails again and again."""
    model = make_dense()
    quick_compile(model, keras.optimizers.Adam(0.01))
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize(
    "error, count", [(KeyboardInterrupt(), 1), (OSError("disk full"), 2)]
)
def test_model_outlives_an_exception_in_a_callback(
    error, event, count, images, compiled
):
    count = 1 if event == "on_train_begin" else count  # there is one in each fit
    before = int(compiled.steps_trained)
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    with pytest.raises(type(error)):
        compiled.fit(
            images,
            validation_data=images,
            epochs=3,
            callbacks=[Watch(), Raise(event, error, count)],
            **ORDERED,
        )
    # The weights of the last finished step, not of an earlier one.
    assert int(compiled.steps_trained) == before + len(seen)
    assert int(compiled.optimizer.iterations) == before + len(seen)
    check_usable(compiled, images)


@pytest.fixture
def interruptible():
    """Ctrl-C raises, also where whoever started the tests has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("delay", [0.05, 0.1, 0.15])
def test_model_outlives_an_interrupt_from_the_keyboard(
    delay, images, compiled, interruptible
):
    class Interrupt(keras.callbacks.Callback):
        """Presses again after a second, as people do: TensorFlow loses one in 200."""

        next_press = 0

        def on_epoch_begin(self, epoch, logs=None):
            if epoch >= 2 and time.monotonic() > self.next_press:
                self.next_press = time.monotonic() + 1
                threading.Timer(delay, _thread.interrupt_main).start()

    before = int(compiled.steps_trained)
    with pytest.raises(KeyboardInterrupt):
        # Long steps, into which an interrupt is likely to come.
        x = np.tile(images, (64, 1, 1, 1))
        compiled.fit(
            x, batch_size=2048, epochs=10**6, callbacks=[Interrupt()], verbose=0
        )
    done = int(compiled.steps_trained) - before
    assert done > 2
    # PyTorch can be interrupted between the two.
    assert abs(before + done - int(compiled.optimizer.iterations)) <= (
        BACKEND == "torch"
    )
    compiled.optimizer.iterations.assign(before + done)
    check_usable(compiled, images)


@pytest.mark.skipif(BACKEND != "jax", reason="the others keep weights in place")
def test_weights_that_a_step_has_lost_are_not_made_up(images):
    model = make_dense()
    quick_compile(model)
    model.fit(images, verbose=0)
    first, weights = model.sample(2, seed=0), model.get_weights()

    def fail_late(state, iterator):
        for value in keras.tree.flatten(state):
            value.delete()
        raise FloatingPointError("out of memory, say")

    model.train_function = model.kept(fail_late)
    with pytest.raises(RuntimeError, match="weights already, and they are lost"):
        model.fit(images, verbose=0)
    with pytest.raises(RuntimeError, match="deleted"):
        model.sample(2)
    model.set_weights(weights)
    np.testing.assert_array_equal(model.sample(2, seed=0), first)


@pytest.mark.parametrize("method", ["evaluate", "predict"])
def test_model_outlives_an_exception_in_evaluation(method, images, compiled):
    before = weights_and_slots(compiled)
    event = f"on_{'test' if method == 'evaluate' else method}_batch_end"
    with pytest.raises(KeyboardInterrupt):
        getattr(compiled, method)(
            images,
            batch_size=16,
            verbose=0,
            callbacks=[Raise(event, KeyboardInterrupt(), 2)],
        )
    for a, b in zip(before, weights_and_slots(compiled), strict=True):
        np.testing.assert_array_equal(a, b)
    check_usable(compiled, images)


def test_model_outlives_an_exception_in_its_own_loss(images):
    model = make_dense(Exploding)
    quick_compile(model, keras.optimizers.Adam(0.01))
    model.explode = True
    first = model.get_weights()
    for method in (model.fit, model.evaluate, model.train_on_batch):
        options = {} if method == model.train_on_batch else {"verbose": 0}
        with pytest.raises(ArithmeticError, match="boom"):
            method(images, **options)
    for a, b in zip(first, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    model.explode = False
    check_usable(model, images)


@pytest.mark.skipif(BACKEND == "jax", reason="seconds; streams fail in later steps")
def test_model_outlives_an_exception_in_a_later_eager_step(images):
    class Explode(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.explode = batch == 2

    model = make_dense(Exploding)
    quick_compile(model, keras.optimizers.Adam(0.01), run_eagerly=True)
    with pytest.raises(ArithmeticError, match="boom"):
        model.fit(images, callbacks=[Explode()], **ORDERED)
    assert int(model.steps_trained) == int(model.optimizer.iterations) == 2
    assert np.all(np.isfinite(model.sample(2, seed=0)))


def test_generator_that_ends_before_the_last_epoch(images, compiled):
    batches = (images[i : i + 16] for i in range(0, 64, 16))
    before = int(compiled.steps_trained)
    compiled.fit(
        batches, steps_per_epoch=4, epochs=2, validation_data=images, verbose=0
    )
    assert int(compiled.steps_trained) == before + 4
    # Keras on TensorFlow counts the step that finds the stream at its end.
    compiled.optimizer.iterations.assign(before + 4)
    check_usable(compiled, images)


@pytest.mark.skipif(BACKEND != "jax", reason="the others draw without a seed")
def test_unseeded_noise_is_refused_on_jax(images):
    class Unseeded(zoo.objectives.Objective):
        def __call__(self, terms, step):
            return -terms.elbo + keras.random.normal(ops.shape(terms.elbo))

    model = make_dense(objective=Unseeded())
    quick_compile(model)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"seed=self\.seed_generator") as caught:
            model.fit(images, verbose=0)
        assert "\n" not in str(caught.value) and caught.value.__suppress_context__
    model.objective = zoo.objectives.ELBO()
    quick_compile(model)
    check_usable(model, images)


# Freezing.


def test_freezing_after_a_step_needs_compile(images):
    model = make_dense()
    quick_compile(model)
    model.encoder.trainable = False  # no step has been compiled yet
    model.fit(images, verbose=0)
    model.encoder.trainable = True
    with pytest.raises(ValueError, match="call `compile` again"):
        model.fit(images, verbose=0)
    with pytest.raises(ValueError, match="call `compile` again"):
        model.train_on_batch(images)
    quick_compile(model)
    frozen = array(model.decoder.head.kernel)
    model.decoder.trainable = False
    encoder = array(model.encoder.head.kernel)
    model.fit(images, verbose=0)
    np.testing.assert_array_equal(array(model.decoder.head.kernel), frozen)
    assert np.any(array(model.encoder.head.kernel) != encoder)


def test_nothing_to_train_is_said(images):
    model = make_dense()
    model.trainable = False
    quick_compile(model)
    with pytest.raises(ValueError, match="has no weights to train"):
        model.fit(images, verbose=0)
    assert np.isfinite(model.evaluate(images, verbose=0)[0])


# What is refused.


def test_class_weight_is_refused(images, compiled):
    for method in (compiled.fit, compiled.train_on_batch):
        with pytest.raises(ValueError, match="give `sample_weight`"):
            method(images, class_weight={0: 1.0})


def test_export_says_what_to_use(compiled, tmp_path):
    with pytest.raises(ValueError, match=r"export\.export_model\(model, folder\)"):
        compiled.export(tmp_path / "model", format="onnx")
    assert list(tmp_path.iterdir()) == []


# Summary.

SUMMARIES = {
    "dense": (
        lambda: make_dense(),
        {"encoder": 4, "decoder": SHAPE, "flatten": 64, "hidden_0": 4, "head": 64},
    ),
    "conv": (
        lambda: zoo.ConvVAE(SHAPE, 2, filters=(4,), seed=0),
        {"encoder": 4, "decoder": SHAPE},
    ),
    "conditional": (
        lambda: zoo.ConditionalVAE(SHAPE, 2, num_classes=3, hidden_units=(5,)),
        {"encoder": 4, "decoder": SHAPE, "hidden_0": 5},
    ),
    "attributes": (
        lambda: zoo.ConditionalVAE(SHAPE, 2, num_attributes=3, hidden_units=(5,)),
        {"encoder": 4, "decoder": SHAPE, "hidden_0": 5},
    ),
    "factor": (
        lambda: zoo.FactorVAE(
            SHAPE, 2, networks="dense", hidden_units=(5,), discriminator_units=(7,)
        ),
        {"encoder": 4, "discriminator": (), "hidden_0": 7},
    ),
    "vq": (
        lambda: zoo.VQVAE(SHAPE, 8, 3, filters=(4,), blocks_per_stage=1),
        {"encoder": (4, 4, 3), "decoder": SHAPE, "ema_quantizer": (4, 4, 3)},
    ),
}


def printed(model, **options):
    lines = []
    model.summary(line_length=120, print_fn=lines.append, **options)
    return "\n".join(lines)


@pytest.mark.parametrize("kind", SUMMARIES)
def test_summary_shows_shapes_and_opens_networks(kind):
    make, shapes = SUMMARIES[kind]
    model = make()
    attributes = [set(vars(layer)) for layer in model._flatten_layers()]
    opened, closed = printed(model, expand_nested=True), printed(model)
    for name, shape in shapes.items():
        shape = (shape,) if isinstance(shape, int) else shape
        shown = "(" + ", ".join(map(str, (None, *shape))) + ")"
        rows = [line for line in opened.splitlines() if f" {name}" in line]
        assert any(shown in row for row in rows), (name, opened)
    networks = [line for line in closed.splitlines() if "coder (" in line]
    assert len(networks) == 2 and not any("?" in row for row in networks)
    assert "└ " in opened and "└ " not in closed
    assert f"{model.count_params():,}" in opened
    # Nothing of it stays.
    assert attributes == [set(vars(layer)) for layer in model._flatten_layers()]


def test_summary_of_a_users_networks():
    networks = [
        [keras.layers.Flatten(), keras.layers.Dense(4, name="code")],
        [keras.layers.Dense(64, name="pixels"), keras.layers.Reshape(SHAPE)],
    ]
    model = zoo.VAE(*map(keras.Sequential, networks), SHAPE, latent_dim=2)
    text = printed(model, expand_nested=True)
    for name, shape in (("code", "(None, 4)"), ("pixels", "(None, 64)")):
        assert any(name in row and shape in row for row in text.splitlines())
