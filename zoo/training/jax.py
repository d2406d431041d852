"""The training step on JAX, and many of them in one compiled call."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import contextlib
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from zoo import precision
from zoo.training import inputs
from zoo.training.base import ELBOTrainer
from zoo.training.jax_state import KeptState
from zoo.training.rows import RowBatches, rows_behind
from zoo.training.shares import SharedBatches, without_filling


class JAXTrainer(KeptState, ELBOTrainer):
    """`batch_loss` made a pure function of the model's variables.

    `fit` on an array puts the images on the device once and hands Keras their indices,
    so that a step costs the host no copying; `steps_per_execution` steps, the gathering
    of their images included, run in one `lax.scan`.
    """

    _resident_images = None
    # Of `SharedBatches`, in each kind of step.
    _train_sizes, _test_sizes, _predict_sizes = None, None, None

    def compile(self, optimizer="adam", **kwargs):
        """See `ELBOTrainer.compile`."""
        precision.check_can_train(self.dtype_policy)
        super().compile(optimizer, **kwargs)

    def _stateless_loss(self, trainable, state, optimizer_variables, data, training):
        """(scaled loss, (updated non-trainable, updated metrics))."""
        sizes = self._train_sizes if training else self._test_sizes
        data = without_filling(data, sizes)
        non_trainable, metrics = state
        pairs = [
            *zip(self.trainable_variables, trainable, strict=True),
            *zip(self.non_trainable_variables, non_trainable, strict=True),
            *zip(self.metrics_variables, metrics, strict=True),
        ]
        if training:
            pairs += zip(self.optimizer.variables, optimizer_variables, strict=True)
        with keras.StatelessScope(pairs, collect_losses=True) as scope:
            loss = self.batch_loss(data, training)
            if training:
                loss = self.optimizer.scale_loss(loss)

        def updated(variables, values):
            # A variable whose value was not assigned keeps the one it came with.
            news = (scope.get_current_value(v) for v in variables)
            return [
                old if new is None else new
                for old, new in zip(values, news, strict=True)
            ]

        return loss, (
            updated(self.non_trainable_variables, non_trainable),
            updated(self.metrics_variables, metrics),
        )

    def _logs(self, metrics, optimizer_variables=None):
        pairs = list(zip(self.metrics_variables, metrics, strict=True))
        if optimizer_variables is None:
            with keras.StatelessScope(pairs):
                return self.get_metrics_result()
        pairs += zip(self.optimizer.variables, optimizer_variables, strict=True)
        with keras.StatelessScope(pairs):
            return self.training_logs()

    def train_step(self, state, data):
        trainable, non_trainable, optimizer_variables, metrics = state
        gradient = jax.grad(self._stateless_loss, has_aux=True)
        gradients, (non_trainable, metrics) = gradient(
            trainable,
            (non_trainable, metrics),
            optimizer_variables,
            data,
            training=True,
        )
        trainable, optimizer_variables = self.optimizer.stateless_apply(
            optimizer_variables, gradients, trainable
        )
        state = trainable, non_trainable, optimizer_variables, metrics
        return self._logs(metrics, optimizer_variables), state

    def test_step(self, state, data):
        trainable, non_trainable, metrics = state
        _, (non_trainable, metrics) = self._stateless_loss(
            trainable, (non_trainable, metrics), None, data, training=False
        )
        return self._logs(metrics), (trainable, non_trainable, metrics)

    def predict_step(self, state, data):
        trainable, non_trainable = state
        pairs = [
            *zip(self.trainable_variables, trainable, strict=True),
            *zip(self.non_trainable_variables, non_trainable, strict=True),
        ]
        data = without_filling(data, self._predict_sizes)
        with keras.StatelessScope(pairs):
            return _everywhere(self.predict_batch(data)), non_trainable

    def make_train_function(self, force=False):
        if self.train_function is not None and not force:
            return
        scan = self.steps_per_execution > 1 and self._scans_well()

        def one_step(state, batch, images):
            if images is not None:
                indices, *rest = batch if isinstance(batch, tuple) else (batch,)
                batch = (images[indices], *rest)
            return self.train_step(state, batch)

        def many_steps(state, batches, images):
            def body(state, batch):
                logs, state = one_step(state, batch, images)
                return state, logs

            state, logs = jax.lax.scan(body, state, batches)
            return jax.tree.map(lambda log: log[-1], logs), state

        if self.jit_compile and not self.run_eagerly:
            options: dict[str, Any] = {"donate_argnums": 0}
            if keras.distribution.distribution() is not None:
                # The weights stay where they are, as in Keras' own.
                options["out_shardings"] = (None, self._get_state_sharding_spec())
            one_step = jax.jit(one_step, **options)
            many_steps = jax.jit(many_steps, **options)
        run_one, run_many = self.remembered(one_step), self.remembered(many_steps)

        def train_function(state, iterator):
            images = self._resident_images
            batches = [next(iterator)]
            batches += _take(iterator, self.steps_per_execution - 1)
            full = len(batches) == self.steps_per_execution
            if scan and full and _same_shapes(batches):
                stacked = jax.tree.map(_stack, *batches)
                return run_many(state, stacked, images)
            # The end of an epoch: too few steps to be worth a compilation of their own.
            for batch in batches:
                logs, state = run_one(state, batch, images)
            return logs, state

        self.train_function = self.kept(train_function)

    def _scans_well(self):
        """Whether a scan of steps is faster than the steps one by one.

        On a CPU, XLA runs a convolution inside a loop seven times slower than outside.
        """
        on_cpu = jax.default_backend() == "cpu"
        return not self.run_eagerly and not (on_cpu and self.has_convolutions())

    def steps_gain(self):
        """See `StepsPerExecution.steps_gain`."""
        return self._scans_well()

    def in_shares(self, x, y, sample_weight, batch_size, step, shuffle=False):
        """See `Shares.in_shares`."""
        distribution, sizes = keras.distribution.distribution(), None
        rows = rows_behind(x) is not None
        if distribution is not None and (rows or inputs.is_array(x)):
            mesh = distribution.device_mesh
            devices = mesh.shape[mesh.axis_names.index(distribution.batch_dim_name)]
            batches = x
            if not rows:
                order = self.draw_order if shuffle else None
                weights = None if sample_weight is None else np.asarray(sample_weight)
                batches = RowBatches(x, y, weights, int(batch_size or 32), order)
            which = jax.process_index(), jax.process_count()
            x, y, sample_weight = SharedBatches(batches, devices, *which), None, None
            sizes = x.sizes
        self._fill_to(sizes, step)
        return x, y, sample_weight

    def _fill_to(self, sizes, step):
        if sizes != getattr(self, f"_{step}_sizes"):
            setattr(self, f"_{step}_sizes", sizes)
            setattr(self, f"{step}_function", None)  # it was traced with others

    def train_on_batch(self, *args, **kwargs):
        """See `ELBOTrainer.train_on_batch`."""
        self._fill_to(None, "train")
        return super().train_on_batch(*args, **kwargs)

    def test_on_batch(self, *args, **kwargs):
        """See `ELBOTrainer.test_on_batch`."""
        self._fill_to(None, "test")
        return super().test_on_batch(*args, **kwargs)

    @contextlib.contextmanager
    def training_session(self, x, callbacks):
        if (
            inputs.is_array(x)
            and x.nbytes <= inputs.RESIDENT_BYTES
            and keras.distribution.distribution() is None
            # Keras calls the model on a batch if any layer is unbuilt, even unused.
            and all(layer.built for layer in self._flatten_layers())
        ):
            self._resident_images = jnp.asarray(x)
            x = np.arange(len(x), dtype=np.int32)
        try:
            yield x
        finally:
            self._resident_images = None
        # An optimizer with use_ema leaves weights and averages sharing buffers, which
        # the next `fit` would donate twice.
        for variable in self.optimizer.variables:
            variable.assign(jnp.copy(variable.value))

    def compile_inference(self, function):
        """A compiled version of a function of arrays, returning NumPy arrays."""

        @jax.jit
        def stateless(values, arrays):
            pairs = list(zip(self.variables, values, strict=True))
            with keras.StatelessScope(pairs):
                return function(*arrays)

        def call(*arrays):
            with precision.scope(self.dtype_policy):
                values = [_here(v.value) for v in self.variables]
                return jax.tree.map(np.asarray, stateless(values, arrays))

        return call

    def compile_gradient(self, function):
        """A compiled version of a function and its gradient: see `zoo.inference`."""

        @jax.jit
        def stateless(values, first, rest):
            def total(first):
                pairs = list(zip(self.variables, values, strict=True))
                with keras.StatelessScope(pairs):
                    results = function(first, *rest)
                return jnp.sum(results), results

            gradient, results = jax.grad(total, has_aux=True)(first)
            return results, gradient

        def call(first, *rest):
            with precision.scope(self.dtype_policy):
                values = [_here(v.value) for v in self.variables]
                return jax.tree.map(np.asarray, stateless(values, first, rest))

        return call


def _everywhere(outputs):
    """A step's outputs as each process has all of them, where several share a batch."""
    distribution = keras.distribution.distribution()
    if distribution is None or jax.process_count() == 1:
        return outputs
    mesh = distribution.device_mesh.backend_mesh
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    return jax.lax.with_sharding_constraint(outputs, whole)


def _here(value):
    """A variable's value as this process has it, where several train together."""
    return value if value.is_fully_addressable else value.addressable_data(0)


def _take(iterator, count):
    """Up to `count` further items of an iterator that may end early."""
    for _ in range(count):
        try:
            yield next(iterator)
        except StopIteration:
            return


def _stack(*parts):
    # Stays on the device, or on the host, whichever the parts are on.
    return (jnp if isinstance(parts[0], jax.Array) else np).stack(parts)


def _same_shapes(batches):
    shapes = {tuple(part.shape for part in jax.tree.leaves(b)) for b in batches}
    return len(shapes) == 1
