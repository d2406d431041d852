"""`Subject`: a model's facts and what a plot asks it, each computed once."""

import dataclasses
import functools

import numpy as np

from recipes.common.errors import USER_ERRORS, sentence
from recipes.common.events import are_texts, noun_of
from recipes.common.latents import latents_of, the_codes, the_vector
from recipes.plots.subjects.image_set import (
    MAX_IMAGES,
    import_readers,
    read_images,
    read_texts,
)

# Of the facts of a subject: what it does not know is None.
FACTS = (
    "image_shape",
    "max_length",
    "vocabulary",
    "num_classes",
    "num_attributes",
    "class_names",
    "prior",
)


class Subject:
    """A trained model, or a run that is to become one.

    A subclass reads its facts when it is made, and all else when it is first asked.

    Args:
        name: what plots call it.
        facts: dict of `FACTS`, and of what `latents_of` reads; what is missing is None.
            `prior` is "standard_normal", "label_normal", "flow" or another name.
        preset: the `recipes.common.presets.Preset` that it is, or was, or None.
        data: what `recipes.data.load_images` takes, or None for the preset's own.
        data_dir: folder of prepared TFDS data sets, or None.
        seed: of what plots draw at random, unless they are told another.
        strict, invert: as `recipes.data.load_images` takes them. The preset's own
            images are inverted if they were when it was trained.
    """

    # A sentence on why there is no model to ask, or None.
    no_model = None
    # How many test images are read at most; None for all that a source has.
    most_images: int | None = MAX_IMAGES

    def __init__(
        self,
        name,
        facts,
        preset=None,
        data=None,
        data_dir=None,
        seed=0,
        strict=False,
        invert=False,
    ):
        self.name = name
        for fact in FACTS:
            setattr(self, fact, facts.get(fact))
        self.image_shape = self.image_shape and tuple(self.image_shape)
        self.latents = latents_of(facts)
        self.of_texts, self.noun = are_texts(facts), noun_of(facts)
        self.preset = preset
        self.data, self.data_dir, self.seed = data, data_dir, seed
        self.strict, self.invert = strict, invert

    @property
    def has_codes(self):
        """Whether latents are codes, all of them."""
        return the_codes(self.latents) is not None

    @property
    def latent_dim(self):
        """How many latents there are in the one vector; None without one."""
        vector = the_vector(self.latents)
        return None if vector is None else vector.size

    @property
    def codebook_size(self):
        """How many codes to choose from; None without codes."""
        return self.latents[0].codebook_size if self.has_codes else None

    @property
    def code_shape(self):
        """Shape of an image's codes; None without codes."""
        return self.latents[0].shape if self.has_codes else None

    @property
    def is_conditional(self):
        """Whether encoder and decoder see a class; of codes the prior alone does."""
        return self.num_classes is not None and not self.has_codes

    # What a subclass has.

    def histories(self):
        """{"model": history, "prior": history} of training; empty if not kept.

        A history is a dict of lists: one figure an epoch, as `fit` logs them.
        """
        return {}

    @property
    def can_encode(self):
        """Whether there is an encoder."""
        return True

    def why_no_samples(self):
        """A sentence on why `sample` cannot be asked, or None."""
        return None

    def decode(self, z, labels=None):
        """E[x|z] of latents or codes: float32 (N, H, W, C); labels (N,) or one."""
        raise NotImplementedError

    def reconstruct(self, images, labels=None):
        """E[x|z] at the posterior mean, or at the most probable codes."""
        encoded = self.encode(images, labels)
        return self.decode(encoded if self.has_codes else encoded[0], labels)

    def draw_latents(self, count, labels=None, seed=0):
        """Latents (count, latent_dim) from the prior; the same noise for a seed."""
        raise NotImplementedError

    def sample(self, count, labels=None, temperature=1.0, seed=0):
        """Images (count, H, W, C) from the prior."""
        raise NotImplementedError

    def encode(self, images, labels=None):
        """Mean and log-variance (N, latent_dim) of q(z|x), or codes int32."""
        raise NotImplementedError

    @property
    def transfers_styles(self):
        """Whether `transfer_style` can be asked: p(z|y) must be p(z) for that."""
        prior = self.prior or ""  # a ladder's has no name
        return not prior.startswith("label_")

    def transfer_style(self, images, labels, content):
        """Each image's latent decoded with labels (L,): (N, L, H, W, C)."""
        z = self.encode(images, labels)[0]
        return np.stack([self.decode(z, int(label)) for label in content], axis=1)

    def kl_per_latent(self):
        """KL of each latent over the test images, (latent_dim,), in nats."""
        raise NotImplementedError

    def has_latent_row(self):
        """Whether all latents are one row of numbers that `decode` takes."""
        return self.latent_dim is not None

    # What is known of the preset.

    def stored_kl(self):
        """KL of each latent in nats, (latent_dim,), that was stored, or None."""
        values = self._stored_metric("kl_per_latent")
        return None if values is None else np.asarray(values, np.float64)

    def stored_kl_of(self, group):
        """KL of a group of latents in nats, that was stored, or None."""
        return self._stored_metric(f"kl_{group}")

    def _stored_metric(self, name):
        if self.preset is None or self.data is not None:
            return None
        return self.preset.entry("metrics").get(name)

    @property
    def _source(self):
        """What `load_images` is asked for, or None."""
        if self.data is not None or self.preset is None:
            return self.data
        return self.preset.entry("dataset").get("name")

    def import_readers(self):
        """Imports what reading its images needs: before a progress bar starts."""
        if self._source is not None:
            import_readers()

    def load_images(self):
        """Reads the test images: see `images`.

        Raises:
            ValueError, OSError, ImportError: if there are none, or none that fit.
        """
        if self._source is None:
            raise ValueError(
                f"{self.name!r} does not say which {self.noun} it was made for: give "
                "some with --data."
            )
        source = self.data
        if source is None:
            from recipes.data.open import named_data_set

            source = named_data_set(self._source, self.data_dir, self.noun)
        if self.of_texts:
            form = self.vocabulary, self.max_length
            found = read_texts(source, *form, self.data_dir, self.most_images)
        else:
            found = self._read_images(source)
        if self.is_conditional and found.labels is None:
            raise ValueError(
                f"{self.name!r} needs labels beside the {self.noun}, and the "
                f"{found.short} have none: give images in one sub-folder a class, or "
                "an .npz with labels; or texts in a table with a column of classes."
            )
        if self.is_conditional and self.class_names and found.class_names:
            from recipes.data.classes import class_numbers

            numbers = class_numbers(found.class_names, self.class_names, found.short)
            return dataclasses.replace(
                found,
                labels=numbers[found.labels],
                class_names=tuple(self.class_names),
            )
        return found

    def _read_images(self, source):
        """Images of a source as the model is to see them: an `ImageSet`."""
        binarized, invert = False, self.invert
        if self.preset is not None:
            own = self.preset.config.get("dynamic_binarization", False)
            dataset = self.preset.entry("dataset")
            binarized = bool(dataset.get("binarized", own))
            invert |= self.data is None and bool(dataset.get("inverted"))
        return read_images(
            source,
            self.image_shape,
            self.data_dir,
            binarized,
            self.most_images,
            strict=self.strict,
            invert=invert,
        )

    # What is computed once.

    @functools.cached_property
    def _images_or_reason(self):
        try:
            return self.load_images(), None
        except USER_ERRORS as error:
            return None, sentence(error)

    @property
    def images(self):
        """Its test images, or some of them: an `ImageSet`.

        Raises:
            ValueError: if there are none; the sentence says why.
        """
        images, reason = self._images_or_reason
        if images is None:
            raise ValueError(reason)
        return images

    @property
    def why_no_images(self):
        """A sentence on why there are no test images, or None. Reads them."""
        return self._images_or_reason[1]

    @property
    def sees_images(self):
        """Whether there are an encoder and images for it."""
        return self.can_encode and self.why_no_images is None

    @functools.cached_property
    def encodings(self):
        """(mean, log_var) of the test images, float32 (N, latent_dim) each."""
        return self.encode(self.images.images, self.network_labels())

    @functools.cached_property
    def codes(self):
        """Codes of the test images, int32 (N, *code_shape)."""
        return self.encode(self.images.images)

    @functools.cached_property
    def ranking(self):
        """`recipes.plots.ranking.Ranking`: which latents matter most."""
        from recipes.plots.ranking import rank

        return rank(self)

    def network_labels(self, indices=slice(None)):
        """Labels of test images for encoder and decoder; None if they take none."""
        return self.images.labels[indices] if self.is_conditional else None

    def pick(self, count, seed, label=None):
        """Indices of `count` test images drawn with a seed, of one class if told."""
        order = np.random.default_rng(seed).permutation(len(self.images.images))
        if label is not None:
            order = order[self.images.labels[order] == label]
            if not len(order):
                raise ValueError(f"None of the {self.images.words} has label {label}.")
        return order[:count]

    def label_name(self, label):
        """What the model calls a class."""
        return str(self.class_names[label] if self.class_names else label)
