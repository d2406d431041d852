"""An optimizer that leaves out steps which would throw a model off its way."""

import math
from typing import Any

import keras
from keras import ops

from zoo.serialization import serialize


@keras.saving.register_keras_serializable(package="zoo")
class SkippingOptimizer(keras.optimizers.Optimizer):
    """Takes no step where the gradient explodes: weights and state stay as they are.

    Child, "Very Deep VAEs Generalize Autoregressive Models and Can Outperform Them on
    Images", 2021, section 4: a hierarchy takes a few steps of a training whose gradient
    is thousands of times the usual one, and is lost after them. `fit` logs `skipped`,
    how many steps were left out since training began; the model's `steps_trained`, and
    so its schedules, count them.

    On PyTorch and TensorFlow a step that is skipped costs no update, on JAX as much as
    any other. Of gradients that are accumulated, each batch's is judged by itself.

    Args:
        inner_optimizer: takes the steps: a Keras optimizer or its name. What it clips,
            it clips afterwards.
        max_norm: a finite number > 0, the largest norm of the gradient of all weights
            together. A gradient that is not finite is larger than any.
        name: name of the optimizer.

    Raises:
        ValueError: if `max_norm` is out of range, or the inner optimizer scales the
            loss itself.

    Example:

    >>> import keras, zoo
    >>> adam = keras.optimizers.Adam(1e-3, global_clipnorm=100.0)
    >>> optimizer = zoo.training.SkippingOptimizer(adam, max_norm=1000.0)
    """

    def __init__(
        self,
        inner_optimizer: Any,
        max_norm: float,
        name: str = "skipping_optimizer",
    ):
        super().__init__(learning_rate=0.0, name=name)
        if not 0 < max_norm < math.inf:
            raise ValueError(
                f"`max_norm` must be a finite number > 0; got {max_norm!r}."
            )
        inner_optimizer = keras.optimizers.get(inner_optimizer)
        if isinstance(inner_optimizer, keras.optimizers.LossScaleOptimizer):
            raise ValueError(
                "A SkippingOptimizer sees gradients as they are: wrap it in the "
                "LossScaleOptimizer, which skips those that are not finite itself."
            )
        self.inner_optimizer = inner_optimizer
        self.max_norm = max_norm

    def build(self, variables):
        if self.built:
            return
        self.skipped = self.add_variable(
            (), initializer="zeros", dtype="float32", name="skipped"
        )
        self.inner_optimizer.build(variables)
        super().build(variables)

    def apply(self, grads, trainable_variables=None):
        """Updates the weights, or not; see `keras.optimizers.Optimizer`."""
        inner = self.inner_optimizer
        if trainable_variables is None:
            trainable_variables = self._trainable_variables
        weights = list(trainable_variables)
        self.build(weights)
        good = self._is_good(grads)
        if keras.backend.backend() == "jax":
            # A branch may change no variables there.
            variables = [*weights, *inner.variables]
            before = [variable.value for variable in variables]
            inner.apply(grads, weights)
            for variable, old in zip(variables, before, strict=True):
                variable.assign(ops.where(good, variable.value, old))
        else:
            ops.cond(good, lambda: inner.apply(grads, weights), lambda: None)
        self.skipped.assign_add(1.0 - ops.cast(good, "float32"))

    def _is_good(self, grads):
        squares = [
            ops.sum(ops.square(ops.cast(g, "float32"))) for g in grads if g is not None
        ]
        norm = ops.sqrt(sum(squares)) / (self.loss_scale_factor or 1.0)
        return norm <= self.max_norm  # which no NaN is

    @property
    def variables(self):
        return [*super().variables, *self.inner_optimizer.variables]

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    @property
    def loss_scale_factor(self):
        return self.inner_optimizer.loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor):
        if "inner_optimizer" in vars(self):  # not while constructed
            self.inner_optimizer.loss_scale_factor = factor

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self):
        inner = serialize(self.inner_optimizer)
        return {
            "inner_optimizer": inner,
            "max_norm": self.max_norm,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        inner = keras.saving.deserialize_keras_object(
            config["inner_optimizer"], custom_objects=custom_objects
        )
        return cls(**{**config, "inner_optimizer": inner})


def skipping(optimizer):
    """The `SkippingOptimizer` that an optimizer is, or has inside; else None."""
    while optimizer is not None and not isinstance(optimizer, SkippingOptimizer):
        optimizer = getattr(optimizer, "inner_optimizer", None)
    return optimizer
