"""The training step on PyTorch."""

import keras
import torch

from zoo.training.base import ELBOTrainer


class TorchTrainer(ELBOTrainer):
    """`batch_loss` and its backward pass."""

    def train_step(self, data):
        self.zero_grad()
        loss = self.batch_loss(data, training=True)
        self.optimizer.scale_loss(loss).backward()
        variables = self.trainable_variables
        gradients = [v.value.grad for v in variables]
        with torch.no_grad():
            self.optimizer.apply(gradients, variables)
        return self.get_metrics_result()

    def test_step(self, data):
        self.batch_loss(data, training=False)
        return self.get_metrics_result()

    def compile_inference(self, function):
        """A function of arrays without gradients, returning NumPy arrays."""

        def call(*arrays):
            with torch.no_grad():
                outputs = function(*(keras.ops.convert_to_tensor(a) for a in arrays))
            return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)

        return call
