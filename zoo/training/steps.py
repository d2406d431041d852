"""How many steps of `fit` run in one call, where nobody says.

A step of a small model takes less time than the host's work around it: between calls
Keras gathers a batch, runs callbacks and reads metrics.
"""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import math
from typing import Any

import keras

from zoo import validation
from zoo.training import inputs

AUTO = "auto"
# Of fewer steps an epoch there is nothing to gain; more in one call gain no more.
LEAST, MOST = 16, 128
# So long at most a call should keep progress bars and interrupts waiting, in seconds,
# by a guess at what a step takes: three passes of a multiplication and an addition.
SECONDS, OPERATIONS_PER_SECOND = 1.0, 1e11
_HOOKS = tuple(
    f"on_{of}batch_{at}" for of in ("train_", "test_", "") for at in ("begin", "end")
)


class StepsPerExecution:
    """Mixed into `ELBOTrainer`: `compile(steps_per_execution="auto")`."""

    compile_options: dict[str, Any]

    def steps_to_compile(self, steps_per_execution):
        """What to give Keras: 1 until `fit` knows more, or what the user says."""
        if steps_per_execution == AUTO:
            return 1
        if isinstance(steps_per_execution, str):
            raise ValueError(
                "`steps_per_execution` must be a whole number or 'auto'; got "
                f"{steps_per_execution!r}."
            )
        validation.check_whole_number(steps_per_execution, "steps_per_execution", 1)
        return self.choose_steps(steps_per_execution)

    def choose_steps(self, steps_per_execution):
        """What to give Keras as `steps_per_execution`, where a backend cannot."""
        return steps_per_execution

    def steps_gain(self):
        """Whether several steps in one call are faster, on this backend."""
        return False

    def with_own_callbacks(self, callbacks):
        """What Keras is to call in place of `callbacks`, a list if it was one."""
        return [] if callbacks is None else callbacks

    def set_steps(self, x, batch_size, callbacks, options):
        """Chooses how many steps `fit` runs in one call, if it is to choose.

        Args:
            x: what `fit` trains on.
            batch_size, callbacks: as `fit` was given them.
            options: further arguments of `fit`.
        """
        if not self.compiled or self.compile_options["steps_per_execution"] != AUTO:
            return
        steps = 1
        if (
            inputs.is_array(x)
            and options.get("steps_per_epoch") is None
            and not self.run_eagerly
            and not watches_steps(callbacks)
            and self.steps_gain()
        ):
            batch_size = batch_size or 32
            steps = steps_in_one_call(
                len(x) // batch_size, batch_size * _kernel_weights(self)
            )
        if steps != self.steps_per_execution:
            self.steps_per_execution = steps
            # They were made for another number.
            self.train_function = self.test_function = None


def steps_in_one_call(full_batches, products):
    """A number of steps for each call, so that as few as can be are left over.

    Those that are left of an epoch run one by one, by a step that is compiled besides.

    Args:
        full_batches: of an epoch.
        products: how many multiplications a step has forward, about.

    >>> steps_in_one_call(468, 128 * 652_000), steps_in_one_call(10, 128 * 652_000)
    (117, 1)
    """
    if full_batches < LEAST:
        return 1
    seconds = 6 * products / OPERATIONS_PER_SECOND
    most = int(min(MOST, full_batches, max(1, SECONDS / max(seconds, 1e-9))))
    for steps in range(most, most // 2, -1):
        if full_batches % steps == 0:
            return steps
    return most


def _kernel_weights(model):
    shapes = (tuple(v.shape) for v in model.trainable_variables)
    return sum(math.prod(shape) for shape in shapes if len(shape) > 1)


def watches_steps(callbacks):
    """Whether any callback does something at each step of training or evaluation."""
    given = getattr(callbacks, "callbacks", callbacks) or []
    for callback in keras.tree.flatten(given):
        # Of Keras' own some do so only where they are told to.
        often = getattr(callback, "save_freq", getattr(callback, "update_freq", None))
        if type(callback).__module__.startswith("keras.") and often == "epoch":
            if not getattr(callback, "profile_batch", 0):
                continue
        for hook in _HOOKS:
            method = getattr(callback, hook, None)
            function = getattr(method, "__func__", method)
            if function is not getattr(keras.callbacks.Callback, hook):
                return True
    return False
