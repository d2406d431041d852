"""How far latents reach, and where plots start from."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

# Latents are moved from this quantile of their prior to that one.
LOWEST, HIGHEST = 0.01, 0.99
# Draws from the prior that quantiles are taken of, where they have no closed form.
PRIOR_DRAWS = 2000


def quantiles(subject, probabilities, label=None):
    """Where latents reach: quantiles of each under the prior.

    Args:
        subject: with latent vectors.
        probabilities: (P,), in (0, 1).
        label: class, where the prior is learned for each.

    Returns:
        float32 array (P, latent_dim): of the normal distribution, or of draws from a
        prior that is learned.
    """
    if subject.prior == "standard_normal":
        values = np.float32([NormalDist().inv_cdf(p) for p in probabilities])
        return np.repeat(values[:, None], subject.latent_dim, axis=1)
    draws = subject.draw_latents(PRIOR_DRAWS, label, seed=0)
    return np.quantile(draws, probabilities, axis=0).astype(np.float32)


def steps_between(subject, count, label=None):
    """Evenly spaced values of each latent from its 1 % to its 99 % quantile.

    Returns:
        float32 array (count, latent_dim).
    """
    return np.linspace(*quantiles(subject, [LOWEST, HIGHEST], label), count)


def equal_probabilities(count):
    """The centres of so many intervals of equal probability, (count,) in (0, 1)."""
    return (np.arange(count) + 0.5) / count


@dataclass(frozen=True, eq=False)
class Start:
    """What a plot starts from: test images where there are some, else the prior.

    Attributes:
        subject: with latent vectors.
        seed: which ones.
        label: the class that all have and are decoded with; None without labels.
    """

    subject: object
    seed: int
    label: int | None

    @classmethod
    def choose(cls, subject, seed, label=None):
        """The start for a seed; of no label, that of the first image, or class 0."""
        if label is None and subject.is_conditional:
            label = 0
            if subject.sees_images:
                label = int(subject.images.labels[subject.pick(1, seed)[0]])
        return cls(subject, seed, label)

    def words(self, count):
        """What its latents are, one or several."""
        of = ""
        if self.label is not None:
            of = f" of label {self.subject.label_name(self.label)!r}"
        one = count == 1
        if not self.subject.sees_images:
            what = f"a latent{of}" if one else f"latents{of}"
            return f"{what} drawn from the prior with seed {self.seed}"
        mean = "the posterior mean of one of the" if one else "posterior means of"
        return f"{mean} {self.subject.images.short}{of}, drawn with seed {self.seed}"

    def images(self, count):
        """The test images (N, H, W, C) that are encoded, or None."""
        if not self.subject.sees_images:
            return None
        return self.subject.images.images[self._chosen(count)]

    def latents(self, count):
        """Latents (N, latent_dim); N is `count`, or fewer where images are fewer."""
        if not self.subject.sees_images:
            return self.subject.draw_latents(count, self.label, self.seed)
        labels = self.subject.network_labels(self._chosen(count))
        return self.subject.encode(self.images(count), labels)[0]

    def _chosen(self, count):
        return self.subject.pick(count, self.seed, self.label)
