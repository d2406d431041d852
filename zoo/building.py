"""How a model gets its weights, whatever a subclass adds to it."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import keras
from keras import ops

from zoo import precision

# Rows of the batch that nothing is computed of.
_BATCH = 2


class Building:
    """Mixed into `Autoencoder`: `build`, and what is left for later."""

    def build(self, input_shape):
        # A weight, so that schedules go on where a saved run stopped.
        self.steps_trained = self.add_weight(
            shape=(), initializer="zeros", dtype="int", trainable=False, name="steps"
        )
        for part in (self.likelihood, getattr(self, "prior", None)):
            if part is not None and not part.built:  # Keras builds what it deserializes
                self.match_precision(part)
                part.build(None)
        adversary = self.adversary
        if adversary is not None and not adversary.built:
            adversary.build((None, *self.image_shape))
        self.build_networks()
        self.built = True

    def match_precision(self, part):
        """Has a part without weights compute in float64 if the model does."""
        if precision.of_policy(self.dtype_policy) == "float64":
            precision.make_float64(part)

    def build_networks(self):
        """Makes the weights of encoder and decoder: here, all that a step needs."""
        self.build_remaining()

    def build_remaining(self):
        """Makes the weights of networks that a subclass added, by a symbolic step.

        Whatever is about to use weights calls this, so that networks may be plain
        attributes, also when they are set after `super().__init__()`.
        """
        unbuilt = [layer for layer in self._flatten_layers(False) if not layer.built]
        if unbuilt and unbuilt != getattr(self, "_never_built", None):
            with precision.scope(self.dtype_policy):
                symbolically(self._step, **self.symbolic_batch())
            # Those that a step does not reach are not tried again.
            left = [layer for layer in unbuilt if not layer.built]
            object.__setattr__(self, "_never_built", left)

    def symbolic_batch(self):
        """Data, and labels if the model takes them, as `keras.Input`."""
        batch = {"x": self.event.symbolic(_BATCH)}
        if getattr(self, "num_attributes", None) is not None:
            shape = (_BATCH, self.num_attributes)
            batch["labels"] = keras.Input(batch_shape=shape, dtype="float32")
        elif getattr(self, "num_classes", None) is not None:
            batch["labels"] = keras.Input(batch_shape=(_BATCH,), dtype="int32")
        return batch

    def _step(self, x, labels=None):
        """All that a training step computes of a batch."""
        draws = self.objective.num_draws
        terms = self.elbo_terms(x, labels, num_draws=draws, training=True)
        step = ops.zeros((), "float32")
        losses = self.example_losses(terms, step)
        return losses, *self.auxiliary_losses(terms, step).values()

    def _lock_state(self):
        """Keras asks no further networks in once a model is built; this is built by its
        constructor, and takes what a subclass sets after that.
        """

    # Whatever uses weights.

    def save_own_variables(self, store):
        """See `keras.Layer.save_own_variables`: Keras saves the networks after it."""
        self.build_remaining()
        super().save_own_variables(store)

    def load_own_variables(self, store):
        """See `keras.Layer.load_own_variables`: Keras loads the networks after it."""
        self.build_remaining()
        super().load_own_variables(store)

    def get_weights(self):
        """See `keras.Model.get_weights`."""
        self.build_remaining()
        return super().get_weights()

    def set_weights(self, weights):
        """See `keras.Model.set_weights`."""
        self.build_remaining()
        super().set_weights(weights)

    def count_params(self):
        """See `keras.Model.count_params`."""
        self.build_remaining()
        return super().count_params()


def symbolically(function, **inputs):
    """What `function` would return of tensors, with the layers in it built.

    Args:
        function: of tensors, by name.
        inputs: `keras.Input`s.

    Raises:
        Exception: as `function` does, without what Keras would say of this layer.
    """
    layer = _Symbolic(function)
    try:
        return layer(inputs)
    except Exception:
        if layer.error is None:
            raise
    raise layer.error


class _Symbolic(keras.layers.Layer):
    """Keras computes the shapes of what a layer does, and builds it meanwhile."""

    def __init__(self, function):
        super().__init__(dtype="float32", name="symbolic")
        self._function = function
        self.error = None
        self.built = True

    def call(self, inputs):
        try:
            return self._function(**inputs)
        except Exception as error:
            self.error = error
            raise
