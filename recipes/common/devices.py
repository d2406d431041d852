"""Several devices of one machine, which share each batch of a training."""

import contextlib
import importlib

from recipes.common.backend import choose_backend

ALL = "all"


def prepare_devices(wanted, backend=None):
    """Checks what was asked for, and has a processor stand for so many devices.

    To be called before the backend starts: afterwards neither JAX nor TensorFlow makes
    more devices of one processor, which is no faster, but shows that it works.

    Args:
        wanted: a number as text, "all", or None.
        backend: as `recipes.common.backend.choose_backend` takes it.

    Raises:
        ValueError: for anything else, and on PyTorch.
    """
    if wanted is None:
        return
    if wanted != ALL and not (wanted.isdecimal() and int(wanted) >= 1):
        raise ValueError(f"`devices` must be a number or {ALL!r}; got {wanted!r}.")
    name = choose_backend(backend)
    if name == "torch":
        raise ValueError(
            "Keras trains on one device with PyTorch: choose --backend jax or "
            "tensorflow for --devices."
        )
    if wanted == ALL:
        return
    if name == "jax":
        config = importlib.import_module("jax").config
        config.update("jax_num_cpu_devices", int(wanted))
        # Of several steps under way, one's devices may wait for threads that another's
        # hold, and both for ever.
        config.update("jax_cpu_enable_async_dispatch", False)
        return
    config = importlib.import_module("tensorflow").config
    part = config.LogicalDeviceConfiguration()
    for processor in config.list_physical_devices("CPU"):
        config.set_logical_device_configuration(processor, [part] * int(wanted))


def shared_by(wanted):
    """A function that gives a context in which a model is made, and another trained in.

    Args:
        wanted: as `prepare_devices` was given it.

    Returns:
        (the function, a sentence about the devices or None).

    Raises:
        ValueError: if there are fewer devices.
    """
    if wanted is None:
        return contextlib.nullcontext, None
    import keras

    if keras.backend.backend() == "jax":
        devices = _so_many(keras.distribution.list_devices(), wanted)
        scope = keras.distribution.DataParallel(devices=devices).scope
    else:
        tf = importlib.import_module("tensorflow")
        kinds = [tf.config.list_logical_devices(kind) for kind in ("GPU", "CPU")]
        devices = _so_many([device.name for device in kinds[0] or kinds[1]], wanted)
        scope = tf.distribute.MirroredStrategy(devices).scope
    told = f"devices: {', '.join(map(str, devices))}"
    if len(devices) > 1 and "cpu" in str(devices[0]).lower():
        told += ", parts of one processor, which are no faster than all of it"
    return scope, told


def _so_many(devices, wanted):
    count = len(devices) if wanted == ALL else int(wanted)
    if count > len(devices):
        raise ValueError(
            f"There are {len(devices)} devices ({', '.join(map(str, devices))}); got "
            f"--devices {wanted}."
        )
    return devices[:count]
