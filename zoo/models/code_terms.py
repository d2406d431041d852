"""The terms of the ELBO of a discrete bottleneck."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from keras import ops

from zoo.objectives import ELBOTerms
from zoo.priors import UniformCodes


@dataclass
class CodeTerms(ELBOTerms):
    """`ELBOTerms` of a discrete bottleneck: `z` are codes, int32 (K, N, h, w).

    Attributes:
        quantizer_loss: what the quantizer adds to each example's loss, (N,).
        counts: how often the batch chose each code, (depth, codebook_size).
    """

    quantizer_loss: Any
    counts: Any

    @cached_property
    def kl(self):
        """E_q[log q(codes|x) - log p(codes)] in nats, (N,).

        Exact for a uniform prior and for codes that are certain, over the K draws
        otherwise.
        """
        if isinstance(self.prior, UniformCodes):
            return self.posterior.kl()
        log_prior = ops.mean(self.prior.log_prob(self.z), axis=0)
        return -self.posterior.entropy() - log_prior
