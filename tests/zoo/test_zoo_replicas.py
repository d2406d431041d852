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

# With noise, and with averages of all images' features.
REPLICAS = (
    MODELS
    + """
import sys, warnings
import tensorflow as tf

count, name = int(sys.argv[1]), sys.argv[2]
device = tf.config.list_physical_devices("CPU")[0]
part = tf.config.LogicalDeviceConfiguration()
tf.config.set_logical_device_configuration(device, [part] * count)
one = trained(name, jit_compile=False)
with tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(count)]).scope():
    both = trained(name)
    clipping = keras.optimizers.Adam(1e-2, clipnorm=1.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clipped = models[name]()
        clipped.compile(clipping)
        clipped.fit(x[:16], batch_size=16, verbose=0)
assert any("clipped as each of" in str(w.message) for w in caught), caught
check(name, one, both)
# Of the 4 images that 36 leave, two of three replicas would take 2 each.
figures = both[0].evaluate(x[:36], batch_size=16, return_dict=True, verbose=0)
assert np.all(np.isfinite(list(figures.values()))), figures
try:
    both[0].fit(x, batch_size=4, verbose=0)
except ValueError as error:
    assert "batches of at least 5 images" in str(error), error
else:
    raise AssertionError("a replica went without images")
"""
)

DEVICES = (
    MODELS
    + """
from keras.distribution import DataParallel, list_devices, set_distribution

alone = {name: trained(name) for name in models}
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

PROCESSES = (
    MODELS
    + """
import json, sys

number, count, address = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if count > 1:
    keras.distribution.initialize(address, count, number)
    # `fit` takes each process's share of an array itself.
    whole = keras.distribution.DataParallel(auto_shard_dataset=False)
    keras.distribution.set_distribution(whole)
for name in ("dense", "codes"):
    model, history = trained(name)
    norms = [float(np.abs(weight).sum()) for weight in model.get_weights()]
    print(json.dumps([name, history, norms]))
"""
)


def start(code, *arguments, **environment):
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
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


@on_tensorflow
@pytest.mark.parametrize("name", ["dense", "codes"])
def test_replicas_draw_and_average_as_one_device_would(name):
    output(start(REPLICAS, 3, name))


@on_jax
def test_devices_train_as_one_would():
    alone = {"JAX_NUM_CPU_DEVICES": "2", "JAX_CPU_ENABLE_ASYNC_DISPATCH": "false"}
    output(start(DEVICES, **alone))


@on_jax
def test_processes_train_as_one_would():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    two = [start(PROCESSES, number, 2, address) for number in range(2)]
    first, second = ([*map(json.loads, _lines(output(p)))] for p in two)
    alone = [*map(json.loads, _lines(output(start(PROCESSES, 0, 1, ""))))]
    assert first == second and len(alone) == 2
    for (name, history, norms), (_, wanted, same) in zip(first, alone, strict=True):
        for what, values in wanted.items():
            assert history[what] == pytest.approx(values, rel=2e-4, abs=1e-4), name
        assert norms == pytest.approx(same, rel=1e-3, abs=1e-3), name


def _lines(text):
    """What was printed, without what libraries say of connections."""
    return [line for line in text.splitlines() if line.startswith('["')]
