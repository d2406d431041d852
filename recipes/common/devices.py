"""Several devices, of one machine or more, which share each batch of a training."""

import contextlib
import functools
import importlib
import json
import os

import numpy as np

from recipes.common.backend import choose_backend
from recipes.common.machines import LOST_AFTER, START_WITHIN

ALL = "all"
# Of XLA, where a processor stands for devices: enough for all that wait for each other.
THREADS = 64


def prepare_devices(wanted, backend=None, machines=None):
    """Checks what was asked for, has a processor stand for so many devices, and joins.

    To be called before the backend starts: afterwards neither JAX nor TensorFlow makes
    more devices of one processor, which is no faster, but shows that it works.

    Args:
        wanted: a number as text, "all", or None; of each machine.
        backend: as `recipes.common.backend.choose_backend` takes it.
        machines: `recipes.common.machines.Machines` that this one is among, or None.

    Raises:
        ValueError: for anything else, and on PyTorch.
    """
    if wanted is None and machines is None:
        return
    wanted = ALL if wanted is None else wanted
    if wanted != ALL and not (wanted.isdecimal() and int(wanted) >= 1):
        raise ValueError(f"`devices` must be a number or {ALL!r}; got {wanted!r}.")
    name = choose_backend(backend)
    if name == "torch":
        option = "--machines" if machines else "--devices"
        raise ValueError(
            "Keras trains on one device with PyTorch: choose --backend jax or "
            f"tensorflow for {option}."
        )
    count = None if wanted == ALL else int(wanted)
    if name == "jax":
        config = importlib.import_module("jax").config
        if count:
            config.update("jax_num_cpu_devices", count)
        # Of several steps under way, one's devices may wait for threads that another's
        # hold, and both for ever; so may devices in one step, each at several places at
        # once, where XLA has no more threads than the machine has cores.
        config.update("jax_cpu_enable_async_dispatch", False)
        os.environ.setdefault("NPROC", str(max(THREADS, os.cpu_count() or 1)))
        if machines:
            _join_on_jax(machines, count)
    else:
        config = importlib.import_module("tensorflow").config
        if count:
            part = config.LogicalDeviceConfiguration()
            for processor in config.list_physical_devices("CPU"):
                config.set_logical_device_configuration(processor, [part] * count)
            if machines:
                config.set_visible_devices(
                    config.list_physical_devices("GPU")[:count], "GPU"
                )
        if machines:
            os.environ["TF_CONFIG"] = json.dumps(
                {
                    "cluster": {"worker": machines.addresses},
                    "task": {"type": "worker", "index": machines.number},
                }
            )
            _strategy_of_machines()  # before anything is computed


def _join_on_jax(machines, count):
    # Not by keras.distribution.initialize, which waits five minutes for a lost machine.
    importlib.import_module("jax").distributed.initialize(
        machines.addresses[0],
        len(machines.addresses),
        machines.number,
        local_device_ids=range(count) if count else None,
        cluster_detection_method="deactivate",
        initialization_timeout=2 * START_WITHIN,  # which ends sooner
        heartbeat_timeout_seconds=LOST_AFTER,
        shutdown_timeout_seconds=LOST_AFTER,
    )


@functools.cache
def _strategy_of_machines():
    return importlib.import_module(
        "tensorflow"
    ).distribute.MultiWorkerMirroredStrategy()


def shared_by(wanted, machines=None):
    """A function that gives a context in which a model is made, and another trained in.

    Args:
        wanted, machines: as `prepare_devices` was given them.

    Returns:
        (the function, a sentence about the devices or None).

    Raises:
        ValueError: if there are fewer devices.
    """
    if wanted is None and machines is None:
        return contextlib.nullcontext, None
    wanted = ALL if wanted is None else wanted
    import keras

    if keras.backend.backend() == "jax":
        devices, scope = _shared_on_jax(wanted, machines)
    elif machines:
        strategy = _strategy_of_machines()
        devices, scope = strategy.extended.worker_devices, strategy.scope
        _so_many(devices, wanted)
    else:
        tf = importlib.import_module("tensorflow")
        kinds = [tf.config.list_logical_devices(kind) for kind in ("GPU", "CPU")]
        devices = _so_many([device.name for device in kinds[0] or kinds[1]], wanted)
        scope = tf.distribute.MirroredStrategy(devices).scope
    told = f"devices: {', '.join(map(str, devices))}"
    if len(devices) > 1 and "cpu" in str(devices[0]).lower():
        told += ", parts of one processor, which are no faster than all of it"
    if machines:
        told += f"; machine {machines.number} of {len(machines.addresses)}"
        if not machines.is_first:
            told += f", of which {machines.addresses[0]} writes the run"
    return scope, told


def _shared_on_jax(wanted, machines):
    """(devices of this machine, scope of those of all)."""
    import keras

    devices = keras.distribution.list_devices()
    if machines is None:
        devices = _so_many(devices, wanted)
        return devices, keras.distribution.DataParallel(devices=devices).scope
    jax = importlib.import_module("jax")
    own = [f"{d.platform}:{d.id}" for d in _so_many(jax.local_devices(), wanted)]
    if len(own) * len(machines.addresses) != len(devices):
        raise ValueError(
            f"All machines must give as many devices: this one has {len(own)}, all "
            f"{len(machines.addresses)} have {len(devices)}; say how many by --devices."
        )
    # `fit` takes each machine's share of a batch itself.
    all_of_them = keras.distribution.DataParallel(
        devices=devices, auto_shard_dataset=False
    )
    return own, all_of_them.scope


def of_first(data, machines):
    """Bytes that the first machine has, on all of them.

    All have to call this together.

    Args:
        data: bytes; those of other machines are not looked at.
        machines: `recipes.common.machines.Machines`, or None.
    """
    if machines is None:
        return data
    length = _sum_of_first(
        np.float32([len(data) // 2**16, len(data) % 2**16]), machines
    )
    count = int(length[0]) * 2**16 + int(length[1])
    if not count:
        return b""
    # As floats, which every device and every way between them carries.
    numbers = np.zeros(count, "float32")
    if machines.is_first:
        numbers[:] = np.frombuffer(data, "uint8")
    return _sum_of_first(numbers, machines).astype("uint8").tobytes()


def _sum_of_first(numbers, machines):
    import keras

    if keras.backend.backend() == "jax":
        utils = importlib.import_module("jax.experimental.multihost_utils")
        return np.asarray(utils.broadcast_one_to_all(numbers, machines.is_first))
    tf = importlib.import_module("tensorflow")
    strategy = _strategy_of_machines()

    def share(given):
        replica = tf.distribute.get_replica_context()
        # Of the first machine's devices one, so that the sum is what it has.
        mine = tf.where(replica.replica_id_in_sync_group == 0, given, 0.0)
        return replica.all_reduce("SUM", mine)

    shared = tf.function(lambda given: strategy.run(share, args=(given,)))
    return strategy.experimental_local_results(shared(numbers))[0].numpy()


def part(machines):
    """Ends what is done together: the first machine goes on alone.

    All have to call this together, and none may compute with the others' devices later.
    """
    import keras

    if machines and keras.backend.backend() == "jax":
        importlib.import_module("jax").distributed.shutdown()


def _so_many(devices, wanted):
    count = len(devices) if wanted == ALL else int(wanted)
    if count > len(devices):
        raise ValueError(
            f"There are {len(devices)} devices ({', '.join(map(str, devices))}); got "
            f"--devices {wanted}."
        )
    return devices[:count]
