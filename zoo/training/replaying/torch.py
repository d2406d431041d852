"""Steps on PyTorch that are recorded once, and replayed without Keras.

PyTorch runs a step operation by operation, and what Keras does in Python around each
takes as long as a small network's arithmetic. Recorded are the operations of loss,
gradients and metrics, as on TensorFlow and JAX; the optimizer runs as ever.
"""

import contextlib
import warnings
from typing import Any

import keras
import torch
from keras.src.backend.torch import nn as keras_nn
from keras.src.backend.torch import numpy as keras_numpy
from keras.src.backend.torch import random as keras_random
from torch.fx.experimental.proxy_tensor import make_fx

# Recording takes as long as a hundred steps or two.
STEPS_BEFORE = 100
KNOWN = ("zoo.", "keras.", "recipes.", "builtins.")
_aten = torch.ops.aten
_NOTHING = {_aten.detach.default, _aten.lift_fresh_copy.default}


class Replay:
    """The steps of one `fit`: those of one shape are recorded once they are many.

    Args:
        model: a model of the zoo on PyTorch.
    """

    def __init__(self, model):
        self.model = model
        self.steps, self.shapes, self.recorded, self.settings = 0, None, None, None
        self.epoch_begins = False

    def begin_epoch(self):
        """Has the next step see whether callbacks have changed what is no tensor."""
        self.epoch_begins = True

    def step(self, data):
        """Runs loss and gradients of a batch, unless that has to be done by Keras.

        Returns:
            list of gradients, one a trainable variable; None if nothing was done.
        """
        if self.epoch_begins and self.recorded is not None:
            if self.settings != settings(self.model):
                self.steps, self.recorded = 0, None
        self.epoch_begins = False
        self.steps += 1
        if self.steps == STEPS_BEFORE:
            self.shapes, self.settings = _shapes(data), settings(self.model)
            self.recorded = record(self.model, data)
        if self.recorded is None or _shapes(data) != self.shapes:
            return None
        return self.recorded(data)


def can_be_replayed(model):
    """Whether a step is made of nothing but the zoo's and Keras' own parts.

    What others write may do more in a step than compute.
    """
    return not any(
        not f"{type(part).__module__}.".startswith(KNOWN)
        or getattr(part, "_forward_hooks", None)
        for part in _parts(model)
    )


def settings(model):
    """What steps depend on beside tensors, to be compared.

    Returns:
        {(number of a part, attribute): value}, or of other objects which one it is.
    """
    return {
        (i, name): value if isinstance(value, _PLAIN) else id(value)
        for i, part in enumerate(_parts(model))
        for name, value in getattr(part, "__dict__", {}).items()
        if name not in _OF_KERAS and not name.startswith("_")
    }


_PLAIN = (bool, int, float, str, type(None))
# What `fit` itself sets of a model.
_OF_KERAS = {"training", "history", "stop_training", "stop_evaluating"}
_OF_KERAS |= {f"{step}_function" for step in ("train", "test", "predict")}


def _parts(model):
    parts = [model.objective, model.corruption]
    # Schedules, for instance.
    parts += [each for part in parts for each in getattr(part, "__dict__", {}).values()]
    parts += [model.likelihood, model.optimizer, *model._flatten_layers()]
    return [part for part in keras.tree.flatten(parts) if part is not None]


