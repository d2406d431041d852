"""Layers inside a network, called without what Keras does around a call.

On PyTorch, which runs step by step, Keras looks at every call of a layer for a tenth of
a millisecond: at arguments, masks, names and contexts. A step of a small network is
made of dozens of calls, and lasts a few milliseconds.
"""

import keras
from keras import ops
from keras.src.backend.common.variables import get_autocast_scope


def through(layer, x, **options):
    """What a layer makes of a tensor: `layer(x, **options)`, or its `call` alone.

    Keras is left out on PyTorch where it would do nothing else: of a built layer
    without quantization, regularizers, hooks and casts. It stays where it makes graphs.

    Args:
        layer: a Keras layer inside another, which Keras has called.
        x: tensor.
        options: further arguments of its `call`; of one that takes `training`, that.
    """
    plain = _ON_TORCH and (
        layer.built
        and ops.is_tensor(x)
        and not (layer._forward_hooks or layer._forward_pre_hooks)
        and not (layer._backward_hooks or layer._backward_pre_hooks)
        and getattr(layer, "_remat_mode", None) is None
        and layer.activity_regularizer is None
        and getattr(layer, "quantization_mode", None) is None
        and layer.compute_dtype == layer.variable_dtype
        and keras.backend.standardize_dtype(x.dtype) == layer.compute_dtype
        and get_autocast_scope() is None
        and ("training" in options or _ignores_training(layer))
    )
    return layer.call(x, **options) if plain else layer(x, **options)


def _ignores_training(layer):
    # A Dense layer takes it for the sake of what it may be quantized to.
    unused = type(layer) is keras.layers.Dense
    return unused or not getattr(layer, "_call_has_training_arg", True)


_ON_TORCH = keras.backend.backend() == "torch"
