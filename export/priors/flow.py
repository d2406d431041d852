"""A learned prior of any shape, in NumPy: what `zoo.priors.Flow` computes."""

import math

import numpy as np

from export.arrays import decode_array, encode_array
from export.priors.record import PriorRecord

# Rows worked on at a time, which bounds the memory of the hidden layers.
_ROWS = 1024
_ARRAYS = ("hidden_kernel", "hidden_bias", "head_kernel", "head_bias")
# What a layer has besides if it mixes, or sees labels.
_MIXING = ("mixing_kernel", "mixing_bias")
_LABEL = ("label_kernel",)


class Flow:
    """p(z) of noise that goes through affine coupling layers, one after another.

    Args:
        layers: dicts, one a layer, of `fixed` (latent_dim,), which is 1 where the
            layer changes nothing, `hidden_kernel` (latent_dim, units), `hidden_bias`
            (units,), `head_kernel` (units, 2 * latent_dim) and `head_bias`
            (2 * latent_dim,), for log-scales and shifts: float32 arrays. A layer that
            mixes all dimensions after that has `mixing_kernel` (latent_dim, latent_dim)
            and `mixing_bias` (latent_dim,), too. One of p(z|y) has `label_kernel`
            (num_classes or num_attributes, units).
        log_scale_limit: log-scales stay between minus and plus this, softly.

    Example:

    >>> layer = {
    ...     "fixed": np.float32([1, 0]),
    ...     "hidden_kernel": np.eye(2),
    ...     "hidden_bias": np.zeros(2),
    ...     "head_kernel": np.zeros((2, 4)),
    ...     "head_bias": np.float32([0, 0, 5, 5]),
    ... }
    >>> Flow([layer], log_scale_limit=2.0)(np.ones((1, 2), np.float32)).tolist()
    [[1.0, 6.0]]
    """

    def __init__(self, layers, log_scale_limit):
        self.layers = layers
        self.log_scale_limit = log_scale_limit
        # In double precision, in which a row is the same in whatever batch it comes.
        self._layers = [
            {name: array.astype(np.float64) for name, array in layer.items()}
            for layer in layers
        ]

    def __call__(self, noise, labels=None):
        """Latents (N, latent_dim) from noise whose scale is the temperature."""
        latents = np.empty(noise.shape, np.float32)
        for start in range(0, len(noise), _ROWS):
            rows = slice(start, start + _ROWS)
            given = None if labels is None else labels[rows]
            with np.errstate(over="ignore"):  # `decode` refuses infinite latents
                latents[rows] = self._transform(noise[rows].astype(np.float64), given)
        return latents

    def _transform(self, z, labels):
        for layer in self._layers:
            hidden = (z * layer["fixed"]) @ layer["hidden_kernel"]
            hidden = hidden + layer["hidden_bias"]
            if "label_kernel" in layer:
                table = layer["label_kernel"]
                hidden += table[labels] if labels.ndim == 1 else labels @ table
            raw = np.maximum(hidden, 0) @ layer["head_kernel"] + layer["head_bias"]
            log_scale, shift = np.split(raw, 2, axis=1)
            log_scale = np.tanh(log_scale / self.log_scale_limit)
            changed = z * np.exp(self.log_scale_limit * log_scale) + shift
            z = np.where(layer["fixed"] == 1, z, changed)
            if "mixing_kernel" in layer:
                z = z @ layer["mixing_kernel"] + layer["mixing_bias"]
        return z

    def to_json(self):
        """The metadata entry `prior_parameters`."""
        return {
            "layers": [
                {name: encode_array(array) for name, array in layer.items()}
                for layer in self.layers
            ],
            "log_scale_limit": self.log_scale_limit,
        }


class FlowRecord(PriorRecord):
    """Of a flow, the same for all labels."""

    name = "flow"
    of_labels = False
    # It has learned nothing of noise much larger than its own: of twice as large, one
    # trained on Fashion-MNIST makes latents of tens of thousands, and of a rounding
    # error as much as it likes. The constant -2 of `probes` is its own at half.
    # Of its own, 24 layers that mix, trained on MNIST, come to errors of 3e-5.
    extreme_temperatures = (0.5, 0, 0.5)

    def is_of(self, prior):
        from zoo import priors

        return type(prior) is priors.Flow and bool(prior.label_dim) is self.of_labels

    def in_numpy(self, prior):
        from keras import ops

        from zoo.networks import coupling

        layers = []
        for step in prior.couplings:
            layers.append({"fixed": step.fixed})
            for name in _ARRAYS + (_LABEL if self.of_labels else ()):
                layer, part = name.split("_")
                array = ops.convert_to_numpy(getattr(getattr(step, layer), part))
                layers[-1][name] = array
        for layer, step in zip(layers, prior.mixings, strict=False):
            matrix = ops.convert_to_numpy(step.matrix()).astype(np.float64)
            layer["mixing_kernel"] = np.linalg.inv(matrix).astype(np.float32)
            layer["mixing_bias"] = ops.convert_to_numpy(step.shift)
        return Flow(layers, log_scale_limit=coupling.LOG_SCALE_LIMIT)

    def from_json(self, stored, metadata):
        latent_dim = metadata["latent_dim"]
        label_dim = metadata.get("num_classes") or metadata.get("num_attributes")
        limit = float(stored["log_scale_limit"])
        if not 0 < limit < math.inf:
            raise ValueError(f"its log-scales are bounded by {limit}")
        layers = []
        for entry in stored["layers"]:
            mixing = _MIXING if any(name in entry for name in _MIXING) else ()
            label = _LABEL if self.of_labels else ()
            names = ("fixed", *_ARRAYS, *mixing, *label)
            layer = {name: decode_array(entry[name]) for name in names}
            units = layer["hidden_bias"].size
            shapes = {
                "fixed": (latent_dim,),
                "hidden_kernel": (latent_dim, units),
                "hidden_bias": (units,),
                "head_kernel": (units, 2 * latent_dim),
                "head_bias": (2 * latent_dim,),
                "label_kernel": (label_dim, units),
                "mixing_kernel": (latent_dim, latent_dim),
                "mixing_bias": (latent_dim,),
            }
            for name, array in layer.items():
                shape = shapes[name]
                if array.shape != shape or array.dtype != np.float32:
                    raise ValueError(f"`{name}` is not float32 of shape {shape}")
            layers.append(layer)
        if not layers:
            raise ValueError("it has no layers")
        return Flow(layers, limit)


RECORD = FlowRecord()
