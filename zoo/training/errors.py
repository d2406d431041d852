"""What went wrong in Keras, in the words of the zoo."""

import contextlib
import re

# TensorFlow carries an exception of a stream, or of another process, as text.
CARRIED = re.compile(r"^(?:\S*\s)?(ValueError|TypeError): (`.+)$", re.MULTILINE)

# What JAX says of a batch that is to lie on several devices.
UNEVEN = re.compile(r"is partitioned (\d+) times, but the dimension size is (\d+)")


def plain_error(error, refusals=()):
    """The one to raise for an exception that came out of Keras.

    Args:
        error: the exception.
        refusals: errors of streams, in order: `zoo.training.streams.BatchCheck`.

    Returns:
        The first refusal; an error for a user's mistake that a backend tells in its own
        terms; else `error` itself.
    """
    if refusals:
        return refusals[0]
    text = str(error)
    if text.startswith("[JAX RNG]"):
        return ValueError(
            "A part of the model draws random numbers without a seed, which JAX cannot "
            "compile: pass `seed=self.seed_generator` to each function of keras.random,"
            " as objectives and models have one, or a "
            "keras.random.SeedGenerator that is an attribute of a layer."
        )
    if divided := UNEVEN.search(text):
        devices, size = divided.groups()
        return ValueError(
            f"{devices} devices cannot share a batch of {size} evenly: give batches of "
            f"a multiple of {devices}, the last one, too, or arrays to `fit`, "
            "`evaluate` and `predict`, which fill them up."
        )
    carried = CARRIED.search(text)
    if carried and type(error).__module__.startswith("tensorflow."):
        kind = {"ValueError": ValueError, "TypeError": TypeError}[carried[1]]
        return kind(carried[2])
    return error


class PlainErrors:
    """Mixed into `keras.Model`: for the methods of Keras that run many steps."""

    @contextlib.contextmanager
    def plain_errors(self, refusals=()):
        """Around a method of Keras: mends the model after an exception, and tells it.

        Args:
            refusals: errors of streams, which BatchCheck adds to.

        Raises:
            ValueError, TypeError: instead of a backend's exception, in one sentence.
        """
        try:
            yield
        except BaseException as error:
            self.recover()
            plain = (
                plain_error(error, refusals) if isinstance(error, Exception) else error
            )
            if plain is error:
                raise
            raise plain from None

    def recover(self):
        """Gives the variables the values of the last step that was finished."""
