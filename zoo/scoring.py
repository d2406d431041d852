"""How well a model fits images: reconstructions, ELBO and likelihood of each."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo import validation
from zoo.evaluation import likelihood as likelihood_evaluation
from zoo.generation import Images

# Of images that are not in memory, so many are looked at for a remark.
REMARKED = 256

Nats = npt.NDArray[np.float64]


class Scoring:
    """Mixed into `Autoencoder`: figures of single images, reproducible by a seed."""

    _remarked = False

    def terms_at(self, x, z, labels=None) -> Any:
        """`elbo_terms` at latents that are given, such as those of another image.

        A hook: what a kind of model overrides to have `zoo.applications.impute`.

        Args:
            x: images (N, H, W, C).
            z: {group's name: draws (K, N, *shape)}.
            labels: as `check_labels` returned them.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no `terms_at`.")

    def remark_on(self, x):
        """Warns, once in the life of a model, of images that mislead its likelihood.

        Args:
            x: images (N, H, W, C) in [0, 1]; of rows, the first are looked at.
        """
        if self._remarked or self.dynamic_binarization:
            return
        x = x[:REMARKED] if validation.is_rows(x) else x
        if sentence := self.likelihood.remark(x):
            self._remarked = True
            warnings.warn(sentence, stacklevel=3)

    @property
    def remark_on_likelihood(self) -> str | None:
        """Why ELBO and likelihoods of the model mean little, in a sentence, or None."""
        if self.trains_elbo:
            return self.remark_on_prior
        trained_by = "leaves the KL of each image alone"
        if self.adversary is not None:
            trained_by = "follows an adversary besides"
        return (
            f"No likelihood of this {type(self).__name__} is to be reported: its "
            f"training {trained_by}, so that its ELBO and NLL are bounds, but loose "
            "ones."
        )

    def _remark(self, x):
        """Warns of whatever makes likelihoods of images `x` mean little."""
        self.remark_on(x)
        if remark := self.remark_on_likelihood:
            warnings.warn(remark, stacklevel=3)

    def reconstruct(self, x: Any, labels: Any = None) -> Images:
        """E[x|z] at the posterior mean of each image.

        Args:
            x: images (N, H, W, C), float32 in [0, 1].
            labels: (N,), for models that take them.

        Returns:
            float32 array (N, H, W, C) in [0, 1].

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = self.event.check(x, rows=True)
        labels = self.check_labels_of_images(labels, len(x), prior=False)
        return self.inference.batched("reconstruct", self.call, x, labels)

    def elbo(
        self, x: Any, labels: Any = None, seed: int | None = None
    ) -> dict[str, Images]:
        """Each image's evidence lower bound, with one posterior draw an image.

        Args:
            x: images (N, H, W, C), float32 in [0, 1], scored as they are given:
                binarize grey ones first where the model was trained on binary ones.
            labels: (N,), for models that take them; all figures are then given y.
            seed: integer that fixes the noise, the same on every backend.

        Returns:
            dict of float32 arrays (N,), in nats: "elbo", "log_likelihood", "kl", and of
            models with several groups of latents "kl_<group>".

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = self.event.check(x, rows=True)
        labels = self.check_labels_of_images(labels, len(x))
        self._remark(x)
        return likelihood_evaluation.elbo(self, x, labels, seed)

    def log_marginal_likelihood(
        self,
        x: Any,
        labels: Any = None,
        num_importance_samples: int = 100,
        batch_size: int = 64,
        seed: int | None = None,
    ) -> Nats:
        """Each image's log p(x), estimated by importance sampling from the posterior.

        log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), a lower bound in expectation that
        tightens with K (Burda et al. 2016, equation 8). Memory does not grow with K.

        Args:
            x: images (N, H, W, C), float32 in [0, 1], as for `elbo`.
            labels: as for `elbo`.
            num_importance_samples: K.
            batch_size: images worked on at a time; does not change the result.
            seed: integer that fixes the noise, the same on every backend.

        Returns:
            float64 array (N,), in nats.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        return np.concatenate(
            list(
                self.iter_log_marginal_likelihood(
                    x, labels, num_importance_samples, batch_size, seed
                )
            )
        )

    def iter_log_marginal_likelihood(
        self,
        x: Any,
        labels: Any = None,
        num_importance_samples: int = 100,
        batch_size: int = 64,
        seed: int | None = None,
        skip: int = 0,
        with_ess: bool = False,
    ) -> Iterator[Nats]:
        """Yields `log_marginal_likelihood` batch by batch: for a bar, or a restart.

        Args:
            x, labels, num_importance_samples, batch_size, seed: as there.
            skip: images at the beginning that are left out, having been scored before.
            with_ess: yield arrays (N, 2), the effective sample size beside each value:
                (sum_k w_k)^2 / sum_k w_k^2 of the weights w_k whose mean is p(x), from
                1, where one draw is all of it, to K, where all weigh the same.
        """
        x = self.event.check(x, rows=True)
        labels = self.check_labels_of_images(labels, len(x))
        self._remark(x)
        k = validation.check_whole_number(
            num_importance_samples, "num_importance_samples", 1
        )
        batch_size = validation.check_whole_number(batch_size, "batch_size", 1)
        skip = validation.check_whole_number(skip, "skip", 0, None)
        return likelihood_evaluation.iter_log_marginal_likelihood(
            self, x, labels, k, batch_size, seed, skip, with_ess
        )
