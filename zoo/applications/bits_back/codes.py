"""Images of models whose latents are codes."""

import numpy as np
from keras import ops

from zoo.applications.bits_back.exact import array
from zoo.applications.bits_back.grids import FIRST_PART
from zoo.applications.bits_back.levels import (
    levels_logits,
    num_bits,
    pop_levels,
    push_decisions,
)
from zoo.applications.bits_back.pixels import Pixels
from zoo.networks.cache import StaticCache
from zoo.precision import scope
from zoo.priors import CodePrior


class CodesCoder:
    """Codes blocks of images by their most probable codes, which cost no bits back.

    Args:
        exact: an `Exact` model.
        resolution: of no latents.
    """

    def __init__(self, exact, resolution):
        self.exact, self.model = exact, exact.model

    @classmethod
    def resolution_for(cls, exact, levels, labels):
        """Codes have no grid."""
        return np.zeros(0, np.int64)

    def push(self, stack, notes, levels, labels):
        """Codes a block of levels (B, H, W, C)."""

        def codes_of(images):
            return self.model.quantize_images(images).codes

        codes = self.exact.run("codes", codes_of, self.exact.images(levels))
        codes = codes.astype(np.int64)
        self._pixels(codes, stack, notes).push(levels)
        flat = codes.reshape(len(codes), -1)
        made = []
        for place, share_below in enumerate(self._shares(codes, labels)):
            given = self._options(place, share_below, notes)
            made += levels_logits(flat[:, place], **given)
        push_decisions(stack, made)

    def pop(self, stack, notes, shape, labels):
        """Decodes a block of a shape (B, H, W, C)."""
        size = (shape[0], *self.model.code_shape)
        codes = np.zeros((shape[0], int(np.prod(size[1:]))), np.int64)
        step = self._steps(shape[0], labels)
        for place in range(codes.shape[1]):
            share_below = step(place, codes[:, place - 1])
            given = self._options(place, share_below, notes)
            codes[:, place] = pop_levels(stack, shape[:1], **given)
        return self._pixels(codes.reshape(size), stack, notes).pop(shape)

    def _pixels(self, codes, stack, notes):

        def decode(codes):
            return self.model.decode_parameters(self.model.quantizer.lookup(codes))

        parameters = self.exact.run("decode", decode, codes.astype(np.int32))
        return Pixels(self.exact, parameters, stack, notes)

    def _options(self, place, share_below, notes):
        size = self.model.codebook_size
        return {
            "num_levels": size,
            "share_below": share_below,
            "notes": notes,
            "part": FIRST_PART + place * num_bits(size),
        }

    def _shares(self, codes, labels):
        """Of each place of codes that are known, a function of edges."""
        prior, size = self.model.prior, self.model.codebook_size
        if not isinstance(prior, CodePrior):
            return [lambda edges: edges / size] * int(np.prod(codes.shape[1:]))

        def logits_of(codes, labels=None):
            return prior(codes, labels)

        logits = self.exact.run("prior", logits_of, codes.astype(np.int32), labels)
        return [_of_logits(logits[:, place]) for place in range(logits.shape[1])]

    def _steps(self, count, labels):
        """A function of a place and the codes before it, to a function of edges."""
        prior, size = self.model.prior, self.model.codebook_size
        if not isinstance(prior, CodePrior):
            return lambda place, before: lambda edges: edges / size
        with scope("float64"):
            tensors = prior.transformer.empty_cache(count, prior.length)

        def step(place, before):
            nonlocal tensors
            with scope("float64"), self.model.without_gradients():
                cache = StaticCache(tensors, ops.convert_to_tensor(place, "int32"))
                before = ops.convert_to_tensor(before, "int32")
                logits = array(prior.step(before, cache, labels))
            tensors = cache.tensors
            return _of_logits(logits)

        return step


def _of_logits(logits):
    """A function of edges (B, E) to the probabilities of codes below, of (B, K)."""
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    below = np.cumsum(odds, axis=-1) / odds.sum(axis=-1, keepdims=True)
    below = np.concatenate([np.zeros_like(below[:, :1]), below], axis=-1)
    return lambda edges: np.take_along_axis(below, edges, axis=-1)
