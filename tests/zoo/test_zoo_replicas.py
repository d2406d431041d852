"""tf.distribute: what replicas train together is what one device would."""

import os
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


@pytest.mark.skipif(BACKEND != "tensorflow", reason="replicas of TensorFlow's own")
def test_replicas_train_as_one_device_would():
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    process = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stderr[-3000:]
