"""What devices, replicas and processes train together is what one device would."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from zoo_helpers import BACKEND

HERE = Path(__file__).resolve().parent
TWO_DEVICES = """
import contextlib, warnings
import tensorflow as tf

device = tf.config.list_physical_devices("CPU")[0]
half = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(device, [half, half])

import keras
import numpy as np
from zoo_helpers import NoiselessVAE, make_dense

x = np.random.default_rng(0).integers(0, 2, (47, 8, 8, 1)).astype("float32")


def trained(scope, images, **options):
    keras.utils.set_random_seed(0)
    with scope:
        model = make_dense(NoiselessVAE)
        model.compile(keras.optimizers.SGD(0.01), **options)
    # Odd batches, of which one replica gets more; the last has an image each.
    history = model.fit(
        images, batch_size=15, epochs=2, verbose=0, validation_data=x[:16]
    ).history
    return model, history


def replicas():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope()


one, history = trained(contextlib.nullcontext(), x, jit_compile=False)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    both, same_history = trained(replicas(), x, steps_per_execution=4)
assert any("one by one" in str(w.message) for w in caught), caught
for weight, same in zip(one.get_weights(), both.get_weights(), strict=True):
    np.testing.assert_allclose(weight, same, atol=1e-6)
for name in ("loss", "elbo", "kl", "val_loss", "val_elbo"):
    np.testing.assert_allclose(history[name], same_history[name], rtol=1e-5)

# A batch of one is too small for two.
_, history = trained(replicas(), x[:46])
for name, values in history.items():
    assert np.all(np.isfinite(values)), (name, values)
try:
    both.fit(tf.data.Dataset.from_tensor_slices(x[:46]).batch(15), verbose=0)
except ValueError as error:
    assert "batches of at least 2 images" in str(error), error
else:
    raise AssertionError("a stream that ends in one image was trained on")
"""


MODELS = """
import numpy as np
import keras
import zoo

x = (np.random.default_rng(0).random((71, 8, 8, 1)) < 0.4).astype("float32")
models = {
    "dense": lambda: zoo.DenseVAE((8, 8, 1), 3, (16,), seed=0),
    "codes": lambda: zoo.VQVAE((8, 8, 1), 8, 4, filters=(4, 8), seed=0),
    "factor": lambda: zoo.FactorVAE((8, 8, 1), 3, hidden_units=8, seed=0),
    "conv": lambda: zoo.ConvVAE((8, 8, 1), 3, (2, 4), seed=0),
    "ladder": lambda: zoo.HierarchicalVAE(
        (8, 8, 1), ((4, 1, 1), (2, 1, 1)), filters=2, blocks_per_level=1, seed=0
    ),
}


def trained(name, **options):
    keras.utils.set_random_seed(0)
    model = models[name]()
    model.compile(keras.optimizers.Adam(1e-2), **options)
    # The last batch has seven images, of which no two devices have as many.
    return model, model.fit(
        x, batch_size=16, epochs=2, verbose=0, validation_data=x[:32]
    ).history


def check(name, one, other):
    for what, values in one[1].items():
        if "active" in what:  # of what is larger than a threshold
            continue
        near = np.allclose(values, other[1][what], rtol=2e-4, atol=1e-4)
        assert near, (name, what, values, other[1][what])
    for weight, same in zip(one[0].get_weights(), other[0].get_weights(), strict=True):
        assert np.allclose(weight, same, atol=2e-3), name
"""

DEVICES = (
    MODELS
    + """
from keras.distribution import DataParallel, list_devices, set_distribution

alone = {name: trained(name) for name in ("dense", "codes", "factor")}
# Two, as the machine has cores, one step after another: XLA's pool of threads is small.
set_distribution(DataParallel(devices=list_devices()))
for steps in (1, 2):
    for name, one in alone.items():
        other = trained(name, steps_per_execution=steps)
        check(name, one, other)
    # Other sizes of batches, filled up to the same.
    other[0].fit(x[:45], batch_size=15, verbose=0)
    figures = other[0].evaluate(x[:6], batch_size=4, return_dict=True, verbose=0)
    assert np.all(np.isfinite(list(figures.values())))
    for count in (7, 5):
        seen = other[0].predict(x[:count], batch_size=4, verbose=0)
        assert np.allclose(seen, other[0].reconstruct(x[:count]), atol=1e-6)
# A batch of a size that others are filled up to is all of it real.
model = models["dense"]()
model.compile("adam")
model.fit(x[:9], batch_size=9, verbose=0)
model.evaluate(x[:9], batch_size=9, verbose=0)
last = np.arange(10) == 9
for step in (model.test_on_batch, model.train_on_batch):
    logs = step(x[:10], sample_weight=last.astype("float32"), return_dict=True)
    assert logs["loss"] > 1, logs
try:
    model.fit((x[i : i + 3] for i in (0, 3)), verbose=0)
except ValueError as error:
    assert str(error).startswith("2 devices cannot share a batch of 3 evenly"), error
