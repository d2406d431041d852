"""An encoder and a decoder that were made for each other."""

from typing import Any, NamedTuple


class Networks(NamedTuple):
    """What a model class is given by a function such as `dense_networks`.

    Attributes:
        encoder, decoder: Keras layers, not built yet.
        config: the options they were made with, as JSON values.
    """

    encoder: Any
    decoder: Any
    config: dict