def record(model, data) -> Any:
    """The step of a batch of such a shape, recorded.

    Returns:
        function of a batch to its gradients, which updates everything else; None, after
        a warning, where that is impossible.
    """
    names = "trainable", "non_trainable", "metrics"
    seeds = {id(state) for state in model.seed_states()}
    variables = [v for n in names for v in getattr(model, f"{n}_variables")]
    variables = [v for v in variables if id(v) not in seeds]
    variables += model.optimizer.variables
    count = len(model.trainable_variables)
    seen: dict[str, Any] = {}
    for variable in variables[:count]:
        if not variable.value.is_contiguous():
            return _goes_on_with_keras(f"{variable.path} is not contiguous in memory")

    def step(values, data):
        kept = []
        pairs = list(zip(variables, values, strict=True))
        with keras.StatelessScope(pairs, collect_losses=True) as scope:
            with model.metrics_given_to(lambda *given: kept.append(given)):
                loss = model.batch_loss(data, training=True)
            loss = model.optimizer.scale_loss(loss)
        with torch.enable_grad():
            found = torch.autograd.grad(loss, values[:count], allow_unused=True)
            # As `backward` leaves them: fused optimizers go by addresses alone.
            gradients = [None if g is None else g.contiguous() for g in found]
        news = [scope.get_current_value(variable) for variable in variables[count:]]
        changed = [
            (variable, new)
            for variable, new, old in zip(
                variables[count:], news, values[count:], strict=True
            )
            if new is not None and new is not old
        ]
        seen["metrics"], seen["changed"] = kept, [v for v, _ in changed]
        tensors = [v for _, vs in kept for v in vs if not isinstance(v, int)]
        return (
            gradients,
            [new.detach() for _, new in changed],
            [tensor.detach() for tensor in tensors],
        )

    def values():
        return [variable.value for variable in variables]

    try:
        with _generators() as draws, _splitting_at_numbers(), _without_copies():
            graph = make_fx(step, tracing_mode="fake")(values(), data)
    except Exception as error:  # such as of a branch that depends on numbers
        said = (str(error).strip() or "no message").splitlines()[0][:160]
        return _goes_on_with_keras(f"{type(error).__name__}: {said}")
    _simplify(graph)
    forward = graph.forward

    def replay(data):
        for seed, generator in draws:
            as_keras: Any = keras_random.torch_seed_generator(seed)
            generator.set_state(as_keras.get_state())
        with torch.no_grad():
            gradients, news, tensors = forward(values(), data)
            for variable, new in zip(seen["changed"], news, strict=True):
                variable.value.copy_(new)
            tensors = iter(tensors)
            for metric, given in seen["metrics"]:
                given = [v if isinstance(v, int) else next(tensors) for v in given]
                model.update_metric(metric, *given)
        return gradients

    return replay


def _goes_on_with_keras(why):
    warnings.warn(
        "A step of this model cannot be recorded, so that `fit` runs Keras' own steps: "
        f"the same numbers, more slowly ({why}).",
        stacklevel=4,
    )


@contextlib.contextmanager
def _generators():
    """Has Keras draw by generators that are kept: yields a list of (seed, each)."""
    made, keras_own = [], keras_random.torch_seed_generator

    def kept_generator(seed):
        made.append((seed, torch.Generator(keras.ops.zeros(()).device)))
        return made[-1][1]

    keras_random.torch_seed_generator = kept_generator
    try:
        yield made
    finally:
        keras_random.torch_seed_generator = keras_own


@contextlib.contextmanager
def _splitting_at_numbers():
    """Has Keras split at numbers, not at those of a tensor, of which none are known."""
    keras_own = keras_numpy.split

    def split(x, indices_or_sections, axis=0):
        return torch.tensor_split(x, indices_or_sections, dim=axis)

    keras_numpy.split = split
    try:
        yield
    finally:
        keras_numpy.split = keras_own


@contextlib.contextmanager
def _without_copies():
    """Has Keras not copy what a convolution takes to channels first, and back again.

    PyTorch convolves and pools what is laid out channels last, without a copy.
    """
    keras_own = keras_nn._transpose_spatial_inputs

    def transpose(inputs):
        return inputs.movedim(-1, 1)

    keras_nn._transpose_spatial_inputs = transpose
    try:
        yield
    finally:
        keras_nn._transpose_spatial_inputs = keras_own


def _simplify(graph):
    """Takes out what does nothing where there are no gradients."""
    for node in list(graph.graph.nodes):
        if node.target in _NOTHING:
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)
    graph.graph.eliminate_dead_code()
    graph.recompile()


def _shapes(data):
    parts = [part for part in keras.tree.flatten(data) if part is not None]
    return [(tuple(part.shape), part.dtype) for part in parts]