else:
    raise AssertionError("Keras divides batches unevenly by now")
"""
)

# What trains is told by the first argument: "alone", "replicas", or a worker's number.
TOGETHER = (
    MODELS
    + """
import contextlib, importlib, json, os, sys, warnings
from test_zoo_rows import Rows

who, addresses = sys.argv[1], sys.argv[2].split(",")
scope = contextlib.nullcontext
options = {}
if keras.backend.backend() == "tensorflow":
    tf = importlib.import_module("tensorflow")
    options["jit_compile"] = False  # as replicas do, nor fuse updates
    trainer = importlib.import_module("zoo.training.tensorflow")
    trainer.fused = lambda optimizer: contextlib.nullcontext()
    # Three replicas share no batch of seven where each is to have two, as factors do.
    x = np.concatenate([x, 1 - x[:4]])
    if who == "replicas":
        device = tf.config.list_physical_devices("CPU")[0]
        part = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(device, [part] * 3)
        scope = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(3)]).scope
    elif who != "alone":
        cluster = {"worker": addresses}, {"type": "worker", "index": int(who)}
        config = dict(zip(("cluster", "task"), cluster))
        os.environ["TF_CONFIG"] = json.dumps(config)
        scope = tf.distribute.MultiWorkerMirroredStrategy().scope
elif who != "alone":
    keras.distribution.initialize(addresses[0], len(addresses), int(who))
    # `fit` takes each process's share of an array itself.
    scope = keras.distribution.DataParallel(auto_shard_dataset=False).scope
for name in models:
    with scope():
        model, history = trained(name, **options)
        if name == "dense":
            # Rows that are read batch by batch, from a disk for example.
            keras.utils.set_random_seed(1)
            rows = model.fit(Rows(x), batch_size=16, verbose=0).history
            history |= {"of rows": rows["loss"]}
            figures = model.evaluate(x[:37], verbose=0, return_dict=True)
            history |= {"evaluated": figures["loss"]}
            seen = model.predict(x[:37], batch_size=16, verbose=0)
            assert np.allclose(seen, model.reconstruct(x[:37]), atol=1e-6)
    # Of each weight a number that tells its elements apart: a pipe holds little.
    weights = [np.asarray(weight).ravel() for weight in model.get_weights()]
    weights = [float(weight @ np.cos(np.arange(weight.size))) for weight in weights]
    print(json.dumps([name, history, weights]))
    if name != "dense" or who != "replicas":
        continue
    # Of the 4 images that 36 leave, two of three replicas would take 2 each.
    figures = model.evaluate(x[:36], batch_size=16, return_dict=True, verbose=0)
    assert np.all(np.isfinite(list(figures.values()))), figures
    try:
        model.fit(x, batch_size=4, verbose=0)
    except ValueError as error:
        assert "batches of at least 5 images" in str(error), error
    else:
        raise AssertionError("a replica went without images")
    with scope(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.compile(keras.optimizers.Adam(clipnorm=1.0))
        model.make_train_function()
    assert any("clipped as each of" in str(w.message) for w in caught), caught
"""
)


def start(code, *arguments, **environment):
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        # More threads for XLA than there are devices that wait for each other.
        env={**os.environ, "PYTHONPATH": path, "NPROC": "64", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(process):
    printed, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors[-3000:]
    return printed


on_tensorflow = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="replicas of TensorFlow's own"
)
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="keras.distribution is JAX's")


@on_tensorflow
def test_replicas_train_as_one_device_would():
    output(start(TWO_DEVICES))


@on_jax
def test_devices_train_as_one_would():
    alone = {"JAX_NUM_CPU_DEVICES": "2", "JAX_CPU_ENABLE_ASYNC_DISPATCH": "false"}
    output(start(DEVICES, **alone))


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.skipif(BACKEND == "torch", reason="Keras on PyTorch takes one device")
def test_processes_and_replicas_train_as_one_would():
    addresses = ",".join(f"127.0.0.1:{_free_port()}" for _ in range(2))
    two = [start(TOGETHER, number, addresses) for number in range(2)]
    first, second = map(_figures, two)
    alone = _figures(start(TOGETHER, "alone", ""))
    assert first == second and len(alone) == 5
    _check(first, alone)
    if BACKEND == "tensorflow":
        _check(_figures(start(TOGETHER, "replicas", "")), alone)


def _check(found, alone):
    for (name, history, weights), (_, wanted, same) in zip(found, alone, strict=True):
        for what, values in wanted.items():
            if "active" not in what:  # of what is larger than a threshold
                near = pytest.approx(values, rel=2e-4, abs=1e-4)
                assert history[what] == near, (name, what)
        assert weights == pytest.approx(same, abs=2e-3), name


def _figures(process):
    return [*map(json.loads, _lines(output(process)))]


def _lines(text):
    """What was printed, without what libraries say of connections."""
    return [line for line in text.splitlines() if line.startswith('["')]
