"""An exported file or folder as a subject: numpy and onnxruntime, and no Keras."""

import numpy as np

import export
from export.shipped import shipped_preset
from recipes.common.errors import sentence
from recipes.common.presets import read_preset
from recipes.plots.subjects.subject import Subject
from zoo.evaluation.statistics import kl_to_own_normal, kl_to_standard_normal


class ExportedSubject(Subject):
    """What `vae-zoo export` wrote.

    Args:
        path: a decoder.onnx, or a folder with an encoder, too.
        data, data_dir, seed, strict, invert: as for `Subject`. A file knows its images
            where it has a shipped preset's own weights, and names it; otherwise those
            that are given are encoded as they are, without binarizing.
    """

    def __init__(self, path, **options):
        self.sampler = export.Sampler(path)
        metadata = self.sampler.metadata
        facts = {**metadata, "prior": metadata.get("latent_prior")}
        name = shipped_preset(metadata)
        preset = name and read_preset(name)
        super().__init__(name or self.sampler.path.stem, facts, preset, **options)

    @property
    def can_encode(self):
        return self.sampler.can_encode

    def why_no_samples(self):
        try:
            none = None if self.num_classes is None else np.zeros(0, int)
            if self.num_attributes is not None:
                none = np.zeros((0, self.num_attributes), "float32")
            self.sampler.sample(0, none)
        except export.RuntimeModelError as error:
            return sentence(error)
        return None

    def decode(self, z, labels=None):
        return self.sampler.decode(z, labels)

    def draw_latents(self, count, labels=None, seed=0):
        return self.sampler.draw_latents(count, labels, seed=seed)

    def has_latent_row(self):
        return self.sampler.latent_dim is not None

    def sample(self, count, labels=None, temperature=1.0, seed=0):
        return self.sampler.sample(count, labels, temperature=temperature, seed=seed)

    def encode(self, images, labels=None):
        return self.sampler.encode(images, labels)

    def kl_per_latent(self):
        # As `zoo.evaluation.latents.kl_per_latent`, which needs Keras.
        if self.prior == "standard_normal":
            return kl_to_standard_normal(*self.encodings)
        return kl_to_own_normal(*self.encodings)
