"""Two optimizers as one, for models with a part that is trained against the rest."""

import keras

from zoo.serialization import serialize
from zoo.training.skipping import SkippingOptimizer


@keras.saving.register_keras_serializable(package="zoo")
class SplitOptimizer(keras.optimizers.Optimizer):
    """Gives some of a model's weights to one optimizer and the rest to another.

    To the training step it is one optimizer, on every backend: its variables are those
    of both. Callbacks find the two in `optimizers`, as in
    `keras.optimizers.MultiOptimizer`; `learning_rate` and `iterations` are the rest's.
    Loss scaling is common to both, as one gradient is taken of one loss.

    Args:
        rest: the optimizer of all other weights.
        chosen: the optimizer of the chosen weights.
        paths: `path` of each chosen weight.
        name: name of the optimizer.

    Raises:
        ValueError: if the two are one object, or one of them scales the loss itself.
    """

    def __init__(self, rest, chosen, paths, name="split_optimizer"):
        super().__init__(learning_rate=0.0, name=name)
        if rest is chosen:
            raise ValueError(
                "Both optimizers are the same object: give each part its own."
            )
        scaling = keras.optimizers.LossScaleOptimizer
        if isinstance(rest, scaling) or isinstance(chosen, scaling):
            raise ValueError(
                "A LossScaleOptimizer cannot be a part of a SplitOptimizer: wrap the "
                "SplitOptimizer in it."
            )
        chosen.loss_scale_factor = rest.loss_scale_factor
        self.optimizers = (rest, chosen)
        self.paths = frozenset(paths)

    def _split(self, variables, values):
        """The values that belong to the variables of each of `optimizers`."""
        is_chosen = [variable.path in self.paths for variable in variables]
        pairs = list(zip(is_chosen, values, strict=True))
        return tuple([v for chosen, v in pairs if chosen == part] for part in (0, 1))

    def build(self, variables):
        if self.built:
            return
        for optimizer, own in zip(
            self.optimizers, self._split(variables, variables), strict=True
        ):
            optimizer.build(own)
        super().build(variables)

    def apply(self, grads, trainable_variables=None):
        """Updates each weight with its optimizer; see `keras.optimizers.Optimizer`."""
        if trainable_variables is None:
            trainable_variables = self._trainable_variables
        trainable_variables = list(trainable_variables)
        self.build(trainable_variables)
        for optimizer, own_grads, own in zip(
            self.optimizers,
            self._split(trainable_variables, grads),
            self._split(trainable_variables, trainable_variables),
            strict=True,
        ):
            optimizer.apply(own_grads, own)  # of none, this does nothing
        self._iterations.assign_add(1)

    @property
    def variables(self):
        rest, chosen = self.optimizers
        return [*super().variables, *rest.variables, *chosen.variables]

    @property
    def learning_rate(self):
        return self.optimizers[0].learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.optimizers[0].learning_rate = learning_rate

    @property
    def iterations(self):
        return self.optimizers[0].iterations

    @property
    def loss_scale_factor(self):
        return self.optimizers[0].loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, factor):
        for optimizer in vars(self).get("optimizers", ()):  # none while constructed
            optimizer.loss_scale_factor = factor

    def finalize_variable_values(self, var_list):
        for optimizer, own in zip(
            self.optimizers, self._split(var_list, var_list), strict=True
        ):
            optimizer.finalize_variable_values(own)

    def get_config(self):
        rest, chosen = map(serialize, self.optimizers)
        return {
            "rest": rest,
            "chosen": chosen,
            "paths": sorted(self.paths),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for part in ("rest", "chosen"):
            config[part] = keras.saving.deserialize_keras_object(
                config[part], custom_objects=custom_objects
            )
        return cls(**config)


def split(optimizer, chosen, default, variables):
    """An optimizer that leaves some weights to another.

    Args:
        optimizer: of the other weights: an optimizer, its name, or what this function
            returned earlier, which is taken apart.
        chosen: of the chosen weights: an optimizer, its name, or None for the one it
            had, or else for `default`.
        default: function that makes an optimizer.
        variables: the chosen weights.

    Returns:
        `SplitOptimizer`, inside a LossScaleOptimizer or a SkippingOptimizer if
        `optimizer` was in one.

    Raises:
        ValueError: as `SplitOptimizer`, and if `optimizer` is None.
    """
    if optimizer is None:
        raise ValueError(
            "`optimizer` must be a Keras optimizer or its name, as a model with parts "
            "that are trained against the rest has nothing to learn by; got None."
        )
    optimizer = keras.optimizers.get(optimizer)
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return keras.optimizers.LossScaleOptimizer(
            split(optimizer.inner_optimizer, chosen, default, variables),
            initial_scale=optimizer.initial_scale,
            dynamic_growth_steps=optimizer.dynamic_growth_steps,
        )
    if isinstance(optimizer, SkippingOptimizer):
        inner = split(optimizer.inner_optimizer, chosen, default, variables)
        return SkippingOptimizer(inner, optimizer.max_norm)
    if isinstance(optimizer, SplitOptimizer):
        optimizer, earlier = optimizer.optimizers
        chosen = earlier if chosen is None else chosen
    chosen = default() if chosen is None else keras.optimizers.get(chosen)
    return SplitOptimizer(optimizer, chosen, [v.path for v in variables])
