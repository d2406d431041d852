"""What Keras on JAX takes from a model's variables, and how they get it back."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import functools

# Of whose variables a state holds the values, by its length.
GROUPS = {
    4: ("trainable", "non_trainable", "optimizer", "metrics"),
    3: ("trainable", "non_trainable", "metrics"),
    2: ("trainable", "non_trainable"),
}


class NewestState:
    """The values of a model's variables after the last step that was finished."""

    def __init__(self):
        self.given = None
        self.results = []

    @property
    def values(self):
        """The state that the last step gave, or else was given; None before any."""
        return self.results[0][1] if self.results else self.given


class KeptState:
    """Mixed into `keras.Model` on JAX, so that it outlives a failed step.

    While `fit`, `evaluate` and `predict` run, Keras leaves a model's variables empty
    and gives a step their values, which the step gives back anew, its inputs being
    gone. Where an exception comes between, Keras does not always put the values back,
    and an empty variable passes for a fresh one. Here the values are remembered at each
    step, which costs a reference.
    """

    _newest = None

    def remembered(self, step):
        """A step (state, ...) -> (logs, state) that notes the states."""
        self._newest = self._newest or NewestState()
        newest = self._newest

        @functools.wraps(step)
        def remembering(state, *args):
            newest.given, newest.results = state, []
            # Not even an interrupt gets between a step and the noting of its results:
            # Python has it wait for the end of `extend`.
            newest.results.extend(map(step, *((arg,) for arg in (state, *args))))
            return newest.results[0]

        return remembering

    def kept(self, function):
        """A function (state, iterator) -> (logs, state) that gives values back."""
        newest = self._newest = self._newest or NewestState()

        @functools.wraps(function)
        def keeping(state, iterator):
            newest.given, newest.results = state, []
            try:
                return function(state, iterator)
            except BaseException:  # StopIteration as well
                self._jax_state = None  # older than what follows
                self._give_back()
                raise

        return keeping

    def _make_function(self, step_function, **options):
        # Keras' own, around steps of evaluation and prediction.
        return super()._make_function(self.remembered(step_function), **options)

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            super().make_test_function(force)
            self.test_function = self.kept(self.test_function)

    def make_predict_function(self, force=False):
        if self.predict_function is None or force:
            super().make_predict_function(force)
            self.predict_function = self.kept(self.predict_function)

    def _give_back(self):
        """Gives variables without a value the newest; whether all have one now."""
        values = self._newest and self._newest.values
        if not values:
            return True
        groups = [
            self.optimizer.variables
            if name == "optimizer"
            else getattr(self, f"{name}_variables")
            for name in GROUPS[len(values)]
        ]
        complete = True
        for variables, group in zip(groups, values, strict=True):
            for variable, value in zip(variables, group, strict=True):
                if variable._value is None or variable._value.is_deleted():
                    # A deleted array at least refuses to be used.
                    variable._value = value
                    complete = complete and not value.is_deleted()
        return complete

    def recover(self):
        """See `PlainErrors.recover`.

        Raises:
            RuntimeError: if a step failed after JAX had taken the values.
        """
        self.jax_state_sync()  # what a callback's exception left undone
        complete = self._give_back()
        self._jax_state = None
        if self._newest is not None:
            self._newest.given, self._newest.results = None, []
        if not complete:
            raise RuntimeError(
                "The step failed when it had taken the model's weights already, and "
                "they are lost: load them, or make the model anew."
            )
