"""What a record of a prior must tell."""


class PriorRecord:
    """All that is known here of one prior. A subclass describes it.

    Attributes:
        name: what files call it, as `latent_prior`.
        extreme_temperatures: what a sampler is checked at beside 1, for each batch of
            `export.check.probes`.
        tolerance: how far a sampler's latents may be from the model's, relative where
            they exceed 1; whatever `quantize` is, which leaves priors alone.
        latents: what such an error is called in sentences.
    """

    name = None
    extreme_temperatures = (10, 10, 10)
    tolerance = 1e-4
    latents = "in its latents"

    def is_of(self, prior):
        """Whether a Keras layer is this prior, and drawn from as NumPy does here."""
        raise NotImplementedError

    def is_drawn_by(self, model):
        """Whether a model's `draw_latents` draws as `in_numpy`'s file of its own does.

        Asked only of a record whose `in_numpy` is None.
        """
        return False

    def in_numpy(self, prior):
        """The NumPy form of a Keras layer that `is_of` this prior.

        Returns:
            a function of noise, whose scale is the temperature, and labels or None to
            latents, with `to_json`; None where a file of its own draws.
        """
        return None

    def from_json(self, stored, metadata):
        """The NumPy form that its `to_json` stored, for a file's metadata.

        Raises:
            ValueError, KeyError or TypeError: if it is not of the file's sizes.
        """
        raise NotImplementedError
