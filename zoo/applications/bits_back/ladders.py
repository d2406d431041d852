"""Images of models with a ladder of latents."""

import numpy as np
from keras import ops

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

        def draw(number, mean, log_var):
            found.append(resolutions(mean, log_var))
            return mean

        _way_down(exact, draw, levels, labels)
        return np.concatenate(found)

    def push(self, stack, notes, levels, labels):
        """Codes a block of levels (B, H, W, C)."""
        drawn = []

        def draw(number, mean, log_var):
            grid = self.grids[number]
            drawn.append(grid.pop(stack, *self._normal(number, mean, log_var, notes)))
            return drawn[-1] * grid.bin

        parameters = _way_down(self.exact, draw, levels, labels)
        Pixels(self.exact, parameters, stack, notes).push(levels)
        for grid, z in reversed(list(zip(self.grids, drawn, strict=True))):
            grid.push_prior(stack, z)

    def pop(self, stack, notes, shape, labels):
        """Decodes a block of a shape (B, H, W, C)."""
        drawn = [
            grid.pop_prior(stack, (shape[0], *each))
            for grid, each in zip(self.grids, self.shapes, strict=True)
        ]
        z = [n * g.bin for n, g in zip(drawn, self.grids, strict=True)]
        parameters = self.exact.run("decode", self._decode, *z, labels)
        levels = Pixels(self.exact, parameters, stack, notes).pop(shape)
        images = self.exact.images(levels)
        told = self.exact.run("posteriors", self._posteriors, images, *z, labels)
        normals = [
            self._normal(number, mean, log_var, notes)
            for number, (mean, log_var) in enumerate(told)
        ]
        for number in reversed(range(len(drawn))):
            self.grids[number].push(stack, drawn[number], *normals[number])
        return levels

    def _normal(self, number, mean, log_var, notes):
        part = FIRST_PART + 2 * number
        return self.grids[number].posterior(mean, log_var, notes, part)

    def _decode(self, *given):
        """Likelihood parameters of all groups, and labels or none."""
        count = len(self.grids)
        z, labels = given[:count], given[count] if len(given) > count else None
        names = (spec.name for spec in self.model.latents)
        return self.model.decode_parameters(dict(zip(names, z, strict=True)), labels)

    def _posteriors(self, images, *given):
        """[(mean, log-variance)] of all groups, given images, groups and labels."""
        count, found = len(self.grids), []
        z, labels = given[:count], given[count] if len(given) > count else None

        def draw(number, statistics):
            found.append(statistics)
            return z[number]

        features = self.model.encoder(images)
        vectors = self.model.label_vectors(labels)
        self.model.decoder.state(draw, _rows(z[0]), vectors, features)
        return found


def _rows(tensor):
    """How many rows a tensor has, a number or a tensor."""
    return ops.shape(tensor)[0]


def _way_down(exact, draw, levels, labels):
    """Likelihood parameters of images that are known, of latents as they are drawn.

    Args:
        exact: an `Exact` model.
        draw: function of a group's number and its posterior's mean and log-variance, to
            its latents; all arrays.
        levels: (B, H, W, C).
        labels: (B,), or None.
    """
    model, decoder = exact.model, exact.model.decoder

    def begin(images, labels=None):
        vectors = model.label_vectors(labels)
        state = decoder.begin(_rows(images), vectors)
        features = model.encoder(images)
        return features, state, *decoder.groups[0].told(state, features[0])

    features, state, prior, told = exact.run(
        "begin", begin, exact.images(levels), labels
    )
    last = len(decoder.groups) - 1
    for number, group in enumerate(decoder.groups):
        z = draw(number, *told)

        def after(state, mean, log_var, update, z, group=group, number=number):
            state = group.after(state, (mean, log_var, update), z)
            if number == last:
                return decoder(state)
            return decoder.enter(number + 1, state)

        if number == last:
            return exact.run("end", after, state, *prior, z)

        def on(*given, after=after, number=number):
            *before, image = given
            state = after(*before)
            return state, *decoder.groups[number + 1].told(state, image)

        image = features[decoder.level_of[number + 1]]
        state, prior, told = exact.run(f"group {number}", on, state, *prior, z, image)
