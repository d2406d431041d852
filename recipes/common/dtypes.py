"""The dtype that a training gains by, on the device it has."""

import importlib

AUTO = "auto"


def choose_dtype(wanted, backend):
    """A dtype policy: the one asked for, or by "auto" and None what is gained by.

    Args:
        wanted: name of a policy, "auto" or None.
        backend: "tensorflow", "jax" or "torch".

    Returns:
        "mixed_bfloat16" on NVIDIA's GPUs from Ampere on (compute capability 8.0) and on
        TPUs, "mixed_float16" on Volta and Turing (7.0), whose tensor cores know no
        bfloat16, else "float32": older ones and processors gain nothing, and what is
        not known is not guessed.
    """
    if wanted not in (None, AUTO):
        return wanted
    device = first_device(backend)
    if device == "tpu":
        return "mixed_bfloat16"
    if not isinstance(device, tuple) or device < (7, 0):
        return "float32"
    return "mixed_bfloat16" if device >= (8, 0) else "mixed_float16"


def first_device(backend):
    """(major, minor) compute capability of the first GPU, "tpu", or None of others."""
    module = importlib.import_module(backend)
    if backend == "torch":
        known = module.cuda.is_available() and not getattr(module.version, "hip", None)
        return tuple(module.cuda.get_device_capability()) if known else None
    if backend == "tensorflow":
        config = module.config
        for gpu in config.list_physical_devices("GPU"):
            details = config.experimental.get_device_details(gpu)
            return details.get("compute_capability")
        return "tpu" if config.list_physical_devices("TPU") else None
    device = module.local_devices()[0]
    if device.platform == "tpu":
        return "tpu"
    major, _, minor = str(getattr(device, "compute_capability", "")).partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None
