"""`summary` with shapes, and with networks opened."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import contextlib

import keras
import numpy as np


class Summary:
    """Mixed into `keras.Model`: tells Keras what it cannot see of subclassed layers."""

    def summary(self, *args, expand_nested=False, **options):
        """Prints layers, output shapes and numbers of weights, as Keras does.

        Args:
            expand_nested: show the layers inside networks, too.
            args, options: as in `keras.Model.summary`.
        """
        with contextlib.ExitStack() as stack:
            for layer, shape in self.output_shapes().items():
                if hasattr(type(layer), "output_shape"):  # Keras' own networks
                    continue
                stack.enter_context(_shown(layer, "output_shape", shape))
                if not layer._build_shapes_dict:  # Keras shows no shape without one
                    shapes = {"input_shape": shape}
                    stack.enter_context(_shown(layer, "_build_shapes_dict", shapes))
            for layer in self._flatten_layers(include_self=False):
                if expand_nested and not hasattr(layer, "layers"):
                    inner = layer._flatten_layers(include_self=False, recursive=False)
                    stack.enter_context(_shown(layer, "layers", list(inner)))
            return super().summary(*args, expand_nested=expand_nested, **options)

    def output_shapes(self):
        """{layer: shape of its output}, of the layers that give one tensor an input.

        The model, and each of its parts that it does not call, is traced for one input.
        """
        shapes = {}

        def record(layer, outputs):
            outputs = getattr(outputs, "features", outputs)  # of a quantizer
            if hasattr(outputs, "shape"):
                batch, *rest = outputs.shape or (None,)
                shapes[layer] = (None if batch == 1 else batch, *rest)

        with contextlib.ExitStack() as stack:
            for layer in self._flatten_layers(include_self=False):
                stack.enter_context(_recorded(layer, record))
            x = keras.KerasTensor((1, *self.event.shape), self.event.dtype)
            _trace(self, x, self._one_label())
            for layer in self._flatten_layers(include_self=False, recursive=False):
                shape = (layer._build_shapes_dict or {}).get("input_shape")
                if layer not in shapes and shape:
                    _trace(layer, keras.KerasTensor((1, *shape[1:])))
        return shapes

    def _one_label(self):
        """A label as the model takes it, or None."""
        for label in (None, 0, np.zeros(self.label_dim, "float32")):
            with contextlib.suppress(ValueError, TypeError):
                given = self.check_labels_of_images(label, 1, prior=False)
                if given is None:
                    return None
                return keras.KerasTensor(given.shape, given.dtype.name)
        return None


def _trace(layer, *inputs):
    # A layer that cannot be traced has its shapes unknown, and no more than that.
    with contextlib.suppress(Exception):
        layer.compute_output_spec(*(i for i in inputs if i is not None))


@contextlib.contextmanager
def _shown(layer, attribute, value):
    """An attribute set for a while, behind Keras' and PyTorch's tracking."""
    before = vars(layer).get(attribute)
    object.__setattr__(layer, attribute, value)
    try:
        yield
    finally:
        if before is None:
            object.__delattr__(layer, attribute)
        else:
            object.__setattr__(layer, attribute, before)


def _recorded(layer, record):
    """`layer` with `record(layer, outputs)` called after each of its calls."""
    call = layer.call

    def recording(*args, **kwargs):
        outputs = call(*args, **kwargs)
        record(layer, outputs)
        return outputs

    return _shown(layer, "call", recording)
