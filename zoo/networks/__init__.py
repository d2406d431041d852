"""Encoders and decoders: Keras layers from images to numbers and back."""

from typing import Any

from zoo.networks.conv import conv_networks
from zoo.networks.dense import dense_networks
from zoo.networks.pair import Networks

BY_NAME = {"conv": conv_networks, "dense": dense_networks}


def make_networks(kind: str, *args: Any, **options: Any) -> Networks:
    """The networks of a kind, for models that leave the choice to their users.

    Args:
        kind: "conv" or "dense".
        args, options: as in `conv_networks` or `dense_networks`.

    Returns:
        `zoo.networks.pair.Networks`.

    Raises:
        ValueError, TypeError: for an unknown kind, or an option it does not have.
    """
    if kind not in BY_NAME:
        raise ValueError(
            f"`networks` must be one of {', '.join(map(repr, sorted(BY_NAME)))}; got "
            f"{kind!r}."
        )
    make = BY_NAME[kind]
    unknown = sorted(set(options) - set(make.__kwdefaults__))
    if unknown:
        ours = {"condition_dim", "num_outputs", "seed", "dtype"}
        known = set(make.__kwdefaults__) - ours
        raise TypeError(
            f"{kind} networks take no `{unknown[0]}`; their options are "
            f"{', '.join(sorted(known))}."
        )
    return make(*args, **options)
