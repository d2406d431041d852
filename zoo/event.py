"""What one observation of a model is: an image, or a row of tokens.

The base of all models asks its event for what depends on it: shapes, checks of what
users give, the words of sentences.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import validation
from zoo.vocabulary import Vocabulary, goes_on_after_end, is_text

# So many odds take the time and the memory that the layers before a pixel do.
_ODDS_A_PIXEL = 16


class Event:
    """Base of what models are of.

    Attributes:
        shape: of one observation.
        dtype: of arrays of them.
        noun: what sentences call several.
    """

    shape: tuple[int, ...]
    dtype: str
    noun: str

    @property
    def size(self) -> int:
        """How many numbers one observation is made of."""
        return math.prod(self.shape)

    def cost(self, shape) -> int:
        """What decoding one observation costs, in pixels of an image.

        Args:
            shape: of the observation, which may be smaller than the event's.
        """
        return math.prod(shape)

    def check(self, x: Any, argument: str = "x", rows: bool = False) -> Any:
        """What a user gave as a NumPy array (N, *shape) of the event's dtype.

        Args:
            x: observations, or rows of them: see `zoo.validation.is_rows`.
            argument: the argument's name, for errors.
            rows: leave rows where they are, to be checked as they are read.

        Raises:
            ValueError, TypeError: one sentence that says what was given and is wanted.
        """
        raise NotImplementedError

    def check_shape_and_dtype(self, shape, dtype, argument="x"):
        """What is known of a batch before its values are.

        Raises:
            ValueError, TypeError: one sentence that says what was given and is wanted.
        """
        raise NotImplementedError

    def as_tensor(self, x):
        """A batch as a tensor of the event's dtype."""
        return ops.cast(ops.convert_to_tensor(x), self.dtype)

    def symbolic(self, count):
        """`count` observations as a `keras.Input`."""
        return keras.Input(batch_shape=(count, *self.shape), dtype=self.dtype)

    def zeros(self, count):
        """A tensor of `count` observations of zeros."""
        return ops.zeros((count, *self.shape), self.dtype)


class Image(Event):
    """Images: float32 pixels in [0, 1], (H, W, C).

    Args:
        image_shape: (H, W, C), H and W at least 8.

    Raises:
        ValueError, TypeError: otherwise.

    Example:

    >>> from zoo.event import Image
    >>> Image((28, 28, 1)).size
    784
    """

    dtype = "float32"
    noun = "images"

    def __init__(self, image_shape: tuple[int, int, int]):
        self.shape = validation.check_image_shape(image_shape)

    def check(self, x, argument="x", rows=False):
        """See `Event.check`: float32 (N, H, W, C)."""
        return validation.check_images(x, self.shape, argument, rows)

    def check_shape_and_dtype(self, shape, dtype, argument="x"):
        """See `Event.check_shape_and_dtype`."""
        validation.check_shape_and_dtype(shape, dtype, self.shape, argument)


