"""What the three backends share: the loss of a batch, its metrics, `compile`, `fit`."""

import contextlib
import math

import keras
from keras import ops

from zoo.training import inputs
from zoo.training.auxiliary import detached, with_auxiliary
from zoo.training.metrics import ActiveUnits


class ELBOTrainer:
    """Mixed into `keras.Model` by `zoo.autoencoder`, below a backend's `train_step`."""

    def create_trackers(self):
        """The metrics of `fit` and `evaluate`."""
        names = ["elbo", "reconstruction", "kl"]
        if len(self.latents) > 1:
            names += [f"kl_{spec.name}" for spec in self.latents]
        if self.likelihood.discretized:
            names.append("bits_per_dim")
        for name in (*names, *self.extra_metrics):
            setattr(self, f"{name}_tracker", keras.metrics.Mean(name=name))
        continuous = sum(spec.size for spec in self.latents if not spec.is_codes)
        if continuous:
            self.active_units_tracker = ActiveUnits(continuous)

    def log(self, name, values, sample_weight=None):
        """Adds values (N,) to the metric `name`, of which `fit` logs the mean.

        Args:
            name: "elbo", ... or one of the model's `extra_metrics`.
            values: tensor (N,).
            sample_weight: (N,), or None.
        """
        getattr(self, f"{name}_tracker").update_state(values, sample_weight)

    def update_trackers(self, terms, sample_weight=None):
        """Adds a batch's `ELBOTerms` to the metrics."""
        self.log("elbo", terms.elbo, sample_weight)
        self.log("reconstruction", terms.reconstruction, sample_weight)
        self.log("kl", terms.kl, sample_weight)
        if len(terms.groups) > 1:
            for group in terms.groups:
                self.log(f"kl_{group.spec.name}", group.kl, sample_weight)
        if self.likelihood.discretized:
            nats_per_bit = math.prod(self.image_shape) * math.log(2)
            self.log("bits_per_dim", -terms.elbo / nats_per_bit, sample_weight)
        means = [_mean_over_draws(g) for g in terms.groups if not g.spec.is_codes]
        if means:
            rows = means[0] if len(means) == 1 else ops.concatenate(means, axis=-1)
            self.active_units_tracker.update_state(rows)

    def compile(
        self,
        optimizer="adam",
        *,
        jit_compile="auto",
        steps_per_execution=1,
        run_eagerly=False,
        auto_scale_loss=True,
        auxiliary_optimizer=None,
        **unsupported,
    ):
        """Chooses how to train. There is no loss to give: the model owns its ELBO.

        Args:
            optimizer: a Keras optimizer or its name.
            jit_compile: compile the step with XLA (TensorFlow, JAX) or
                `torch.compile`; "auto" lets Keras choose.
            steps_per_execution: batches in one compiled call. On TensorFlow and on
                JAX, where they run in one `lax.scan`, a number such as 64 makes small
                models train much faster. Must be 1 on PyTorch.
            run_eagerly: run step by step in Python, for debugging.
            auto_scale_loss: wrap the optimizer for mixed_float16.
            auxiliary_optimizer: of a model's `auxiliary` parts, alike: see
                `zoo.training.auxiliary`.

        Raises:
            ValueError: for a loss or metrics, which the model brings itself.
        """
        if unsupported:
            raise ValueError(
                f"{type(self).__name__}.compile takes no {', '.join(unsupported)}: the "
                "model computes its own ELBO and logs its terms; choose `objective` "
                "when constructing the model instead."
            )
        super().compile(
            optimizer=with_auxiliary(self, optimizer, auxiliary_optimizer),
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            run_eagerly=run_eagerly,
            auto_scale_loss=auto_scale_loss,
        )

    def has_convolutions(self):
        """Whether any kernel has more than two dimensions."""
        return any(len(v.shape) > 2 for v in self.trainable_variables)

    def batch_loss(self, data, training):
        """The loss of one batch, before any scaling; updates the metrics.

        Args:
            data: images, (images,), (images, labels) or (images, labels, weights).
            training: whether this is a training step.

        Returns:
            float32 scalar: mean over examples of weight * loss, in nats, plus what
            layers added with `add_loss`.
        """
        if isinstance(data, list):  # torch's default collation makes lists
            data = tuple(data)
        x, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        labels = inputs.without_placeholder(labels)
        self.check_presence_of_labels(labels)
        x = self.prepare_images(ops.convert_to_tensor(x))
        terms = self.elbo_terms(
            x, labels, num_draws=self.objective.num_draws, training=training
        )
        step = ops.cast(self.steps_trained, "float32")
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight, "float32")
            sample_weight = ops.reshape(sample_weight, (-1,))
        losses = self.example_losses(terms, step)
        if self.auxiliary:
            of_parts = self.auxiliary_losses(detached(terms), step)
            for name, values in of_parts.items():
                # Minimized with the losses, but without a share in their value.
                losses = losses + (values - ops.stop_gradient(values))
                if name in self.extra_metrics:
                    self.log(name, values, sample_weight)
        if sample_weight is not None:
            losses = losses * sample_weight
        loss = ops.mean(losses)
        for extra in self.losses:
            loss = loss + ops.sum(ops.cast(extra, "float32"))
        if training:
            self.count_step(loss)

        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=ops.shape(x)[0])
        self.update_trackers(terms, sample_weight)
        return loss

    def count_step(self, loss):
        """Counts the training step that computed `loss`."""
        self.steps_trained.assign_add(1)

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        sample_weight=None,
        **kwargs,
    ):
        """Trains on images, as `keras.Model.fit`, and logs the terms of the ELBO.

        Args:
            x: images (N, H, W, C), float32 in [0, 1]; or a tf.data.Dataset, PyDataset,
                Python generator or torch DataLoader of such batches. Batches with
                weights are (images, None, weights); Keras on TensorFlow takes no
                None there: give labels of shape (N, 0).
            y: labels, for models that take them.
            validation_data: images, (images, labels), (images, labels, weights) or a
                stream.
            sample_weight: (N,), weight of each example in the loss.
            batch_size, epochs, verbose, callbacks, validation_split, kwargs: as in
                `keras.Model.fit`.

        Returns:
            `keras.callbacks.History` with `loss`, `elbo`, `reconstruction`, `kl` (nats)
            and what the kind of model adds, such as `active_units`; for likelihoods of
            a grid of levels also `bits_per_dim`, -elbo / (H W C ln 2).

        Raises:
            ValueError, TypeError: if the data are not what the model takes.
        """
        x, y = self._check_training_data(x, y)
        if validation_data is None and validation_split:
            (x, y, sample_weight), validation_data = inputs.split_validation(
                x, y, sample_weight, validation_split
            )
        inputs.check_last_batch(self, x, batch_size)
        self.build_remaining()
        if validation_data is not None:
            validation_data = self._check_validation_data(validation_data)
            inputs.check_last_batch(
                self,
                validation_data[0]
                if isinstance(validation_data, tuple)
                else validation_data,
                kwargs.get("validation_batch_size") or batch_size,
                "validation_data",
            )
        with self.training_session(x) as x:
            return super().fit(
                x,
                inputs.placeholder_labels(y, sample_weight),
                batch_size=batch_size,
                epochs=epochs,
                verbose=verbose,
                # MLflow adds to the list of callbacks that it finds here.
                callbacks=[] if callbacks is None else callbacks,
                validation_data=validation_data,
                sample_weight=sample_weight,
                **kwargs,
            )

    @contextlib.contextmanager
    def training_session(self, x):
        """Around one `fit`: yields what Keras is to iterate over in place of `x`."""
        yield x

    def _check_training_data(self, x, labels=None, argument="x"):
        return inputs.check_data(self, x, labels, argument, self.check_network_labels)

    def _check_validation_data(self, validation_data):
        if isinstance(validation_data, (tuple, list)) and len(validation_data) <= 3:
            x, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(
                tuple(validation_data)
            )
            x, labels = self._check_training_data(x, labels, "validation_data")
            return x, inputs.placeholder_labels(labels, sample_weight), sample_weight
        return self._check_training_data(validation_data, argument="validation_data")[0]

    def evaluate(self, x=None, y=None, sample_weight=None, **kwargs):
        """The metrics of `fit` on other images, as `keras.Model.evaluate`.

        Each example's ELBO is estimated with one draw: see `elbo` and
        `log_marginal_likelihood` for reproducible per-example figures.

        Raises:
            ValueError, TypeError: if the data are not what the model takes.
        """
        if "_use_cached_eval_dataset" not in kwargs:  # else `fit` has checked them
            x, y = inputs.check_data(self, x, y)
            inputs.check_last_batch(self, x, kwargs.get("batch_size"))
            y = inputs.placeholder_labels(y, sample_weight)
        return super().evaluate(x, y, sample_weight=sample_weight, **kwargs)


def _mean_over_draws(group):
    """The posterior mean of a group's latents, (N, number of them)."""
    mean = group.posterior.mean
    if len(mean.shape) > 1 + len(group.spec.shape):
        mean = ops.mean(mean, axis=0)
    return ops.reshape(mean, (-1, group.spec.size))
