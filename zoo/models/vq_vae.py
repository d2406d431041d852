"""VQVAE: images as grids of discrete codes."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import likelihoods, precision, quantizers, validation
from zoo.autoencoder import Autoencoder
from zoo.distributions import Codes
from zoo.latents import LatentSpec
from zoo.models.learned_codes import LearnedCodes, get_code_prior
from zoo.networks.grid import grid_networks, grid_shape
from zoo.networks.seeding import InitializerSeeds
from zoo.objectives import ELBOTerms, LatentGroup
from zoo.priors import UniformCodes
from zoo.serialization import to_json
from zoo.training.metrics import CodebookUsage, Perplexity


@keras.saving.register_keras_serializable(package="zoo")
class VQVAE(LearnedCodes, Autoencoder):
    """A VAE whose latents are a grid of codes from a codebook.

    van den Oord et al., "Neural Discrete Representation Learning", 2017. `fit`
    minimizes -E log p(x|codes) + beta KL + what the quantizer adds, such as the
    commitment loss of equation 3; all are summed over positions, in nats.

    While `fit` trains, the prior over codes is uniform, so that the KL of codes that
    are certain is h w ln(codebook_size) nats and `elbo` is log p(x|codes) less that: a
    lower bound of log p(x), though a loose one. A model with `prior="autoregressive"`
    then learns log p(codes) by `fit_prior`, which makes `sample` possible and the
    bounds of `elbo`, `evaluate` and `log_marginal_likelihood` tighter.

    Labels concern the prior alone: with `prior=zoo.CodePrior(..., num_classes=10)` it
    is p(codes|label), and these methods need labels beside the images, `sample` those
    of the images it draws. `fit` takes labels too but does without: it trains networks
    that see none, and counts uniform codes wherever labels are missing.

    `fit` also logs `perplexity`, the exponential of the entropy of the codes chosen in
    an epoch, and `codebook_usage`, the share of the codebook that was chosen at all;
    means over the levels of a residual quantizer.

    Args:
        image_shape: (H, W, C), H and W at least 8. Any size: what does not halve evenly
            is rounded up and cropped.
        codebook_size: number of codes, K.
        code_dim: number of features that a code stands for.
        quantizer: "ema", "gradient", "fsq", "residual", "gumbel", or a
            `zoo.quantizers.Quantizer`.
        filters: channels of each stage, finest first. Each stage halves the image: two
            make a grid of 7x7 codes of an image of 28x28.
        blocks_per_stage, block, activation: as in `zoo.ConvVAE`.
        prior: "uniform", "autoregressive" for a `zoo.CodePrior` with default options,
            or a `zoo.CodePrior`.
        likelihood, beta, dynamic_binarization, seed, dtype, name, adversary: as in
            `zoo.VAE`; `beta` matters where codes are not certain, as with "gumbel".

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> import numpy as np, zoo
    >>> model = zoo.VQVAE((28, 28, 1), codebook_size=16, code_dim=4, filters=(4, 8))
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((16, 28, 28, 1), dtype="float32")
    >>> sorted(model.fit(x, verbose=0).history)
    ['codebook_usage', 'elbo', 'kl', 'loss', 'perplexity', 'reconstruction']
    >>> codes = model.encode(x).codes
    >>> tuple(codes.shape), tuple(model.decode(codes).shape)
    ((16, 7, 7), (16, 28, 28, 1))
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        codebook_size: int,
        code_dim: int,
        quantizer: Any = "ema",
        filters: tuple[int, ...] = (32, 64),
        likelihood: Any = "bernoulli",
        prior: Any = "uniform",
        beta: Any = 1.0,
        seed: int | None = None,
        *,
        blocks_per_stage: int = 2,
        block: str = "gated",
        activation: str = "silu",
        dynamic_binarization: bool = False,
        dtype: Any = None,
        name: str | None = None,
        parts: dict[str, Any] | None = None,
        adversary: Any = None,
    ):
        image_shape = validation.check_image_shape(image_shape)
        codebook_size = validation.check_whole_number(codebook_size, "codebook_size", 1)
        code_dim = validation.check_whole_number(code_dim, "code_dim", 1)
        likelihood = likelihoods.get(likelihood)
        seeds = InitializerSeeds(seed)
        quantizer = quantizers.get(
            quantizer, codebook_size, code_dim, seeds.next_seed()
        )
        networks = grid_networks(
            image_shape,
            code_dim,
            likelihood,
            filters=filters,
            blocks_per_stage=blocks_per_stage,
            block=block,
            activation=activation,
            seed=seeds.next_seed(),
            dtype=dtype,
        )
        super().__init__(
            encoder=networks.encoder,
            decoder=networks.decoder,
            image_shape=image_shape,
            likelihood=likelihood,
            beta=beta,
            dynamic_binarization=dynamic_binarization,
            seed=seed,
            dtype=dtype,
            name=name,
            parts=parts,
            adversary=adversary,
        )
        self.codebook_size = codebook_size
        self.code_dim = code_dim
        self.grid_shape = grid_shape(image_shape, networks.config["filters"])
        self.code_shape = (*self.grid_shape, *quantizer.depth_axes)
        self.quantizer = quantizer
        self.uniform_prior = UniformCodes(codebook_size, self.code_shape)
        self.prior = get_code_prior(
            prior, codebook_size, self.code_shape, seeds.next_seed(), self.dtype_policy
        )
        self.network_config = networks.config
        self.complete()

    def build_networks(self):
        """Makes the weights of encoder, quantizer and decoder."""
        features = (None, *self.grid_shape, self.code_dim)
        self.encoder.build((None, *self.image_shape))
        if not self.quantizer.built:  # Keras builds what it deserializes
            self.match_precision(self.quantizer)
            self.quantizer.build(features)
        self.decoder.build(features)
        self.uniform_prior.build(None)
        # `fit` never trains it: `fit_prior` does. Once there are weights to freeze.
        self.prior.trainable = False

    # The model, as a function of tensors.

    @property
    def latents(self) -> tuple[LatentSpec, ...]:
        return (LatentSpec("codes", self.code_shape, self.codebook_size),)

    def quantize_images(self, x, training=False):
        """Images to `zoo.quantizers.Quantized` features."""
        step = ops.cast(self.steps_trained, "float32")
        features = self.encoder(x, training=training)
        return self.quantizer(features, training=training, step=step)

    def make_posterior(self, quantized):
        """The posterior q(codes|x) that quantized features describe."""
        return Codes(
            quantized.codes, self.codebook_size, quantized.log_probs, quantized.counts
        )

    def decode_parameters(self, features, labels=None, training=False):
        """Features of codes (N, h, w, D) to the likelihood's parameters."""
        return self.decoder(features, training=training)

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        """See `Autoencoder.elbo_terms`; noise is uniform, (K, N, *code_shape).

        In training the decoder is given the quantizer's features, through which
        gradients pass, instead of those of codes drawn from q(codes|x). They are the
        same where codes are certain.
        """
        quantized = self.quantize_images(x, training)
        if training:
            codes, features = quantized.codes[None], quantized.features[None]
            return self._terms(x, labels, quantized, codes, features, True)
        # codes ~ q(codes|x)
        posterior = self.make_posterior(quantized)
        if noise is None:
            shape = (num_draws, *ops.shape(posterior.codes))
            noise = keras.random.uniform(shape, seed=self.seed_generator)
        codes = posterior.from_noise(noise)
        return self._terms(x, labels, quantized, codes, self._features(codes))

    def terms_at(self, x, z, labels=None):
        """See `Scoring.terms_at`; z is {"codes": int32 (K, N, *code_shape)}."""
        codes, quantized = z["codes"], self.quantize_images(x)
        return self._terms(x, labels, quantized, codes, self._features(codes))

    def _features(self, codes):
        """Features (K, N, h, w, D) of codes (K, N, *code_shape)."""
        flat = self.quantizer.lookup(ops.reshape(codes, (-1, *self.code_shape)))
        return ops.reshape(flat, (ops.shape(codes)[0], -1, *flat.shape[1:]))

    def _terms(self, x, labels, quantized, codes, features, training=False):
        # q(codes|x)
        posterior = self.make_posterior(quantized)
        # log p(x|codes)
        parameters = self.decode_draws(features, training=training)
        log_likelihood = self.likelihood.log_prob(x, parameters)
        prior = self.make_prior(labels, training)
        group = LatentGroup(self.latents[0], posterior, prior, codes)
        extra = {"quantizer": quantized.loss}
        return ELBOTerms(log_likelihood, (group,), extra, x, parameters)

    def call(self, x, labels=None, training=False):
        """E[x|codes] at the most probable codes: (N, H, W, C) in [0, 1]."""
        features = self.quantize_images(x, training).features
        return self.likelihood.mean(self.decode_parameters(features, training=training))

    def expected_images(self, z, labels=None):
        """E[x|codes] in [0, 1], of codes that have been checked."""
        features = self.quantizer.lookup(z)
        return self.likelihood.mean(self.decode_parameters(features))

    def posterior_noise(self, rng, num_draws):
        """Uniform float32 (num_draws, *code_shape), from a NumPy generator."""
        return rng.random((num_draws, *self.code_shape), dtype=np.float32)

    def posterior_statistics(self, x, labels=None):
        """See `Autoencoder.posterior_statistics`: the most probable `codes`."""
        return self.make_posterior(self.quantize_images(x)).statistics()

    def create_trackers(self):
        super().create_trackers()
        size = (self.quantizer.depth, self.codebook_size)
        self.perplexity_tracker = Perplexity(size)
        self.codebook_usage_tracker = CodebookUsage(size)

    def update_trackers(self, terms, sample_weight=None):
        super().update_trackers(terms, sample_weight)
        counts = terms.group.posterior.counts
        self.perplexity_tracker.update_state(counts)
        self.codebook_usage_tracker.update_state(counts)

    # The model, as its users call it.

    def encode(self, x: Any, labels: Any = None) -> Codes:
        """The posterior q(codes|x).

        Args:
            x: images (N, H, W, C), float32 in [0, 1].
            labels: (N,), for a prior that sees them, whose KL `kl` then gives; codes
                are the same without.

        Returns:
            `zoo.distributions.Codes`: `codes` int32 (N, h, w), of a residual quantizer
            (N, h, w, depth); `sample(seed)`; `kl()` in nats, to the model's own prior.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = validation.check_images(x, self.image_shape)
        labels = self.check_network_labels(labels, len(x))

        def codes_of(images):
            quantized = self.quantize_images(images)
            certain = quantized.log_probs is None
            return (
                quantized.codes if certain else (quantized.codes, quantized.log_probs)
            )

        found = self.inference.batched("encode", codes_of, x)
        parts = found if isinstance(found, tuple) else (found, None)
        with precision.scope(self.dtype_policy):
            codes, log_probs = (
                None if part is None else ops.convert_to_tensor(part) for part in parts
            )
            posterior = Codes(codes, self.codebook_size, log_probs)
            posterior.prior = self.make_prior(labels)
        return posterior

    def get_config(self):
        return {
            **self.base_config(),
            "codebook_size": self.codebook_size,
            "code_dim": self.code_dim,
            "quantizer": to_json(self.quantizer),
            "prior": to_json(self.prior),
            "beta": to_json(self.objective.beta),  # pyright: ignore
            **self.network_config,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)
