"""The terms of the ELBO of a discrete bottleneck."""

from dataclasses import dataclass
from typing import Any

from zoo.objectives import ELBOTerms


@dataclass
class CodeTerms(ELBOTerms):
    """`ELBOTerms` of a discrete bottleneck: `z` are codes, int32 (K, N, h, w).

    The KL is exact for a uniform prior and for codes that are certain, over the K draws
    otherwise.

    Attributes:
        quantizer_loss: what the quantizer adds to each example's loss, (N,).
        counts: how often the batch chose each code, (depth, codebook_size).
    """

    quantizer_loss: Any
    counts: Any
