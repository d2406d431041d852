"""What a compiled model keeps in a `.keras` file, so that `fit` goes on exactly."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import keras
import numpy as np
from keras import ops

from zoo.serialization import serialize, to_json

SEED_STATES = "seed_states"


class Saving:
    """Mixed into `keras.Model`: `save`, `load_model`, `save_weights` and callbacks."""

    _trained_paths = None  # of the weights that the compiled step trains

    def get_compile_config(self):
        """What `compile_from_config` needs: optimizer, options, and what is frozen."""
        if not self.compiled:
            return {}
        optimizer = serialize(self.optimizer)
        return {
            "optimizer": _for_every_backend(optimizer),
            **self.compile_options,
            "corruption": to_json(self.corruption),
            "trainable": [layer.trainable for layer in self._flatten_layers()],
        }

    def compile_from_config(self, config):
        """Compiles as `get_compile_config` describes; Keras then loads the state."""
        config = dict(config)
        layers = list(self._flatten_layers())
        flags = config.pop("trainable", ())
        if len(flags) == len(layers):
            # A layer sets all below it, which come after it.
            for layer, trainable in zip(layers, flags, strict=True):
                if layer.trainable != trainable:
                    layer.trainable = trainable
        config["optimizer"] = keras.saving.deserialize_keras_object(config["optimizer"])
        self.compile(**config)
        self.optimizer.build(self.trainable_variables)
        self.check_frozen()

    def seed_states(self):
        """The variables that say where each seed generator stands."""
        kept = {id(weight) for weight in self.weights}
        return [v for v in self.non_trainable_variables if id(v) not in kept]

    def save_own_variables(self, store):
        """Of a compiled model, seed generators as well, which Keras does not save."""
        super().save_own_variables(store)
        if self.compiled:  # presets have none
            states = [ops.convert_to_numpy(state.value) for state in self.seed_states()]
            store[SEED_STATES] = np.array(states, "int64").reshape(-1, 2)

    def load_own_variables(self, store):
        """Loads what `save_own_variables` saved, with or without seed generators."""
        names = set(store.keys())
        super().load_own_variables(
            {name: store[name] for name in names if name != SEED_STATES}
        )
        variables = self.seed_states()
        states = np.array(store[SEED_STATES]) if SEED_STATES in names else ()
        if len(states) == len(variables):
            for variable, state in zip(variables, states, strict=True):
                variable.assign(state)

    def check_frozen(self):
        """Refuses to train other weights than those that were compiled.

        Raises:
            ValueError: if layers were frozen or freed since the first step, or none
                is left to train.
        """
        paths = tuple(variable.path for variable in self.trainable_variables)
        if not paths:
            raise ValueError(
                f"{type(self).__name__} has no weights to train: set `trainable` of "
                "the model or a part of it to True, then compile again."
            )
        if self._trained_paths is None:
            self._trained_paths = paths
        elif self._trained_paths != paths:
            raise ValueError(
                "`trainable` of a part of the model has changed since it was compiled, "
                "which takes effect in a new optimizer alone: call `compile` again."
            )

    def export(self, *args, **kwargs):
        """Refuses: see `export.export_model`.

        Raises:
            ValueError: always, as Keras's files could not sample.
        """
        raise ValueError(
            "Keras's `export` would write what `predict` computes, which cannot sample:"
            " use export.export_model(model, folder), for ONNX files that decode, "
            "encode and sample, or export.export_decoder(model, path)."
        )


def _for_every_backend(config):
    """A serialized optimizer, and those inside it, under names that all backends know.

    On PyTorch, Keras gives its optimizers classes of that backend.
    """
    if not isinstance(config, dict):
        return config
    config = {key: _for_every_backend(value) for key, value in config.items()}
    if str(config.get("module", "")).startswith("keras.src.backend."):
        config.update(module="keras.optimizers", registered_name=None)
    return config
