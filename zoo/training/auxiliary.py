"""Parts of a model that are trained against the rest: critics, discriminators.

A model names them in its class attribute `auxiliary`. Their weights follow
`auxiliary_losses` alone, by an optimizer of their own; all others follow
`example_losses`, in which auxiliary parts are called by `held`.
"""

import keras
from keras import ops

from zoo.objectives.terms import ELBOTerms, LatentGroup
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
    """`ELBOTerms` that pass no gradients to the model that they are of."""

    def of_distribution(distribution):
        mapped = getattr(distribution, "map_tensors", None)
        return mapped(ops.stop_gradient) if mapped else distribution

    groups = tuple(
        LatentGroup(
            group.spec,
            of_distribution(group.posterior),
            of_distribution(group.prior),
            ops.stop_gradient(group.z),
        )
        for group in terms.groups
    )
    extra = {name: ops.stop_gradient(loss) for name, loss in terms.extra.items()}
    parameters = terms.parameters
    if parameters is not None:
        parameters = ops.stop_gradient(parameters)
    log_likelihood = ops.stop_gradient(terms.log_likelihood)
    return ELBOTerms(log_likelihood, groups, extra, terms.images, parameters)


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
