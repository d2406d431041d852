"""TokenLikelihood: texts, token by token."""

import keras
from keras import ops

from zoo.likelihoods.base import Likelihood
from zoo.vocabulary import END


@keras.saving.register_keras_serializable(package="zoo")
class TokenLikelihood(Likelihood):
    """Each token given those before it, up to the end of the text.

    log p(x|z) = sum_t log p(x_t | x_<t, z) over the tokens of a text and, if it is
    shorter than what a row holds, its end: Bowman et al., "Generating Sentences from a
    Continuous Space", 2016. Over all texts of up to T tokens these are probabilities
    that sum to 1.

    Shapes: texts x int32 (N, T); `parameters` (..., N, T, V), logits.

    Example:

    >>> import numpy as np
    >>> from zoo.likelihoods import TokenLikelihood
    >>> logits = np.zeros((1, 3, 8), "float32")  # 8 tokens, each as probable
    >>> x = np.array([[5, 0, 0]], "int32")  # a token and the end
    >>> round(float(TokenLikelihood().log_prob(x, logits)[0]) / np.log(8))
    -2
    """

    def log_prob(self, x, parameters):
        """log p(x|z) in nats, (..., N), of texts (N, T) and logits (..., N, T, V)."""
        return ops.sum(self.log_prob_per_dim(x, parameters), axis=-1)

    def log_prob_per_dim(self, x, parameters):
        """What each token adds to `log_prob`, (..., N, T): nothing after the end."""
        x = ops.cast(x, "int32")
        here = ops.broadcast_to(x, ops.shape(parameters)[:-1])
        chosen = ops.take_along_axis(parameters, here[..., None], axis=-1)[..., 0]
        log_probs = chosen - ops.logsumexp(parameters, axis=-1)
        return ops.where(is_scored(x), log_probs, 0.0)

    def mean(self, parameters):
        """There is none of words.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(self._lacks("mean", "words have no average"))


def is_scored(x):
    """Which places of texts (N, T) count: their tokens and the first END, bool."""
    first = ops.ones_like(x[:, :1], dtype="bool")
    return ops.concatenate([first, x[:, :-1] != END], axis=1)
