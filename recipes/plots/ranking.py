"""Which latents matter."""

from dataclasses import dataclass

import numpy as np

from recipes.plots.paths import quantiles

# Images that are decoded to rank the latents of a decoder, about.
DECODED = 8192


@dataclass(frozen=True, eq=False)
class Ranking:
    """How much each latent matters.

    Attributes:
        values: float64 (latent_dim,), the larger the more.
        images: what the values are the KL over, in nats; None if they are how much
            the decoded image varies.
    """

    values: np.ndarray
    images: str | None

    @property
    def words(self):
        """What latents are ordered by."""
        if self.images is None:
            return "how much the decoded image varies with them"
        return f"their KL over {self.images}"

    @property
    def order(self):
        """Latents, the one that matters most first: int (latent_dim,)."""
        return np.argsort(-self.values, kind="stable")

    def label(self, latent):
        """What a plot calls a latent, such as "z 3, 1.72 nats"."""
        number = f", {self.values[latent]:.2f} nats" if self.images else ""
        return f"z {latent}{number}"


def rank(subject):
    """The `Ranking` of a subject's latents.

    By the KL of each, if it is stored or there are images to encode; otherwise by how
    much the decoder's image varies with each.
    """
    stored = subject.stored_kl()
    if stored is not None:
        return Ranking(stored, f"all test {subject.noun}")
    if subject.sees_images:
        return Ranking(subject.kl_per_latent(), subject.images.words)
    return Ranking(variance_per_latent(subject), None)


def variance_per_latent(subject, label=None):
    """Variance of a pixel when one latent moves, averaged over pixels and draws.

    Args:
        subject: with latent vectors.
        label: class to decode; None is the first, for models that take one.

    Returns:
        float64 array (latent_dim,): of each latent the variance between its 16 % and
        its 84 % quantile, the others at draws from the prior.
    """
    dims = subject.latent_dim
    if label is None and subject.is_conditional:
        label = 0
    draws = int(np.clip(DECODED // (2 * dims), 1, 16))
    bases = subject.draw_latents(draws, label, seed=0)
    ends = quantiles(subject, [0.16, 0.84], label)
    variances = np.zeros(dims)
    # So many latents at a time that memory stays small.
    chunk = max(1, 1024 // (2 * draws))
    for start in range(0, dims, chunk):
        latents = np.arange(start, min(start + chunk, dims))
        z = np.tile(bases, (len(latents), 2, 1, 1))
        for row, latent in enumerate(latents):
            z[row, :, :, latent] = ends[:, latent, None]
        images = subject.decode(z.reshape(-1, dims), label)
        images = images.reshape(len(latents), 2, draws, -1)
        variances[latents] = np.var(images, axis=1, dtype=np.float64).mean(axis=(1, 2))
    return variances
