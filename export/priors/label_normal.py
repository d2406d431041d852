"""A Gaussian for each label, learned."""

import numpy as np

from export.arrays import decode_array, encode_array
from export.priors.record import PriorRecord


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


class _Record(PriorRecord):
    name = "label_normal"
    tolerance = 1e-6

    def is_of(self, prior):
        from zoo import priors

        return type(prior) is priors.LabelNormal

    def in_numpy(self, prior):
        from keras import ops

        from zoo.distributions import normal

        tables = [
            ops.convert_to_numpy(kernel)
            for kernel in (prior.mean_kernel, prior.log_var_kernel)
        ]
        return LabelNormal(*tables, log_var_limit=normal.LOG_VAR_LIMIT)

    def from_json(self, stored, metadata):
        rows = metadata["num_classes"] or metadata["num_attributes"]
        shape = (rows, metadata["latent_dim"])
        tables = [decode_array(stored[name]) for name in ("mean", "log_var")]
        if any(table.shape != shape for table in tables):
            raise ValueError(f"its arrays are not of shape {shape}")
        return LabelNormal(*tables, log_var_limit=float(stored["log_var_limit"]))


RECORD = _Record()
