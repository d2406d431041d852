"""The training step on PyTorch."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import contextlib
import types

import keras
import numpy as np
import torch
from torch.optim.adam import adam

from zoo import precision
from zoo.training.base import ELBOTrainer
from zoo.training.gathering import GatheredMetrics
from zoo.training.replaying import torch as replaying


class TorchTrainer(GatheredMetrics, ELBOTrainer):
    """`batch_loss` and its backward pass."""

    _replay: replaying.Replay | None = None  # in `fit`

    def compile(self, optimizer="adam", **kwargs):
        """See `ELBOTrainer.compile`."""
        super().compile(optimizer, **kwargs)
        use_fused_adam(self.optimizer)

    def train_step(self, data):
        variables = self.trainable_variables
        gradients = self._replay.step(data) if self._replay else None
        if gradients is None:
            for variable in variables:  # `zero_grad` would walk all modules first
                variable.value.grad = None
            loss = self.batch_loss(data, training=True)
            self.optimizer.scale_loss(loss).backward()
            gradients = [v.value.grad for v in variables]
        with torch.no_grad():
            self.optimizer.apply(gradients, variables)
        return self.logs_of_step(self.training_logs)

    @contextlib.contextmanager
    def training_session(self, x, callbacks):
        with self.logs_read_rarely(callbacks):
            if self._gathered is not None and replaying.can_be_replayed(self):
                self._replay = replaying.Replay(self)
            try:
                yield x
            finally:
                self._replay = None

    def reset_metrics(self):  # what Keras does as an epoch begins
        super().reset_metrics()
        if self._replay:
            self._replay.begin_epoch()

    def without_gradients(self):
        """See `Prediction.without_gradients`."""
        return torch.no_grad()

    def draw_order(self, count):
        """See `ELBOTrainer.draw_order`; here by torch's generator."""
        return np.array(list(torch.utils.data.RandomSampler(range(count))), np.int64)

    def test_step(self, data):
        self.batch_loss(data, training=False)
        return self.logs_of_step(self.get_metrics_result)

    def predict_step(self, data):
        return self.predict_batch(data)

    def compile_inference(self, function):
        """A function of arrays without gradients, returning NumPy arrays."""

        def call(*arrays):
            with self.without_gradients(), precision.scope(self.dtype_policy):
                outputs = function(*(keras.ops.convert_to_tensor(a) for a in arrays))
            return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)

        return call

    def compile_gradient(self, function):
        """A function and its gradient: see `zoo.inference`."""

        def call(*arrays):
            first, *rest = (keras.ops.convert_to_tensor(a) for a in arrays)
            first.requires_grad_()
            with precision.scope(self.dtype_policy):
                results = function(first, *rest)
            (gradient,) = torch.autograd.grad(results.sum(), first)
            return tuple(
                keras.ops.convert_to_numpy(tensor.detach())
                for tensor in (results, gradient)
            )

        return call


def use_fused_adam(optimizer):
    """Has Keras' Adam update weights with PyTorch's fused kernel.

    The same numbers in one pass over memory. Keras makes a dozen, which on two CPU
    cores took 4 of the 11 ms of a training step of a 784-400-20 VAE; this takes 0.2.
    Other optimizers, and subclasses of Adam, are left alone.
    """
    while hasattr(optimizer, "inner_optimizer"):  # loss scaling, skipping
        optimizer = optimizer.inner_optimizer
    for part in getattr(optimizer, "optimizers", (optimizer,)):  # several in one
        if type(part) is type(keras.optimizers.Adam()) and not part.amsgrad:
            # Nobody calls this on a Keras that names it otherwise: slower, not wrong.
            part._parallel_update_step = types.MethodType(_fused_adam_step, part)


def _fused_adam_step(self, gradients, variables, learning_rate):
    step = float(self.iterations)  # done so far
    steps = torch.full((len(variables),), step, device=variables[0].value.device)
    indices = [self._get_variable_index(variable) for variable in variables]
    adam(
        [variable.value for variable in variables],
        gradients,
        [self._momentums[i].value for i in indices],
        [self._velocities[i].value for i in indices],
        max_exp_avg_sqs=[],
        state_steps=list(steps.unbind()),
        fused=True,
        amsgrad=False,
        beta1=self.beta_1,
        beta2=self.beta_2,
        lr=float(learning_rate),
        weight_decay=0.0,  # Keras has applied it
        # PyTorch adds epsilon after correcting the second moment's bias, Keras before.
        eps=self.epsilon / (1 - self.beta_2 ** (step + 1)) ** 0.5,
        maximize=False,
    )
