"""Runs that two processes share: where one is lost, and going on with one or two."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import pytest

import zoo
from recipes.common.devices import prepare_devices
from recipes.common.machines import LOST_AFTER, Machines, read_machines

ROOT = Path(__file__).resolve().parents[2]
BACKEND = keras.backend.backend()

RUN = """
import os, signal, sys
from recipes.commands import train
from recipes.recipe import get_recipe

out, dies, addresses, number = sys.argv[1:]
start = train.start_keras

def started(*args):
    start(*args)
    import keras
    from recipes.runs import callbacks

    if keras.backend.backend() == "tensorflow":  # replicas do without XLA, too
        from zoo.training.tensorflow import TensorFlowTrainer
        TensorFlowTrainer.choose_jit_compile = lambda *_: False

    class Dies(callbacks.Checkpoint):
        def on_epoch_begin(self, epoch, logs=None):
            super().on_epoch_begin(epoch, logs)
            if epoch == 1:
                os.kill(os.getpid(), signal.SIGKILL)

    if dies:
        callbacks.Checkpoint = Dies

train.start_keras = started
shared = (None, addresses, int(number)) if addresses else (None, None, None)
recipe, resume = get_recipe("dense_vae_digits"), not dies
train.train_recipe(recipe, ("test",), None, shared, epochs=2, out=out, resume=resume)
"""


def start(out, dies, addresses="", number=0):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(out), dies, addresses, str(number)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process):
    """(exit code, what was printed, what was told)."""
    printed, told = process.communicate(timeout=300)
    return process.returncode, printed, told


@pytest.fixture
def addresses():
    with socket.socket() as one, socket.socket() as two:
        for free in (one, two):
            free.bind(("127.0.0.1", 0))
        return ",".join(f"127.0.0.1:{free.getsockname()[1]}" for free in (one, two))


@pytest.mark.skipif(BACKEND == "torch", reason="Keras on PyTorch takes one device")
def test_a_lost_machine_is_told_and_the_run_goes_on_with_other_numbers(
    tmp_path, addresses
):
    both, alone = tmp_path / "both", tmp_path / "alone"
    first = start(both, "", addresses)
    second = start(tmp_path / "nothing", "dies", addresses, 1)
    code, printed, told = ended(second)
    assert code == 1 and "was ended by SIGKILL" in told, told
    lost = time.monotonic()
    code, printed, told = ended(first)
    assert time.monotonic() - lost < 2 * LOST_AFTER
    assert code == 1, printed
    (line,) = told.splitlines()[-1:]
    assert line == f"Error: {Machines(tuple(addresses.split(',')), 0).lost}"
    assert (both / "checkpoint.npz").exists() and not (both / "preset").exists()
    code, printed, told = ended(start(both, ""))
    assert code == 0 and "Going on after epoch 1" in printed, told

    # And the other way round, where one alone was killed.
    assert ended(start(alone, "dies"))[0] == -9
    second = start(tmp_path / "nothing", "", addresses, 1)
    code, printed, told = ended(start(alone, "", addresses))
    assert code == 0 and "Going on after epoch 1" in printed, told
    code, printed, told = ended(second)
    assert code == 0 and "Going on after epoch 1" in printed, told
    assert f"of which {addresses.split(',')[0]} writes the run" in printed
    assert not (tmp_path / "nothing").exists()
    elbo = [zoo.preset_info(out / "preset")["metrics"]["elbo"] for out in (both, alone)]
    assert elbo[0] == pytest.approx(elbo[1], abs=0.01)


@pytest.mark.parametrize(
    ("given", "number", "said"),
    [
        ("h:1,h:2", None, "go together"),
        (None, 0, "go together"),
        ("h:1", 0, "at least two"),
        ("h:1,h:1", 0, "different addresses"),
        ("h:1,h", 0, "different addresses"),
        ("h:1,h:2", 2, "from 0 to 1"),
        ("h:1,h:2", -1, "from 0 to 1"),
    ],
)
def test_what_are_no_machines_is_refused(given, number, said):
    with pytest.raises(ValueError, match=said):
        read_machines(given, number)


@pytest.mark.skipif(BACKEND != "torch", reason="others take several")
def test_several_machines_are_refused_on_pytorch():
    machines = read_machines("h:1,h:2", 0)
    with pytest.raises(ValueError, match="one device with PyTorch.*for --machines"):
        prepare_devices(None, machines=machines)
