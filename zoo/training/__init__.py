"""Training: one batch loss for every backend, and a thin `train_step` for each.

`Trainer` is the shell of the backend that Keras runs on.
"""

import keras

from zoo.training.skipping import SkippingOptimizer

if keras.backend.backend() == "tensorflow":
    from zoo.training.tensorflow import TensorFlowTrainer as Trainer
elif keras.backend.backend() == "jax":
    from zoo.training.jax import JAXTrainer as Trainer
elif keras.backend.backend() == "torch":
    from zoo.training.torch import TorchTrainer as Trainer
else:
    raise ImportError(
        "zoo trains on the Keras backends tensorflow, jax and torch; KERAS_BACKEND is "
        f"{keras.backend.backend()!r}."
    )

__all__ = ["SkippingOptimizer", "Trainer"]
