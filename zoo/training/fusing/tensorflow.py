"""Adam's update of a weight as one operation of TensorFlow, in place of fifteen."""

import contextlib
import itertools

import keras
import tensorflow as tf


@contextlib.contextmanager
def fused(optimizer):
    """Within, `optimizer` updates weights by fused operations, where it is Adam.

    The update is the same, that of Kingma & Ba, "Adam: A Method for Stochastic
    Optimization", 2015, in the order at the end of section 2, but for the rounding of
    1 - beta_2. Of a small ladder's step, a twentieth went into operations on a few
    numbers each.

    Args:
        optimizer: as `compile` was given it; those that it wraps are meant, too. Others
            than Adam and AdamW, and those with `amsgrad`, go on as they do.
    """
    found = [one for one in _with_wrapped(optimizer) if _is_adam(one)]
    for one in found:
        one.update_step = _fused_step(one)
    try:
        yield
    finally:
        for one in found:
            del one.update_step


def _with_wrapped(optimizer):
    wrapped = [getattr(optimizer, "inner_optimizer", None)]
    wrapped += getattr(optimizer, "optimizers", ())
    inside = (_with_wrapped(one) for one in wrapped if one is not None)
    return [optimizer, *itertools.chain.from_iterable(inside)]


def _is_adam(optimizer):
    kinds = keras.optimizers.Adam, keras.optimizers.AdamW
    return type(optimizer) in kinds and not optimizer.amsgrad


def _fused_step(optimizer):
    """In place of its `update_step`, for one call of `apply_gradients`."""
    by_operations, powers = optimizer.update_step, {}

    def powers_of_betas(dtype):
        if dtype not in powers:
            step = keras.ops.cast(optimizer.iterations + 1, dtype)
            betas = tf.constant((optimizer.beta_1, optimizer.beta_2), dtype)
            powers[dtype] = tf.unstack(tf.pow(betas, step))
        return powers[dtype]

    def update_step(gradient, variable, learning_rate):
        if isinstance(gradient, tf.IndexedSlices):
            return by_operations(gradient, variable, learning_rate)
        dtype = variable.dtype
        index = optimizer._get_variable_index(variable)
        beta_1_power, beta_2_power = powers_of_betas(dtype)
        return tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=optimizer._momentums[index].value.handle,
            v=optimizer._velocities[index].value.handle,
            beta1_power=beta_1_power,
            beta2_power=beta_2_power,
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.constant(optimizer.beta_1, dtype),
            beta2=tf.constant(optimizer.beta_2, dtype),
            epsilon=tf.constant(optimizer.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )

    return update_step
