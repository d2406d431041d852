"""What attention remembers of the places before: keys and values of each layer.

Tensors (N, heads, places, head_dim) in a flat list: keys and values of the first layer,
of the second, and so on.
"""

from keras import ops


class StaticCache:
    """Room for all places, of which those up to `place` are written.

    Shapes never change, as compiled loops want it.

    Args:
        tensors: list of tensors (N, heads, T, head_dim).
        place: int32 scalar, the place that is being computed.

    Attributes:
        tensors: with this place's keys and values, once `update` has been called.
        seen: (T,), which places attention may look at; None for all there are.
    """

    def __init__(self, tensors, place):
        self.tensors, self.place = list(tensors), place
        places = ops.arange(self.tensors[0].shape[2], dtype="int32")
        self.seen = places <= place
        self._here = ops.reshape(places == place, (1, 1, -1, 1))

    def update(self, layer, key, value):
        """Adds a layer's key and value (N, heads, head_dim): all keys, all values."""
        for i, new in ((2 * layer, key), (2 * layer + 1, value)):
            self.tensors[i] = self._with(self.tensors[i], ops.expand_dims(new, 2))
        return self.tensors[2 * layer : 2 * layer + 2]

    def _with(self, tensor, new):
        return ops.where(self._here, new, tensor)


class DynamicCache(StaticCache):
    """Grows by a place each step: no work for those to come, where shapes may change.

    Args:
        tensors: list of tensors (N, heads, places so far, head_dim), at first of none.
    """

    def __init__(self, tensors):
        self.tensors, self.seen = list(tensors), None
        self.place = ops.cast(ops.shape(self.tensors[0])[2], "int32")

    def _with(self, tensor, new):
        return ops.concatenate([tensor, new], axis=2)
