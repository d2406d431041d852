"""The training step on TensorFlow."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import numpy as np
import tensorflow as tf

from zoo.training.base import ELBOTrainer


class TensorFlowTrainer(ELBOTrainer):
    """`batch_loss` under a gradient tape."""

    def choose_jit_compile(self, jit_compile):
        """See `ELBOTrainer.choose_jit_compile`."""
        if jit_compile != "auto":
            return jit_compile
        # On a CPU, TensorFlow's own convolutions are about three times as fast as
        # XLA's; everything else gains from XLA.
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        return on_gpu or not self.has_convolutions()

    def train_step(self, data):
        with tf.GradientTape() as tape:
            loss = self.batch_loss(data, training=True)
            # Replicas of a tf.distribute strategy add their gradients up.
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            loss = self.optimizer.scale_loss(loss / replicas)
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return self.get_metrics_result()

    def count_step(self, loss):
        """See `ELBOTrainer.count_step`."""
        # In a graph the counter needs nothing of the batch: without this it may count
        # the step that finds its iterator at an end.
        with tf.control_dependencies([loss]):
            super().count_step(loss)

    def recover(self):
        """See `PlainErrors.recover`."""
        if self.compiled and not self.optimizer.built:
            # A function whose first trace has failed may create no variables later.
            self.train_function = None

    def test_step(self, data):
        self.batch_loss(data, training=False)
        return self.get_metrics_result()

    def predict_step(self, data):
        return self.predict_batch(data)

    def compile_inference(self, function):
        """A compiled version of a function of arrays, returning NumPy arrays."""
        compiled = tf.function(function, reduce_retracing=True)

        def call(*arrays):
            outputs = compiled(*(tf.convert_to_tensor(a) for a in arrays))
            return tf.nest.map_structure(np.asarray, outputs)

        return call
