"""What all tests of recipes share."""

import keras
import pytest


@pytest.fixture(autouse=True, scope="session")
def no_xla_on_tensorflow():
    """XLA takes TensorFlow seconds a model, many times what tiny ones are trained."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    from keras.src.trainers import trainer

    from zoo.training.tensorflow import TensorFlowTrainer

    with pytest.MonkeyPatch.context() as patch:
        # Of the models of the zoo, and of priors over codes.
        patch.setattr(
            TensorFlowTrainer, "choose_jit_compile", lambda self, given: False
        )
        patch.setattr(trainer, "model_supports_jit", lambda model: False)
        yield
