"""What a step computes of a batch, on every backend: its loss, and metrics of it."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import math
from typing import Any

import keras
from keras import ops

from zoo.precision import at_most_float32, scope
from zoo.training.auxiliary import detached
from zoo.training.metrics import ActiveUnits
from zoo.training.placeholders import without_placeholder
from zoo.training.skipping import skipping


class BatchLoss:
    """Mixed into `ELBOTrainer`: the loss of a batch, and what `fit` logs of it."""

    corruption: Any = None  # see `compile`

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
        self.update_metric(getattr(self, f"{name}_tracker"), values, sample_weight)

    def update_metric(self, metric, *values):
        """Adds the numbers of a step to a metric, at once or before anyone reads it.

        Args:
            metric: a Keras metric to which the order of steps makes no difference.
            values: what its `update_state` takes: tensors (N, ...) or scalars, or None.
        """
        metric.update_state(*values)

    def update_trackers(self, terms, sample_weight=None):
        """Adds a batch's `ELBOTerms` to the metrics."""
        self.log("elbo", terms.elbo, sample_weight)
        self.log("reconstruction", terms.reconstruction, sample_weight)
        self.log("kl", terms.kl, sample_weight)
        if len(terms.groups) > 1:
            for group in terms.groups:
                self.log(f"kl_{group.spec.name}", group.kl, sample_weight)
        if self.likelihood.discretized:
            nats_per_bit = self.event.size * math.log(2)
            self.log("bits_per_dim", -terms.elbo / nats_per_bit, sample_weight)
        means = [_mean_over_draws(g) for g in terms.groups if not g.spec.is_codes]
        if means:
            rows = means[0] if len(means) == 1 else ops.concatenate(means, axis=-1)
            self.update_metric(self.active_units_tracker, rows)

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
        with scope(self.dtype_policy):
            return self._batch_loss(data, training)

    def _batch_loss(self, data, training):
        x, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        labels = without_placeholder(labels)
        self.check_presence_of_labels(labels)
        x = self.prepare_images(ops.convert_to_tensor(x))
        terms = self._terms_of_step(x, labels, training)
        step = ops.cast(self.steps_trained, "float32")
        if sample_weight is not None:
            sample_weight = ops.convert_to_tensor(sample_weight, "float32")
            sample_weight = ops.reshape(sample_weight, (-1,))
        losses = self.example_losses(terms, step)
        if self.auxiliary:
            of_parts = self.auxiliary_losses(detached(terms), step)
            for name, values in of_parts.items():
                values = at_most_float32(values)
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
                self.update_metric(metric, loss, ops.shape(x)[0])
        self.update_trackers(terms, sample_weight)
        return loss

    def _terms_of_step(self, x, labels, training):
        """The `ELBOTerms` of a batch, of latents inferred from corrupted images."""
        corruption = self.corruption if training else None
        seen = x if corruption is None else corruption(x, self.seed_generator)
        terms = self.elbo_terms(
            seen, labels, num_draws=self.objective.num_draws, training=training
        )
        if corruption is not None:
            if terms.parameters is None:
                raise ValueError(
                    f"{type(self).__name__}.elbo_terms must give `parameters` to its "
                    "ELBOTerms, by which a corrupted image's clean one is scored."
                )
            # log p(x|z) of the clean image
            terms.images = x
            log_prob = self.likelihood.log_prob(x, terms.parameters)
            terms.log_likelihood = at_most_float32(log_prob)
        return terms

    def epoch_length(self, count, labels=None):
        """How many images an epoch of `fit` goes through, of so many in an array."""
        return count

    def training_logs(self):
        """The metrics after a training step, and how many steps were skipped so far."""
        logs = self.get_metrics_result()
        if found := skipping(self.optimizer):
            logs["skipped"] = ops.convert_to_tensor(found.skipped)
        return logs

    def count_step(self, loss):
        """Counts the training step that computed `loss`."""
        self.steps_trained.assign_add(1)


def _mean_over_draws(group):
    """The posterior mean of a group's latents, (N, number of them)."""
    mean = group.posterior.mean
    if len(mean.shape) > 1 + len(group.spec.shape):
        mean = ops.mean(mean, axis=0)
    return ops.reshape(mean, (-1, group.spec.size))
