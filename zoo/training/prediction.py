"""`predict`, which reconstructs."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import contextlib

import keras

from zoo import precision
from zoo.training import inputs
from zoo.training.placeholders import without_placeholder


class Prediction:
    """Mixed into `keras.Model`: `predict` for models with labels and without."""

    def without_gradients(self):
        """A context in which what is computed keeps no way back to the weights."""
        return contextlib.nullcontext()

    def predict(
        self,
        x,
        batch_size=None,
        verbose="auto",
        steps=None,
        callbacks=None,
        *,
        labels=None,
    ):
        """Reconstructions, as `reconstruct` gives them, in batches of one's choice.

        Args:
            x: images (N, H, W, C), float32 in [0, 1], (images, labels), or a stream of
                what `fit` takes.
            batch_size, verbose, steps, callbacks: as in `keras.Model.predict`.
            labels: (N,), for models that take them.

        Returns:
            float32 array (N, H, W, C) in [0, 1].

        Raises:
            ValueError, TypeError: if the data are not what the model takes.
        """
        refusals = []
        if isinstance(x, tuple) and labels is None:
            x, labels, _ = keras.utils.unpack_x_y_sample_weight(x)
        check = self.check_labels_to_fit
        x, labels = inputs.check_data(self, x, labels, "x", check, refusals)
        with self.plain_errors(refusals), precision.scope(self.dtype_policy):
            given, size = self.in_shares_to_predict(x, labels, batch_size, steps)
            return super().predict(given, size, verbose, steps, callbacks)

    def predict_batch(self, data):
        """Reconstructions of one batch, as `batch_loss` is given it or from `predict`.

        Arrays come from `predict` with their labels inside: ((images, labels),).
        """
        if isinstance(data, list):
            data = tuple(data)
        x, labels, _ = keras.utils.unpack_x_y_sample_weight(data)
        if isinstance(x, (tuple, list)):
            x, labels = x
        x = self.event.as_tensor(x)
        return self.call(x, without_placeholder(labels))
