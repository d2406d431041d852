"""Images of models with a ladder of latents."""

import numpy as np

from zoo.applications.bits_back.exact import array, tensor
from zoo.applications.bits_back.grids import FIRST_PART, Grid, resolutions
from zoo.applications.bits_back.pixels import Pixels


class LadderCoder:
    """Codes blocks of images by z_l ~ q(z_l|x, z_<l), group after group.

    Townsend et al., "HiLLoC: Lossless Image Compression with Hierarchical Latent
    Variable Models", 2020, section 3. Latents are told as standard normal numbers, so
    that all of them can be popped before the first network runs.

    Args:
        exact: an `Exact` model.
        resolution: of the channels of all groups, one after another.
    """

    def __init__(self, exact, resolution):
        self.exact, self.model = exact, exact.model
        specs = self.model.latents
        ends = np.cumsum([spec.shape[-1] for spec in specs])
        parts = np.split(np.asarray(resolution), ends[:-1])
        self.grids = [Grid(part) for part in parts]
        self.shapes = [spec.shape for spec in specs]

    @classmethod
    def resolution_for(cls, exact, levels, labels):
        """What `resolution` should be, of the latents of some images."""
        found = []

        def draw(number, statistics):
            found.append(resolutions(*map(array, statistics)))
            return statistics[0]

        _way_down(exact, draw, levels, labels)
        return np.concatenate(found)

    def push(self, stack, notes, levels, labels):
        """Codes a block of levels (B, H, W, C)."""
        drawn = []

        def draw(number, statistics):
            grid = self.grids[number]
            q = self._posterior(number, statistics, notes)
            drawn.append(grid.pop(stack, *q))
            return tensor(drawn[-1] * grid.bin)

        state = _way_down(self.exact, draw, levels, labels)
        self._pixels(state, stack, notes).push(levels)
        for grid, z in reversed(list(zip(self.grids, drawn, strict=True))):
            grid.push_prior(stack, z)

    def pop(self, stack, notes, shape, labels):
        """Decodes a block of a shape (B, H, W, C)."""
        drawn = [
            grid.pop_prior(stack, (shape[0], *each))
            for grid, each in zip(self.grids, self.shapes, strict=True)
        ]
        z = [tensor(n * g.bin) for n, g in zip(drawn, self.grids, strict=True)]
        vectors = self.model.label_vectors(labels)
        state = self.model.decoder.state(lambda n, _: z[n], shape[0], vectors)
        levels = self._pixels(state, stack, notes).pop(shape)
        posteriors = []

        def draw(number, statistics):
            posteriors.append(self._posterior(number, statistics, notes))
            return z[number]

        _way_down(self.exact, draw, levels, labels)
        for number in reversed(range(len(drawn))):
            self.grids[number].push(stack, drawn[number], *posteriors[number])
        return levels

    def _posterior(self, number, statistics, notes):
        part = FIRST_PART + 2 * number
        return self.grids[number].posterior(*map(array, statistics), notes, part)

    def _pixels(self, state, stack, notes):
        parameters = self.model.decode_parameters({"state": state})
        return Pixels(self.exact, parameters, stack, notes)


def _way_down(exact, draw, levels, labels):
    """The state at the end of the way down, of images that are known."""
    model = exact.model
    features = model.encoder(exact.images(levels))
    vectors = model.label_vectors(labels)
    return model.decoder.state(draw, len(levels), vectors, features)
