"""The training step on TensorFlow."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import contextlib
import warnings

import keras
import numpy as np
import tensorflow as tf

from zoo.training import inputs
from zoo.training.base import ELBOTrainer
from zoo.training.fusing.tensorflow import fused
from zoo.training.loaders import tensorflow as loader
from zoo.training.skipping import skipping


class TensorFlowTrainer(ELBOTrainer):
    """`batch_loss` under a gradient tape."""

    def choose_jit_compile(self, jit_compile):
        """See `ELBOTrainer.choose_jit_compile`."""
        if jit_compile != "auto":
            return jit_compile
        if self.num_replicas > 1:  # XLA reaches the variables of one device alone
            return False
        # On a CPU, TensorFlow's own convolutions are about three times as fast as
        # XLA's; everything else gains from XLA.
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        return on_gpu or not self.has_convolutions()

    def choose_steps(self, steps_per_execution):
        """See `ELBOTrainer.choose_steps`."""
        if self.num_replicas > 1 and steps_per_execution > 1:
            warnings.warn(
                f"Keras runs {steps_per_execution} steps in one call on one device "
                f"alone: on {self.num_replicas} replicas they run one by one.",
                stacklevel=3,
            )
            return 1
        return steps_per_execution

    def steps_gain(self):
        """See `StepsPerExecution.steps_gain`; a convolution takes longer than Keras."""
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        return self.num_replicas == 1 and (on_gpu or not self.has_convolutions())

    @property
    def num_replicas(self):
        """How many devices the model's tf.distribute strategy trains on."""
        return self.distribute_strategy.num_replicas_in_sync

    @property
    def least_batch(self):
        """See `ELBOTrainer.least_batch`; of these, no replica may go without.

        All but the last take as many as an equal share rounded up: of 4 images, two of
        3 replicas take 2 each.
        """
        count, least = self.num_replicas, self.min_batch_size
        batch = count * least + (count - 1) ** 2  # of so many and more each has enough
        while batch > 1 and batch - 1 - (count - 1) * -(-(batch - 1) // count) >= least:
            batch -= 1
        return batch

    def in_shares(self, x, y, sample_weight, batch_size, step, shuffle=False):
        """See `Shares.in_shares`; what is given, as batches that end without delay."""
        if isinstance(x, keras.utils.PyDataset):
            return loader.UntunedAdapter(x, shuffle=shuffle), y, sample_weight
        # What training goes through is made with its order: see `with_seeded_order`.
        if step == "train" or not inputs.is_array(x):
            return x, y, sample_weight
        arrays = keras.utils.pack_x_y_sample_weight(x, y, sample_weight)
        made = loader.batches(arrays, int(batch_size or 32), shuffle=False)
        return made, None, None

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing, as models are built when they are made.

        Keras would build by the mean of the replicas' images, of which one may have
        more.
        """

    def make_train_function(self, force=False):
        # Not within the function: it may create no variables once its first trace has
        # failed, nor any that depend on a batch.
        if self.num_replicas > 1 and skipping(self.optimizer):
            raise ValueError(
                "A SkippingOptimizer trains on one device: each replica would judge by "
                f"its own images; got {self.num_replicas} replicas."
            )
        if self.num_replicas > 1 and any(
            getattr(self.optimizer, name, None) is not None
            for name in ("clipnorm", "clipvalue", "global_clipnorm")
        ):
            warnings.warn(
                f"Gradients are clipped as each of {self.num_replicas} replicas has "
                "them, before they are added up: not as one device would.",
                stacklevel=4,
            )
        if not self.optimizer.built:
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self.batch_loss(data, training=True)
            loss = self.optimizer.scale_loss(loss * _share_of_batch(data))
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        one_device = self.num_replicas == 1  # whose weights are not mirrored
        fusing = fused(self.optimizer) if one_device else contextlib.nullcontext()
        # In a graph a counter needs nothing of the batch: without this the optimizer's
        # may count the step that finds its iterator at an end.
        with tf.control_dependencies([loss]), fusing:
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return _logs_of_workers(self.training_logs())

    def count_step(self, loss):
        """See `ELBOTrainer.count_step`; nor may this one: see `train_step`."""
        with tf.control_dependencies([loss]):
            super().count_step(loss)

    def test_step(self, data):
        self.batch_loss(data, training=False)
        return _logs_of_workers(self.get_metrics_result())

    def predict_step(self, data):
        return self.predict_batch(data)

    def compile_inference(self, function):
        """A compiled version of a function of arrays, returning NumPy arrays."""
        compiled = tf.function(function, reduce_retracing=True)
        # It is meant for functions that are made anew at every call: of a ladder's
        # groups, each has its own, from the same lines.
        compiled._omit_frequent_tracing_warning = True

        def call(*arrays):
            outputs = compiled(*(tf.convert_to_tensor(a) for a in arrays))
            return tf.nest.map_structure(np.asarray, outputs)

        return call

    def compile_gradient(self, function):
        """A compiled version of a function and its gradient: see `zoo.inference`."""

        @tf.function(reduce_retracing=True)
        def compiled(first, *rest):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(first)
                results = function(first, *rest)
            return results, tape.gradient(results, first)

        def call(*arrays):
            outputs = compiled(*(tf.convert_to_tensor(a) for a in arrays))
            return tf.nest.map_structure(np.asarray, outputs)

        return call


def _share_of_batch(data):
    """The share of a batch's images that this replica has, 1 where there is one.

    Replicas of a tf.distribute strategy add their gradients up.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return 1.0
    count = tf.cast(tf.shape(tf.nest.flatten(data)[0])[0], "float32")
    return count / tf.distribute.get_replica_context().all_reduce("SUM", count)


def _logs_of_workers(logs):
    """Logs as rows, where Keras takes their mean over rows: of several machines'."""
    strategy = tf.distribute.get_strategy()
    machines = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    if not machines or not strategy.cluster_resolver.cluster_spec():
        return logs
    return {name: tf.reshape(value, (1,)) for name, value in logs.items()}
