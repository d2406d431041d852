"""From standard normal noise to latents: the priors that exported files can name."""

import numpy as np

from export.errors import RuntimeModelError
from export.runtime.flow import Flow
from export.runtime.golden import decode_array, encode_array


def standard_normal(noise, labels=None):
    """p(z) = N(0, I): the noise itself."""
    return noise


class LabelNormal:
    """p(z|y) = N(mean(y), diag(exp(log_var(y)))), both linear in the label.

    The table of a class is a row of each array; attributes weight the rows.

    Args:
        mean, log_var: float32 arrays (num_classes or num_attributes, latent_dim).
        log_var_limit: `log_var(y)` is clipped to plus and minus this.

    Example:

    >>> prior = LabelNormal(np.eye(2), np.zeros((2, 2)), log_var_limit=20.0)
    >>> prior(np.zeros((2, 2), np.float32), labels=np.array([1, 0])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """

    def __init__(self, mean, log_var, log_var_limit):
        self.mean, self.log_var = mean, log_var
        self.log_var_limit = log_var_limit

    def __call__(self, noise, labels):
        """Latents (N, latent_dim) from noise whose scale is the temperature."""
        log_var = self._of(labels, self.log_var)
        log_var = np.clip(log_var, -self.log_var_limit, self.log_var_limit)
        latents = self._of(labels, self.mean) + np.exp(0.5 * log_var) * noise
        return latents.astype(np.float32)

    @staticmethod
    def _of(labels, table):
        if labels.ndim == 1:
            return table[labels]
        # In double precision, in which a row is the same in whatever batch it comes.
        return (labels.astype(np.float64) @ table.astype(np.float64)).astype(np.float32)

    def to_json(self):
        """The metadata entry `prior_parameters`."""
        return {
            "mean": encode_array(self.mean),
            "log_var": encode_array(self.log_var),
            "log_var_limit": self.log_var_limit,
        }

    @classmethod
    def from_json(cls, stored, shape):
        """The prior that `to_json` stored.

        Raises:
            ValueError, KeyError or TypeError: if it is not of this shape.
        """
        tables = [decode_array(stored[name]) for name in ("mean", "log_var")]
        if any(table.shape != shape for table in tables):
            raise ValueError(f"its arrays are not of shape {shape}")
        return cls(*tables, log_var_limit=float(stored["log_var_limit"]))


def read_prior(session):
    """The function from (noise, labels) to latents of a decoder's file.

    Returns:
        None for a prior that only the model itself can draw from.

    Raises:
        RuntimeModelError: if the file names a prior and lacks its numbers.
    """
    metadata = session.metadata
    name, latent_dim = metadata.get("latent_prior"), metadata["latent_dim"]
    if name == "standard_normal":
        return standard_normal
    if name not in ("label_normal", "flow"):
        return None
    try:
        if name == "flow":
            return Flow.from_json(session.prior_parameters, latent_dim)
        rows = metadata["num_classes"] or metadata["num_attributes"]
        return LabelNormal.from_json(session.prior_parameters, (rows, latent_dim))
    except (ValueError, KeyError, TypeError) as error:
        raise RuntimeModelError(
            f"{session.path} cannot be used: the `prior_parameters` in its metadata "
            f"are damaged ({error})."
        ) from error
