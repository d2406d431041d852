"""What Keras on JAX takes from a model's variables, and how they get it back."""

import functools

GROUPS = {
    4: ("trainable", "non_trainable", "optimizer", "metrics"),
    3: ("trainable", "non_trainable", "metrics"),
    2: ("trainable", "non_trainable"),
}


class NewestState:
    """The values of a model's variables after the last step that was finished."""

    values = None


class KeptState:
    """Mixed into `keras.Model` on JAX, so that it outlives a failed step.

    While `fit`, `evaluate` and `predict` run, Keras leaves a model's variables empty
    and gives a step their values, which the step gives back anew, its inputs being
    gone. Where an exception comes between, Keras does not always put the values back.
    Here they are remembered at each step, which costs a reference.
    """

    _newest = None

    def remembered(self, step):
        """A step (state, ...) -> (logs, state) that notes the states."""
        self._newest = self._newest or NewestState()
        newest = self._newest

        @functools.wraps(step)
        def remembering(state, *args):
            newest.values = state
            logs, state = step(state, *args)
            newest.values = state
            return logs, state

        return remembering

    def kept(self, function):
        """A function (state, iterator) -> (logs, state) that gives values back."""
        self._newest = self._newest or NewestState()

        @functools.wraps(function)
        def keeping(state, iterator):
            self._newest.values = state
            try:
                return function(state, iterator)
            except BaseException:  # StopIteration as well
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
        values = self._newest.values
        whole = all(not value.is_deleted() for group in values for value in group)
        # Of a step that failed after JAX had taken its inputs, nothing is left.
        self._jax_state = None
        if whole:
            names = GROUPS[len(values)]
            self._jax_state = {
                f"{name}_variables": group
                for name, group in zip(names, values, strict=True)
            }
        self._jax_state_synced = False
        self.jax_state_sync()

    def recover(self):
        """See `PlainErrors.recover`."""
        self.jax_state_sync()  # what a callback's exception left undone
        self._jax_state = None
        if self._newest is not None:
            self._newest.values = None
