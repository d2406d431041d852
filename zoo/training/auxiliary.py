"""Parts of a model that are trained against the rest: critics, discriminators.

A model names them in its class attribute `auxiliary`. Their weights follow
`auxiliary_losses` alone, by an optimizer of their own; all others follow
`example_losses`, in which auxiliary parts are called by `held`.
"""

from dataclasses import replace

import keras
from keras import ops

from zoo.training.split_optimizer import split


def held(layer, *inputs):
    """What a layer makes of inputs, without a gradient to its weights.

    Args:
        layer: a Keras layer.
        inputs: tensors, to which gradients pass.

    Example:

    >>> import keras, zoo
    >>> from keras import ops
    >>> critic = keras.layers.Dense(1)
    >>> tuple(zoo.training.auxiliary.held(critic, ops.ones((3, 2))).shape)
    (3, 1)
    """
    if not layer.built:
        layer(*inputs)
    weights = [ops.stop_gradient(v.value) for v in layer.trainable_variables]
    rest = [v.value for v in layer.non_trainable_variables]
    return layer.stateless_call(weights, rest, *inputs)[0]


def detached(terms):
    """`ELBOTerms` whose latents pass no gradients to the model that drew them."""
    groups = tuple(replace(g, z=ops.stop_gradient(g.z)) for g in terms.groups)
    return replace(terms, groups=groups)


def auxiliary_variables(model):
    """The weights of a model's auxiliary parts."""
    parts = [getattr(model, name) for name in model.auxiliary]
    return [variable for part in parts for variable in part.variables]


def with_auxiliary(model, optimizer, auxiliary_optimizer):
    """One optimizer of a model's weights and, apart, of its auxiliary parts'.

    Args:
        model: a model of the zoo.
        optimizer: of the model, a Keras optimizer or its name.
        auxiliary_optimizer: of the parts, alike; None for Adam with learning rate 1e-4,
            beta_1 0.5 and beta_2 0.9.

    Raises:
        ValueError: if both are one object, or the model has no auxiliary parts.
    """
    if not model.auxiliary:
        if auxiliary_optimizer is not None:
            raise ValueError(
                f"{type(model).__name__} has no auxiliary parts to train: compile it "
                "without `auxiliary_optimizer`."
            )
        return optimizer
    return split(
        optimizer,
        auxiliary_optimizer,
        default=lambda: keras.optimizers.Adam(1e-4, beta_1=0.5, beta_2=0.9),
        variables=auxiliary_variables(model),
    )
