"""A preset as a subject: Keras starts when its model is first asked."""

import functools

import numpy as np

from recipes.common import backend as backends
from recipes.common.histories import read_histories
from recipes.plots.subjects.subject import Subject
from zoo import threefry

# Of the names of a preset's config: those that exported files give priors.
PRIORS = {"StandardNormal": "standard_normal", "LabelNormal": "label_normal"}


def prior_name(prior):
    """The name of a prior in a preset's config: as it stands there, or its class's."""
    if not isinstance(prior, dict):
        return prior
    if prior.get("config", {}).get("label_dim") and prior["class_name"] == "Flow":
        return "label_flow"
    return PRIORS.get(prior.get("class_name"), "learned")


class PresetSubject(Subject):
    """A preset, shipped or in a folder.

    Args:
        preset: `recipes.common.presets.Preset`.
        histories: as `Subject.histories`; None reads those in the preset's folder.
        backend: of Keras, or None for that of the environment.
        data, data_dir, seed, strict, invert: as for `Subject`.
    """

    def __init__(self, preset, histories=None, backend=None, **options):
        prior = prior_name(preset.config.get("prior"))
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
        # Codes alone may have a prior that has learned nothing yet.
        if not any(spec.is_codes for spec in self.latents) or self.model.can_sample:
            return None
        return (
            f"{self.name!r} has no learned prior over its codes to draw samples from: "
            "train one with fit_prior."
        )

    def _batched(self, name, function, rows, labels):
        if labels is not None:
            labels = self.model.check_labels(labels, len(rows[0]))
        return self.model.inference.batched(f"plot {name}", function, *rows, labels)

    def decode(self, z, labels=None):
        z = np.asarray(z, "int32" if self.has_codes else "float32")
        return self._batched("decode", self.model.expected_images, (z,), labels)

    def draw_latents(self, count, labels=None, seed=0):
        model = self.model
        drawn = {}
        if model.noise.normals:
            drawn["noise"] = threefry.normals(seed, count, model.noise.normals)
        if model.noise.uniforms:
            drawn["uniforms"] = threefry.uniforms(seed, count, model.noise.uniforms)

        def latents(*arrays):
            given = dict(zip((*drawn, "labels"), arrays, strict=False))
            return model.draw_latents(**given)

        return self._batched("latents", latents, [*drawn.values()], labels)

    def has_latent_row(self):
        return self.model.latent_row is not None

    def sample(self, count, labels=None, temperature=1.0, seed=0):
        return self.model.sample(count, labels, temperature=temperature, seed=seed)

    def encode(self, images, labels=None):
        statistics = self._batched(
            "encode", self.model.posterior_statistics, (images,), labels
        )
        if self.has_codes:
            return statistics["codes"]
        return statistics["mean"], statistics["log_var"]

    def reconstruct(self, images, labels=None):
        return self.model.reconstruct(images, labels)

    # Whatever the prior is: a model can tell the noise that a latent is made of.
    transfers_styles = True

    def transfer_style(self, images, labels, content):
        model = self.model
        from zoo.applications import transfer_style

        return transfer_style(model, images, labels, content)

    def kl_per_latent(self):
        model, labels = self.model, self.network_labels()
        from zoo.evaluation.latents import kl_per_latent

        return kl_per_latent(model, self.images.images, labels)
