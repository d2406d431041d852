"""What training minimizes: the objective, and what an adversary of images adds."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

from functools import partial
from typing import Any

from keras import ops

from zoo import schedules
from zoo.networks.adversary import Adversary
from zoo.precision import at_most_float32
from zoo.serialization import get_component
from zoo.training.auxiliary import held


class Losses:
    """Mixed into `Autoencoder`: the losses of its examples and of auxiliary parts."""

    def take_adversary(self, adversary):
        """Sets the attribute `adversary`, and what `fit` trains and logs with it.

        Raises:
            ValueError, TypeError: if it is none, or the model's images or objective do
                not go with it.
        """
        if adversary is not None:
            patches = partial(Adversary, seed=self.seed, dtype=self.dtype_policy)
            adversary = get_component(
                adversary, {"patches": patches}, "adversary", "judge"
            )
            if self.dynamic_binarization:
                raise ValueError(
                    "An `adversary` would know binarized images by their pixels, all 0 "
                    "or 1, from every expected one: leave out `dynamic_binarization`."
                )
            if self.objective.num_draws > 1 and adversary.pixel_weight != 1:
                raise ValueError(
                    "`pixel_weight` of an adversary weighs the reconstruction term of "
                    f"an ELBO; {type(self.objective).__name__} has none: leave it at 1."
                )
            self.auxiliary = (*self.auxiliary, "adversary")
            self.extra_metrics = (*self.extra_metrics, *Adversary.metric_names)
        self.adversary = adversary

    @property
    def trains_elbo(self) -> bool:
        """Whether it is the ELBO, or something like it, that training makes better."""
        return self.objective.holds_kl and self.adversary is None

    @property
    def min_batch_size(self):
        """How many images a batch must have for `example_losses` to mean anything."""
        return self.objective.min_batch_size

    # Hooks: what a variant overrides.

    def example_losses(self, terms, step):
        """The loss of each example in nats, (N,): see `zoo.objectives`.

        Objectives, extra terms and the adversary's; a variant adds to them, calling its
        auxiliary parts by `zoo.training.auxiliary.held`.
        """
        self.objective.seed_generator = self.seed_generator
        losses = self.objective(terms, step) + sum(terms.extra.values())
        if self.adversary is None:
            return losses
        x, decoded = self._expected_images(terms)
        judged = held(self.adversary, ops.concatenate([x, decoded]))
        adversarial, distance = self.adversary.judge(*judged)
        self.log("adversarial_loss", ops.mean(adversarial, axis=1))
        self.log("feature_loss", distance)
        gamma, of_features, of_pixels = (
            schedules.value_at(weight, step)
            for weight in (
                self.adversary.gamma,
                self.adversary.feature_weight,
                self.adversary.pixel_weight,
            )
        )
        return (
            losses
            + gamma * ops.sum(adversarial, axis=1)
            + of_features * distance
            + (of_pixels - 1) * terms.reconstruction
        )

    def auxiliary_losses(self, terms, step) -> dict[str, Any]:
        """What trains `auxiliary` parts, {name: (N,)}: `terms` pass no gradients on."""
        if self.adversary is None:
            return {}
        log_odds, _ = self.adversary(ops.concatenate(self._expected_images(terms)))
        return {"discriminator_loss": self.adversary.cross_entropy(log_odds)}

    def _expected_images(self, terms):
        """A batch's images, and E[x|z] at the first draws, (N, H, W, C) each."""
        if terms.parameters is None:
            raise ValueError(
                f"{type(self).__name__}.elbo_terms must give `images` and `parameters` "
                "to its ELBOTerms, which an adversary judges."
            )
        decoded = self.likelihood.mean(terms.parameters[0])
        return terms.images, at_most_float32(decoded)
