"""What a model of codes has beside its networks: a prior that is learned after them."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import hashlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import precision, validation
from zoo.generation import Images
from zoo.labels import check_labels, wanted_labels
from zoo.latents import NoiseSpec
from zoo.priors import CodePrior, UniformCodes


class LearnedCodes:
    """Mixed into an `Autoencoder` of codes: a `zoo.CodePrior`, trained by `fit_prior`.

    The prior alone may see labels, where it has `num_classes`: whatever counts or draws
    from it needs labels then; `fit` and the networks do without.
    """

    # Labels.

    @property
    def num_classes(self):
        """Number of classes of a label-conditional prior; None without labels."""
        return getattr(self.prior, "num_classes", None)

    @property
    def class_names(self):
        """Names of these classes; None if they have none."""
        return getattr(self.prior, "class_names", None)

    @property
    def label_dim(self):
        """`num_classes`, 0 without labels."""
        return self.num_classes or 0

    def check_presence_of_labels(self, labels):
        """Refuses labels if the prior takes none: training steps do without them.

        Raises:
            ValueError: if there are labels and the prior takes none.
        """
        if self.num_classes is None:
            super().check_presence_of_labels(labels)

    def check_labels(self, labels, count=None):
        """Labels as int32 (N,), or None for a prior without labels.

        Raises:
            ValueError, TypeError: for labels that are missing or not wanted, of another
                number, kind or range.
        """
        if self.num_classes is None:
            return super().check_labels(labels, count)
        if labels is None:
            raise ValueError(
                f"The prior of this {type(self).__name__} is of codes given a label: "
                f"it needs labels, {wanted_labels(self.num_classes)}; got none."
            )
        return check_labels(
            labels, count, self.num_classes, class_names=self.class_names
        )

    def check_network_labels(self, labels, count=None):
        """Labels that make no difference, so that they may be missing."""
        return None if labels is None else self.check_labels(labels, count)

    # The prior.

    @property
    def can_sample(self) -> bool:
        """Whether there is a learned prior that `sample` can draw from."""
        return isinstance(self.prior, CodePrior) and self.prior.is_trained

    def check_can_sample(self):
        """Refuses to sample from codes that nothing is known of.

        Raises:
            ValueError: if `can_sample` is False.
        """
        if not self.can_sample:
            raise ValueError(
                f"This {type(self).__name__} cannot sample: it has no learned prior "
                "over its codes yet, and uniform ones do not look like images: "
                "construct it with prior='autoregressive' and train that with "
                "fit_prior."
            )

    def codes_digest(self) -> str:
        """SHA-256 of all weights that codes depend on, in hexadecimal."""
        digest = hashlib.sha256()
        for weight in (*self.encoder.weights, *self.quantizer.weights):
            array = ops.convert_to_numpy(weight)
            # Those of a preset are the same in float64.
            double = array.dtype == np.float64
            digest.update((array.astype("float32") if double else array).tobytes())
        return digest.hexdigest()

    def check_frozen(self):
        """Also notes, before the first step, which codes a trained prior knows."""
        super().check_frozen()
        if self.can_sample and self.prior.fitted_to is None:
            self.prior.fitted_to = self.codes_digest()

    @property
    def remark_on_prior(self) -> str | None:
        """That encoder or quantizer were trained after the prior, or None."""
        if (
            not self.can_sample
            or self.prior.fitted_to is None
            or self.prior.fitted_to == self.codes_digest()
        ):
            return None
        return (
            f"The prior of this {type(self).__name__} was fitted to the codes of other "
            "weights: its samples look like nothing, and its KL is too large. Train it "
            "again with fit_prior."
        )

    def make_prior(self, labels=None, training=False):
        """p(codes) or p(codes|labels); uniform in training and where labels lack."""
        lacks = labels is None and self.num_classes is not None
        if training or lacks or not isinstance(self.prior, CodePrior):
            return self.uniform_prior
        return self.prior.given(labels)

    @property
    def noise(self) -> NoiseSpec:
        return NoiseSpec(uniforms=self.latents[0].size)

    def draw_latents(
        self, noise=None, uniforms=None, temperature=1.0, labels=None, *, top_k=None
    ):
        """See `Generation.draw_latents`: codes int32 (N, *code_shape).

        Args:
            noise: None, as codes are made of uniform numbers.
            uniforms, temperature, labels: as there.
            top_k: draw from this many most probable codes alone; None from all.
        """
        temperature = ops.cast(temperature, "float32")
        if not len(temperature.shape):
            temperature = ops.broadcast_to(temperature, (ops.shape(uniforms)[0],))
        return self.prior.from_uniforms(uniforms, temperature, top_k, labels)

    def fit_prior(
        self, x, labels=None, validation_data=None, optimizer="adam", **options
    ):
        """Trains the prior on the codes of images; nothing else of the model changes.

        Args:
            x: images (N, H, W, C), float32 in [0, 1].
            labels: (N,), for a prior with `num_classes`.
            validation_data: further images, or (images, labels), to validate on.
            optimizer: a Keras optimizer or its name.
            options: of `keras.Model.fit`, such as `epochs` and `batch_size`, and
                `jit_compile`.

        Returns:
            `keras.callbacks.History` with `loss` and `val_loss` in nats a code.

        Raises:
            ValueError, TypeError: if images or labels are not what the model takes, or
                its prior is uniform.
        """
        if not isinstance(self.prior, CodePrior):
            raise ValueError(
                f"The prior of this {type(self).__name__} is uniform and learns "
                "nothing: construct it with prior='autoregressive'."
            )
        precision.check_can_train(self.dtype_policy)

        def coded(images, labels, argument):
            images = validation.check_images(
                images, self.image_shape, argument, rows=True
            )
            labels = self.check_labels(labels, len(images))
            codes = self.inference.batched(
                "codes", lambda batch: self.quantize_images(batch).codes, images
            )
            return codes, labels

        codes, labels = coded(x, labels, "x")
        if validation_data is not None:
            given = validation_data
            images, beside = given if isinstance(given, tuple) else (given, None)
            validation_data = coded(images, beside, "validation_data")
        history = self.prior.fit(
            codes, labels, optimizer, validation_data=validation_data, **options
        )
        self.prior.fitted_to = self.codes_digest()
        return history

    def iter_log_marginal_likelihood(
        self, x, labels=None, num_importance_samples=100, *args, **options
    ):
        """Yields `log_marginal_likelihood` batch by batch: see `Autoencoder`'s.

        Where codes are certain, all draws are the same, and one is made: the result is
        the ELBO.
        """
        if not self.quantizer.stochastic:
            validation.check_whole_number(
                num_importance_samples, "num_importance_samples", 1
            )
            num_importance_samples = 1
        return super().iter_log_marginal_likelihood(
            x, labels, num_importance_samples, *args, **options
        )

    def sample(
        self,
        num_samples: int,
        labels: Any = None,
        temperature: float = 1.0,
        seed: int | None = None,
        *,
        top_k: int | None = None,
    ) -> Images:
        """Draws codes from the learned prior, one after another, and decodes them.

        Args:
            num_samples, labels, temperature, seed: as in `Generation.sample`; a
                temperature of 0 takes the most probable code each time.
            top_k: draw from this many most probable codes alone; None from all.

        Returns:
            float32 array (num_samples, H, W, C) in [0, 1].

        Raises:
            ValueError: for arguments out of range, and while no prior is trained.
        """
        images = self.iter_sample(num_samples, labels, temperature, seed, top_k=top_k)
        return np.concatenate(list(images))

    def iter_sample(
        self,
        num_samples: int,
        labels: Any = None,
        temperature: float = 1.0,
        seed: int | None = None,
        first: int = 0,
        *,
        top_k: int | None = None,
    ) -> Iterator[Images]:
        """The images of `sample`, batch by batch: see `Generation.iter_sample`."""
        if top_k is not None:
            top_k = validation.check_whole_number(top_k, "top_k", 1)
        return self._iter_generate(
            num_samples, labels, temperature, seed, first, top_k=top_k
        )


def get_code_prior(identifier, codebook_size, code_shape, seed=None, dtype=None):
    """A prior over codes from its name, its serialized form, or itself.

    Args:
        identifier: "uniform", "autoregressive" for a `CodePrior` with default options,
            or a prior.
        codebook_size, code_shape: what it must have.
        seed, dtype: for one that is made from its name.

    Raises:
        ValueError: if it is none of these, or a prior of another size.
    """
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if isinstance(identifier, str) and identifier == "uniform":
        return UniformCodes(codebook_size, code_shape)
    if isinstance(identifier, str) and identifier == "autoregressive":
        return CodePrior(codebook_size, code_shape, seed=seed, dtype=dtype)
    if not isinstance(identifier, (UniformCodes, CodePrior)):
        raise ValueError(
            "`prior` must be 'uniform', 'autoregressive' or a zoo.CodePrior; got "
            f"{identifier!r}."
        )
    for argument, wanted in (
        ("codebook_size", codebook_size),
        ("code_shape", code_shape),
    ):
        given = getattr(identifier, argument)
        if given != wanted:
            raise ValueError(
                f"The prior's `{argument}` is {given}, but the model's is {wanted}."
            )
    return identifier
