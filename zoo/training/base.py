"""What the three backends share: the loss of a batch, its metrics, `compile`, `fit`."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import contextlib
import warnings
from typing import Any

import keras
import numpy as np

from zoo import corruptions
from zoo.presets.findable import unsavable
from zoo.training import inputs
from zoo.training.auxiliary import with_auxiliary
from zoo.training.batch import BatchLoss
from zoo.training.errors import PlainErrors
from zoo.training.ordering import with_seeded_order, without_rest
from zoo.training.placeholders import placeholder_labels
from zoo.training.prediction import Prediction
from zoo.training.rows import as_batches, validation_batches
from zoo.training.saving import Saving
from zoo.training.shares import Shares
from zoo.training.steps import StepsPerExecution
from zoo.training.summary import Summary
from zoo.validation import is_rows


class ELBOTrainer(
    BatchLoss, PlainErrors, Prediction, Saving, Shares, StepsPerExecution, Summary
):
    """Mixed into `keras.Model` by `zoo.autoencoder`, below a backend's `train_step`."""

    def compile(
        self,
        optimizer: Any = "adam",
        *,
        jit_compile: bool | str = "auto",
        steps_per_execution: int | str = "auto",
        run_eagerly: bool = False,
        auto_scale_loss: bool = True,
        auxiliary_optimizer: Any = None,
        corruption: Any = None,
        **unsupported: Any,
    ) -> None:
        """Chooses how to train. There is no loss to give: the model owns its ELBO.

        Args:
            optimizer: a Keras optimizer or its name.
            jit_compile: compile the step with XLA (TensorFlow, JAX) or
                `torch.compile`; "auto" lets Keras choose.
            steps_per_execution: batches in one compiled call; "auto" has `fit` choose,
                and take 1 where a callback watches each. Must be 1 on PyTorch.
            run_eagerly: run step by step in Python, for debugging.
            auto_scale_loss: wrap the optimizer for mixed_float16.
            auxiliary_optimizer: of a model's `auxiliary` parts, alike: see
                `zoo.training.auxiliary`.
            corruption: "masking", "salt_and_pepper", "gaussian" or another of
                `zoo.corruptions`: what training does to the images that the encoder
                sees, not to those that are scored, so that `reconstruct` denoises.

        Raises:
            ValueError: for a loss or metrics, which the model brings itself.
        """
        if unsupported:
            raise ValueError(
                f"{type(self).__name__}.compile takes no {', '.join(unsupported)}: the "
                "model computes its own ELBO and logs its terms; choose `objective` "
                "when constructing the model instead."
            )
        self.corruption = corruptions.get(corruption)
        self.compile_options = {
            "jit_compile": jit_compile,
            "steps_per_execution": steps_per_execution,
            "run_eagerly": run_eagerly,
            "auto_scale_loss": auto_scale_loss,
        }
        self._trained_paths = None
        self.build_remaining()
        self.check_weights_learn()
        if why := unsavable(self):
            warnings.warn(f"What is trained cannot be kept: {why}", stacklevel=2)
        chosen = {
            "jit_compile": self.choose_jit_compile(jit_compile),
            "steps_per_execution": self.steps_to_compile(steps_per_execution),
        }
        super().compile(
            optimizer=with_auxiliary(self, optimizer, auxiliary_optimizer),
            **{**self.compile_options, **chosen},
        )

    def check_weights_learn(self):
        """Refuses weights of 16 bits: most steps are smaller than their rounding.

        Raises:
            ValueError: naming the mixed policy, which keeps weights in float32.
        """
        for dtype in ("bfloat16", "float16"):
            if any(v.dtype == dtype for v in self.trainable_variables):
                raise ValueError(
                    f"Weights in {dtype} learn next to nothing, as most steps are lost "
                    f"to rounding: construct or load the model with "
                    f"dtype='mixed_{dtype}', which computes in {dtype} and keeps its "
                    "weights in float32."
                )

    def choose_jit_compile(self, jit_compile):
        """What to give Keras as `jit_compile`, where a backend knows better."""
        return jit_compile

    @property
    def least_batch(self):
        """How many images a batch of a stream must have."""
        return self.min_batch_size

    def has_convolutions(self):
        """Whether any kernel has more than two dimensions."""
        return any(len(v.shape) > 2 for v in self.trainable_variables)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Trains on images, as `keras.Model.fit`, and logs the terms of the ELBO.

        Args:
            x: images (N, H, W, C), float32 in [0, 1]; or rows of images that are read
                batch by batch (see `zoo.training.rows`); or a tf.data.Dataset,
                PyDataset, Python generator or torch DataLoader of batches. Those with
                weights are (images, None, weights); Keras on TensorFlow takes no
                None there: give labels of shape (N, 0).
            y: labels, for models that take them.
            validation_data: images, (images, labels), (images, labels, weights) or a
                stream.
            sample_weight: (N,), weight of each example in the loss.
            batch_size, epochs, verbose, callbacks, validation_split, kwargs: as in
                `keras.Model.fit`.
            class_weight: refused, as an ELBO has no classes.

        Returns:
            `keras.callbacks.History` with `loss`, `elbo`, `reconstruction`, `kl` (nats)
            and what the kind of model adds, such as `active_units`; for likelihoods of
            a grid of levels also `bits_per_dim`, -elbo / (H W C ln 2).

        Raises:
            ValueError, TypeError: if the data are not what the model takes. Each batch
                of a stream is checked as it comes; the model stays as the last step
                left it.
        """
        if class_weight is not None:
            inputs.refuse_class_weight()
        self.build_remaining()
        self.check_frozen()
        refusals = []
        size = kwargs.get("validation_batch_size") or batch_size
        validation_data = validation_batches(self, validation_data, size)
        if is_rows(x):
            if validation_split:  # which wants an array
                inputs.split_validation(x, y, sample_weight, validation_split)
            inputs.check_last_batch(self, x, batch_size)
            shuffle = kwargs.get("shuffle", True)
            x = as_batches(self, x, y, sample_weight, batch_size, shuffle)
            y = sample_weight = batch_size = None
            # Keras' own would be of batches.
            kwargs |= {"shuffle": False, "validation_batch_size": size}
        x, y = self._check_training_data(x, y, refusals=refusals)
        if validation_data is None and validation_split:
            (x, y, sample_weight), validation_data = inputs.split_validation(
                x, y, sample_weight, validation_split
            )
        inputs.check_last_batch(self, x, batch_size)
        if validation_data is not None:
            validation_data = self._check_validation_data(validation_data, refusals)
            given = validation_data
            images = given[0] if isinstance(given, tuple) else given
            size = kwargs.get("validation_batch_size") or batch_size
            inputs.check_last_batch(self, images, size, "validation_data")
            if inputs.is_array(images):
                size = without_rest(len(images), size, self.least_batch)
                kwargs["validation_batch_size"] = size
        with self.plain_errors(refusals), self.training_session(x, callbacks) as x:
            options = {
                "x": x,
                "y": placeholder_labels(y, sample_weight),
                "sample_weight": sample_weight,
                "batch_size": batch_size,
                **kwargs,
            }
            self.set_steps(x, batch_size, callbacks, kwargs)
            options, validation_data = self.shared_options(options, validation_data)
            options = with_seeded_order(options, self.least_batch)
            # MLflow adds to the list of callbacks that it finds here.
            options["callbacks"] = self.with_own_callbacks(callbacks)
            options["validation_data"] = validation_data
            return super().fit(epochs=epochs, verbose=verbose, **options)

    @contextlib.contextmanager
    def training_session(self, x, callbacks):
        """Around one `fit`: yields what Keras is to iterate over in place of `x`."""
        yield x

    def draw_order(self, count):
        """A random order of `count` images, as `fit` draws one of an array."""
        return np.random.permutation(count)

    def _check_training_data(self, x, labels=None, argument="x", refusals=None):
        check, least = self.check_labels_to_fit, self.least_batch
        return inputs.check_data(self, x, labels, argument, check, refusals, least)

    def _check_validation_data(self, validation_data, refusals):
        if isinstance(validation_data, (tuple, list)) and len(validation_data) <= 3:
            x, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(
                tuple(validation_data)
            )
            x, labels = self._check_training_data(x, labels, "validation_data")
            return x, placeholder_labels(labels, sample_weight), sample_weight
        return self._check_training_data(
            validation_data, argument="validation_data", refusals=refusals
        )[0]

    def evaluate(
        self, x: Any = None, y: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Any:
        """The metrics of `fit` on other images, as `keras.Model.evaluate`.

        Each example's ELBO is estimated with one draw: see `elbo` and
        `log_marginal_likelihood` for reproducible per-example figures.

        Raises:
            ValueError, TypeError: if the data are not what the model takes.
        """
        if "_use_cached_eval_dataset" in kwargs:  # `fit` has checked them
            return super().evaluate(x, y, sample_weight=sample_weight, **kwargs)
        if remark := self.remark_on_likelihood:
            warnings.warn(remark, stacklevel=2)
        refusals = []
        if is_rows(x):
            size = kwargs.pop("batch_size", None)
            x, y = as_batches(self, x, y, sample_weight, size, False), None
            sample_weight = None
        x, y = inputs.check_data(self, x, y, errors=refusals, least=self.least_batch)
        inputs.check_last_batch(self, x, kwargs.get("batch_size"))
        if inputs.is_array(x):
            size = kwargs.get("batch_size")
            kwargs["batch_size"] = without_rest(len(x), size, self.least_batch)
        y = placeholder_labels(y, sample_weight)
        kwargs = self.shared_evaluation(x, y, sample_weight, kwargs)
        with self.plain_errors(refusals):
            return super().evaluate(**kwargs)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ):
        """One training step, as `keras.Model.train_on_batch`.

        Raises:
            ValueError, TypeError: if the data are not what the model takes.
        """
        if class_weight is not None:
            inputs.refuse_class_weight()
        self.build_remaining()
        self.check_frozen()
        x, y = self._check_training_data(x, y)
        y = placeholder_labels(y, sample_weight)
        with self.plain_errors():
            return super().train_on_batch(
                x, y, sample_weight=sample_weight, return_dict=return_dict
            )

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict=False
    ):
        """The metrics of one batch, as `keras.Model.test_on_batch`.

        Raises:
            ValueError, TypeError: if the data are not what the model takes.
        """
        x, y = inputs.check_data(self, x, y)
        y = placeholder_labels(y, sample_weight)
        with self.plain_errors():
            return super().test_on_batch(
                x, y, sample_weight=sample_weight, return_dict=return_dict
            )
