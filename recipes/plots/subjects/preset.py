"""A preset as a subject: Keras starts when its model is first asked."""

import functools

import numpy as np

from recipes.common import backend as backends
from recipes.common.histories import read_histories
from recipes.plots.subjects.subject import Subject

# Of the names of a preset's config: those that exported files give priors.
PRIORS = {
    "StandardNormal": "standard_normal",
    "LabelNormal": "label_normal",
    "Flow": "flow",
    "CodePrior": "autoregressive_codes",
    "UniformCodes": "uniform_codes",
}


class PresetSubject(Subject):
    """A preset, shipped or in a folder.

    Args:
        preset: `recipes.common.presets.Preset`.
        histories: as `Subject.histories`; None reads those in the preset's folder.
        backend: of Keras, or None for that of the environment.
        data, data_dir, seed: as for `Subject`.
    """

    def __init__(self, preset, histories=None, backend=None, **options):
        prior = preset.config.get("prior")
        if isinstance(prior, dict):
            prior = PRIORS.get(prior.get("class_name"))
        facts = {**preset.config, **preset.info, "prior": prior}
        super().__init__(preset.name, facts, preset, **options)
        self.backend = backend
        self._histories = histories

    @functools.cached_property
    def model(self):
        """The model of the zoo."""
        backends.start_keras(self.backend)
        import zoo

        return zoo.from_preset(self.preset.folder)

    def histories(self):
        if self._histories is None:
            self._histories = read_histories(self.preset.folder)
        return self._histories

    def why_no_samples(self):
        if self.prior == "autoregressive_codes" and self.model.has_learned_prior:
            return None
        if not self.has_codes:
            return None
        return (
            f"{self.name!r} has no learned prior over its codes to draw samples from: "
            "train one with fit_prior."
        )

    def _batched(self, name, function, rows, labels):
        if labels is not None:
            labels = self.model.check_labels(labels, len(rows))
        return self.model.inference.batched(f"plot {name}", function, rows, labels)

    def decode(self, z, labels=None):
        z = np.asarray(z, "int32" if self.has_codes else "float32")
        return self._batched("decode", self.model.expected_images, z, labels)

    def draw_latents(self, count, labels=None, seed=0):
        model = self.model

        def latents(noise, labels=None):
            return model.make_prior(labels).from_noise(noise)

        noise = model.prior.draw(seed, count, self.latent_dim)
        return self._batched("latents", latents, noise, labels)

    def sample(self, count, labels=None, temperature=1.0, seed=0):
        return self.model.sample(count, labels, temperature=temperature, seed=seed)

    def encode(self, images, labels=None):
        from keras import ops

        model = self.model
        if self.has_codes:
            return self._batched(
                "codes", lambda x: model.quantize_images(x).codes, images, None
            )

        def parameters(x, labels=None):
            posterior = model.make_posterior(model.encode_parameters(x, labels))
            return ops.stack([posterior.mean, posterior.log_var], axis=1)

        together = self._batched("encode", parameters, images, labels)
        return together[:, 0], together[:, 1]

    def kl_per_latent(self):
        model, labels = self.model, self.network_labels()
        from zoo.evaluation.latents import kl_per_latent

        return kl_per_latent(model, self.images.images, labels)
