"""The order of batches, which on every backend a seed decides.

Keras shuffles arrays by numpy's generator on JAX and by torch's on PyTorch, so that
`keras.utils.set_random_seed` before an epoch fixes that epoch. On TensorFlow it draws
the order within the graph, from a state that no seed reaches once `fit` has begun.
"""

import importlib
from typing import Any

import keras

from zoo.training.inputs import is_array


def with_seeded_order(options: dict[str, Any], least: int = 1) -> dict[str, Any]:
    """Arguments of `keras.Model.fit`, so that numpy's seed decides each epoch's order.

    Args:
        options: `x`, an array or a list of arrays, `y`, `sample_weight`, `batch_size`,
            and further arguments of `fit`.
        least: images that a batch must have: fewer at the end join those before.

    Returns:
        The same; on TensorFlow, arrays as one tf.data.Dataset, and on PyTorch as a
        DataLoader of tensors on the device.
    """
    x, backend = options["x"], keras.backend.backend()
    inputs = x if isinstance(x, list) else [x]
    shuffle = options.get("shuffle", True)
    if (
        backend == "jax"
        or not all(is_array(part) for part in inputs)
        or not isinstance(shuffle, bool)
        or options.get("steps_per_epoch") is not None
    ):
        return options
    batch_size = options.get("batch_size") or 32
    size = options.get("validation_batch_size") or batch_size
    loader = importlib.import_module(f"zoo.training.loaders.{backend}")
    packed = keras.utils.pack_x_y_sample_weight(
        tuple(x) if isinstance(x, list) else x,
        options.get("y"),
        options.get("sample_weight"),
    )
    batches = loader.batches(packed, batch_size, shuffle, least)
    if batches is None:
        return options
    return {
        **options,
        "x": batches,
        "y": None,
        "sample_weight": None,
        "batch_size": batch_size,  # for those who log it
        "shuffle": False,
        "validation_batch_size": size,
    }


def without_rest(count: int, batch_size: int | None, least: int) -> int | None:
    """A batch size that leaves no last batch of fewer than `least` images.

    For evaluation, where the size makes no difference: devices that share a batch must
    not go without.
    """
    if least == 1:
        return batch_size
    batch_size = batch_size or 32
    while count > batch_size and 0 < count % batch_size < least:
        batch_size += 1
    return batch_size
