"""Quantizers: discrete bottlenecks behind one interface, features to codes and back."""

from typing import Any

import keras

from zoo.quantizers.base import Quantized, Quantizer
from zoo.quantizers.ema import EMAQuantizer
from zoo.quantizers.fsq import FiniteScalarQuantizer
from zoo.quantizers.gradient import GradientQuantizer
from zoo.quantizers.gumbel import GumbelQuantizer
from zoo.quantizers.residual import ResidualQuantizer

__all__ = [
    "EMAQuantizer",
    "FiniteScalarQuantizer",
    "GradientQuantizer",
    "GumbelQuantizer",
    "Quantized",
    "Quantizer",
    "ResidualQuantizer",
    "get",
]

_BY_NAME = {
    "ema": EMAQuantizer,
    "fsq": FiniteScalarQuantizer.of_size,
    "gradient": GradientQuantizer,
    "gumbel": GumbelQuantizer,
    "residual": ResidualQuantizer,
}


def get(
    identifier: Any, codebook_size: int, code_dim: int, seed: int | None = None
) -> Any:
    """A quantizer from its name, its serialized form, or itself.

    Args:
        identifier: "ema", "fsq", "gradient", "gumbel" or "residual" for one with
            default options, or a `Quantizer`.
        codebook_size, code_dim: what it must have.
        seed: for one that is made from its name.

    Raises:
        ValueError: if the name is unknown, or the quantizer is of another size.
        TypeError: if it is none of these.
    """
    if isinstance(identifier, str):
        if identifier not in _BY_NAME:
            raise ValueError(
                f"`quantizer` must be one of {', '.join(map(repr, _BY_NAME))} or an "
                f"object; got {identifier!r}."
            )
        return _BY_NAME[identifier](codebook_size, code_dim, seed=seed)
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if not isinstance(identifier, Quantizer):
        raise TypeError(
            "`quantizer` must be a name or a zoo.quantizers.Quantizer; got "
            f"{type(identifier).__name__}."
        )
    for argument, wanted in (("codebook_size", codebook_size), ("code_dim", code_dim)):
        given = getattr(identifier, argument)
        if given != wanted:
            raise ValueError(
                f"`{argument}` is {wanted!r}, but the quantizer's is {given}: give "
                "both the same."
            )
    return identifier
