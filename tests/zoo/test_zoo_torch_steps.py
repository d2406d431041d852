"""Steps on PyTorch: metrics gathered, batches on the device, operations replayed."""

import keras
import numpy as np
import pytest
from zoo_helpers import SHAPE, array, make_dense

import zoo

if keras.backend.backend() != "torch":
    pytest.skip("of PyTorch alone", allow_module_level=True)

import torch

from zoo.training import gathering
from zoo.training.replaying import torch as replaying

CONVOLUTION = torch.ops.aten.convolution.default
IMAGES = np.random.default_rng(0).random((10 * 8 + 3, *SHAPE), "float32").round()


class Watch(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.seen = [*getattr(self, "seen", []), (logs or {})["loss"]]


def fitted(model, optimizer="adam", **options):
    keras.utils.set_random_seed(0)
    model.compile(optimizer)
    options = {"batch_size": 8, "epochs": 3, "verbose": 0, **options}
    history = model.fit(IMAGES, validation_data=IMAGES[:20], **options).history
    return history, [array(v) for v in (*model.variables, *model.optimizer.variables)]


@pytest.fixture
def recorded(monkeypatch):
    """Records a step in the first epoch: what `record` returned, of each time."""
    results, record = [], replaying.record

    def noting(*args):
        results.append(record(*args))
        return results[-1]

    monkeypatch.setattr(replaying, "record", noting)
    monkeypatch.setattr(replaying, "STEPS_BEFORE", 4)
    return results


def conv():
    return zoo.ConvVAE(SHAPE, 2, filters=(4,), hidden_units=8, seed=0)


def vq():
    return zoo.VQVAE(SHAPE, 4, 2, filters=(4,), seed=0)


def ladder():
    levels = (4, 1, 1), (2, 1, 1)
    return zoo.HierarchicalVAE(SHAPE, levels, filters=2, blocks_per_level=1, seed=0)


def adversarial():
    return zoo.AdversarialAutoencoder(SHAPE, 2, seed=0)


def warmed():
    beta = zoo.schedules.LinearWarmup(20)
    return make_dense(beta=beta, dynamic_binarization=True, dtype="mixed_float16")


@pytest.mark.parametrize("make", [make_dense, conv, vq, ladder, adversarial, warmed])
def test_replayed_steps_are_those_of_keras(make, recorded, monkeypatch):
    history, variables = fitted(make(), keras.optimizers.Adam(0.01, clipnorm=1.0))
    assert len(recorded) == 1 and recorded[0] is not None
    monkeypatch.setattr(replaying, "STEPS_BEFORE", 10**9)
    optimizer = keras.optimizers.Adam(0.01, clipnorm=1.0)
    wanted, others = fitted(make(), optimizer, callbacks=[Watch()])
    for name, values in wanted.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5, err_msg=name)
    for variable, other in zip(variables, others, strict=True):
        np.testing.assert_allclose(variable, other, rtol=1e-5, atol=1e-6)


def test_images_are_not_copied_to_be_convolved(recorded, monkeypatch):
    simplify, graphs = replaying._simplify, []
    monkeypatch.setattr(
        replaying, "_simplify", lambda graph: graphs.append(graph) or simplify(graph)
    )
    fitted(conv())
    (graph,) = graphs
    nodes = graph.graph.nodes
    convolved = [n.args[0] for n in nodes if n.target is CONVOLUTION]
    assert len(convolved) > 2
    assert not [node for node in convolved if "clone" in str(node.target)]


def test_a_callback_may_change_what_a_step_computes(recorded):
    class Later(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.objective.beta = 1.0 if epoch < 2 else 0.0

    model = make_dense()
    history, _ = fitted(model, epochs=4, callbacks=[Later()])
    difference = np.subtract(history["loss"], history["reconstruction"])
    np.testing.assert_allclose(difference[:2], history["kl"][:2], rtol=1e-4)
    np.testing.assert_allclose(difference[2:], 0, atol=1e-3)
    assert len(recorded) == 2  # and again, in the third epoch


def test_what_others_write_is_not_replayed(recorded):
    class Counting(zoo.DenseVAE):
        steps = 0

        def example_losses(self, terms, step):
            self.steps += 1
            return super().example_losses(terms, step)

    model = Counting(SHAPE, 2, hidden_units=(8,), seed=0)
    fitted(model)
    assert not recorded and model.steps >= 33


def test_a_step_that_branches_on_numbers_runs_as_ever(recorded, monkeypatch):
    update = zoo.DenseVAE.update_trackers

    def branching(self, terms, sample_weight=None):
        if float(terms.elbo[0]) < 0:
            update(self, terms, sample_weight)

    monkeypatch.setattr(zoo.DenseVAE, "update_trackers", branching)
    with pytest.warns(UserWarning, match="cannot be recorded") as caught:
        history, _ = fitted(make_dense())
    assert recorded == [None] and history["loss"][-1] < history["loss"][0]
    (warning,) = (w for w in caught if "cannot be recorded" in str(w.message))
    assert "Keras' own steps" in str(warning.message)
    assert "data-dependent" in str(warning.message)  # PyTorch's own words


def test_weights_scattered_in_memory_are_trained_as_ever(recorded):
    model = make_dense()
    kernel = model.encoder.trainable_variables[0]
    kernel.value.data = kernel.value.data.t().contiguous().t()
    with pytest.warns(UserWarning, match=f"{kernel.path} is not contiguous"):
        history, _ = fitted(model)
    assert recorded == [None] and history["loss"][-1] < history["loss"][0]


def test_logs_are_read_rarely_unless_someone_watches(monkeypatch):
    monkeypatch.setattr(gathering, "STEPS", 5)
    read, model = [], make_dense()
    results = model.training_logs
    monkeypatch.setattr(model, "training_logs", lambda: read.append(1) or results())
    fitted(model, epochs=1)
    assert len(read) == 3  # of 11 steps: the first, and two of five more
    watch = Watch()
    fitted(model, epochs=1, callbacks=[watch])
    assert len(read) == 3 + 11 and len(set(watch.seen)) == 11


def test_single_batches_within_fit_have_their_own_logs():
    model, losses = make_dense(), []

    def batches(epoch, logs):
        losses.extend(model.train_on_batch(IMAGES[:8]) for _ in range(2))

    fitted(model, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=batches)])
    assert len({str(each) for each in losses}) == 6


def test_weights_of_examples_are_gathered_with_their_values():
    weights = np.linspace(0, 2, len(IMAGES)).astype("float32")
    histories = [
        fitted(make_dense(), sample_weight=weights, callbacks=callbacks)[0]
        for callbacks in ([], [Watch()])
    ]
    for name, values in histories[1].items():
        np.testing.assert_allclose(histories[0][name], values, rtol=1e-5, err_msg=name)
