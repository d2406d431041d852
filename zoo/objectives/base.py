"""What an objective is: a function of the terms of the ELBO."""

from zoo.serialization import to_json
from zoo.validation import check_batch


class Objective:
    """Base of all objectives: small, without weights, serializable.

    A subclass has `__call__`, and constructor arguments that it keeps as attributes of
    the same names. `num_draws` is how many posterior draws an example it wants;
    `min_batch_size`, how many images a batch must have: 2 where an objective compares
    them with each other; `needs_kl_per_unit`, whether it asks for the KL of each
    latent; `needs_one_group`, whether it makes sense for one group of latents only;
    `holds_kl`, whether it holds the posterior of each image to the prior: else nothing
    trains the ELBO, and figures of likelihood are given with a remark.

    Attributes:
        seed_generator: the model's `keras.random.SeedGenerator`, for noise; None until
            a model has the objective.
    """

    num_draws = 1
    min_batch_size = 1
    needs_kl_per_unit = False
    needs_one_group = False
    holds_kl = True
    seed_generator = None

    def __call__(self, terms, step):
        """The loss of each example in nats, (N,).

        Args:
            terms: `ELBOTerms` of the batch.
            step: float32 scalar, training steps done so far.
        """
        raise NotImplementedError

    def check_batch(self, count):
        """Refuses a batch of fewer than `min_batch_size` images.

        Args:
            count: how many there are; None if that is not known yet.

        Raises:
            ValueError: if the batch is known to be that small.
        """
        check_batch(count, self.min_batch_size, type(self).__name__)

    def check_model(self, model):
        """Refuses a model without the terms that this objective is made of.

        Raises:
            ValueError: if it needs one group of latents and the model has several, or
                the KL of each latent, which the model's prior does not have.
        """
        who = type(self).__name__
        if self.needs_one_group and len(model.latents) != 1:
            names = ", ".join(spec.name for spec in model.latents)
            raise ValueError(
                f"{who} is an objective for one group of latents; "
                f"{type(model).__name__} has {len(model.latents)}: {names}."
            )
        if self.needs_kl_per_unit and model.has_kl_per_unit is False:
            raise ValueError(
                no_kl_per_unit(who, type(getattr(model, "prior", None)).__name__)
            )

    def kl_per_unit(self, group):
        """The KL of each latent of a group in nats, (N, *shape).

        Raises:
            ValueError: if it has none.
        """
        if group.kl_per_unit is None:
            prior = type(group.prior).__name__
            raise ValueError(no_kl_per_unit(type(self).__name__, prior))
        return group.kl_per_unit

    def get_config(self):
        return {
            name: to_json(value)
            for name, value in vars(self).items()
            if name != "seed_generator"
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def no_kl_per_unit(objective, prior):
    """Why an objective refuses a prior, in a sentence."""
    return (
        f"{objective} as it is set counts the KL of each latent dimension, as ELBO "
        "with `free_bits` does: it needs a prior of independent dimensions, such as "
        f"'standard_normal'; got {prior}."
    )