class Tokens(Event):
    """Texts: rows of int32 tokens, (T,).

    Token 0 ends a text, and fills the row after it; a text of T tokens has none.

    Args:
        max_length: T >= 1.
        vocabulary_size: tokens are whole numbers from 0 to this less 1; at least 2.
        vocabulary: a `zoo.vocabulary.Vocabulary` of so many tokens, so that texts
            themselves may be given; or None.

    Raises:
        ValueError, TypeError: otherwise.

    Example:

    >>> from zoo.event import Tokens
    >>> Tokens(4, 10).check([[3, 9, 0, 0]]).dtype
    dtype('int32')
    """

    dtype = "int32"
    noun = "texts"

    def __init__(self, max_length: int, vocabulary_size: int, vocabulary: Any = None):
        length = validation.check_whole_number(max_length, "max_length", 1, 2**16)
        self.shape = (length,)
        self.vocabulary_size = validation.check_whole_number(
            vocabulary_size, "vocabulary_size", 2
        )
        self.vocabulary = None if vocabulary is None else Vocabulary.of(vocabulary)
        given = None if self.vocabulary is None else len(self.vocabulary)
        if given not in (None, self.vocabulary_size):
            raise ValueError(
                f"`vocabulary` must have {self.vocabulary_size:,} tokens, as the model "
                f"has; got {given:,}."
            )

    def cost(self, shape):
        """See `Event.cost`: of the odds of each token at each place."""
        return max(1, math.prod(shape) * self.vocabulary_size // _ODDS_A_PIXEL)

    def check(self, x, argument="x", rows=False):
        """See `Event.check`: int32 (N, t), t <= T, of tokens or of texts.

        What rows shorter than T leave out counts as zeros.
        """
        if validation.is_rows(x):
            x = x[:]
        if keras.ops.is_tensor(x):
            x = ops.convert_to_numpy(x)
        if is_text(x):
            return self._of_texts(x, argument)
        try:
            x = np.asarray(x)
        except ValueError as error:
            raise ValueError(
                f"`{argument}` must be rows of equally many tokens, filled with zeros; "
                f"got {type(x).__name__} that NumPy cannot stack."
            ) from error
        if x.dtype.kind == "S":
            raise TypeError(f"`{argument}` is bytes: decode them to texts first.")
        if x.size == 0:
            raise ValueError(
                f"`{argument}` must hold at least one text; got shape {x.shape}."
            )
        self.check_shape_and_dtype(x.shape, x.dtype, argument)
        low, high = x.min(), x.max()
        if low < 0 or high >= self.vocabulary_size:
            raise ValueError(
                f"`{argument}` must be tokens between 0 and "
                f"{self.vocabulary_size - 1}; got values from {low} to {high}."
            )
        if (beyond := goes_on_after_end(x)).any():
            raise ValueError(
                f"`{argument}` must hold nothing but zeros after a text's end; row "
                f"{int(np.argmax(beyond))} goes on after one."
            )
        return x.astype("int32", copy=False)

    def _of_texts(self, x, argument):
        if self.vocabulary is None:
            raise TypeError(
                f"`{argument}` is text, and the model has no vocabulary: give tokens "
                f"(N, {self.shape[0]}), or make the model with a `vocabulary`."
            )
        texts = [x] if isinstance(x, str) else list(np.asarray(x, object).reshape(-1))
        if not texts:
            raise ValueError(f"`{argument}` must hold at least one text; got none.")
        return self.vocabulary.encode(texts, self.shape[0], argument)

    def check_shape_and_dtype(self, shape, dtype, argument="x"):
        """See `Event.check_shape_and_dtype`."""
        (length,) = self.shape
        shape = tuple(shape)
        if len(shape) != 2 or not 1 <= (shape[1] or 1) <= length:
            raise ValueError(
                f"`{argument}` must be tokens of shape (N, {length}), or (N, t) with "
                f"fewer; got shape {shape}."
            )
        dtype = str(dtype).rsplit(".", 1)[-1]
        if "int" not in dtype:
            raise TypeError(
                f"`{argument}` must be whole numbers, tokens of shape (N, {length}); "
                f"got {dtype}."
            )


def of(given: Any) -> Event:
    """An event from itself, or `Image` of an image's shape."""
    return given if isinstance(given, Event) else Image(given)


def image_shape_of(event: Event) -> Any:
    """(H, W, C) of images; None of anything else."""
    return event.shape if isinstance(event, Image) else None


def with_end(x, event):
    """Tokens (N, t), t < T, with the end that may have been cut off: (N, t + 1)."""
    (length,) = event.shape
    return ops.concatenate([x, ops.zeros_like(x[:, :1])], axis=1)[:, :length]


def of_images(model: Any, tool: str) -> None:
    """Refuses a model of anything but images.

    Raises:
        ValueError: saying that `tool` is for images.
    """
    if not isinstance(model.event, Image):
        raise ValueError(
            f"`{tool}` is for images; a {type(model).__name__} is a model of "
            f"{model.event.noun}."
        )
