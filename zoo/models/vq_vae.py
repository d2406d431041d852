"""VQVAE: images as grids of discrete codes."""

import keras
import numpy as np
from keras import ops

from zoo import likelihoods, quantizers, threefry, validation
from zoo.autoencoder import Autoencoder
from zoo.models import code_prior
from zoo.models.code_prior import CodePrior
from zoo.models.code_terms import CodeTerms
from zoo.models.prior_labels import PriorLabels
from zoo.networks.grid import grid_networks, grid_shape
from zoo.networks.seeding import InitializerSeeds
from zoo.posteriors import CodePosterior
from zoo.priors import UniformCodes
from zoo.serialization import to_json
from zoo.training.metrics import CodebookUsage, Perplexity


@keras.saving.register_keras_serializable(package="zoo")
class VQVAE(PriorLabels, Autoencoder):
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
        likelihood, beta, dynamic_binarization, seed, dtype, name: as in `zoo.VAE`;
            `beta` matters where codes are not certain, as with "gumbel".

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
        image_shape,
        codebook_size,
        code_dim,
        quantizer="ema",
        filters=(32, 64),
        likelihood="bernoulli",
        prior="uniform",
        beta=1.0,
        seed=None,
        *,
        blocks_per_stage=2,
        block="gated",
        activation="silu",
        dynamic_binarization=False,
        dtype=None,
        name=None,
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
        )
        self.codebook_size = codebook_size
        self.code_dim = code_dim
        self.grid_shape = grid_shape(image_shape, networks.config["filters"])
        self.code_shape = (*self.grid_shape, *quantizer.depth_axes)
        self.quantizer = quantizer
        self.uniform_prior = UniformCodes(codebook_size, self.code_shape)
        self.prior = code_prior.get(
            prior, codebook_size, self.code_shape, seeds.next_seed(), self.dtype_policy
        )
        self.network_config = networks.config
        self.complete()

    @property
    def has_learned_prior(self):
        """Whether there is a prior that `sample` can draw from."""
        return isinstance(self.prior, CodePrior) and self.prior.is_trained

    def build(self, input_shape):
        super().build(input_shape)
        features = (None, *self.grid_shape, self.code_dim)
        if not self.quantizer.built:  # Keras builds what it deserializes
            self.quantizer.build(features)
        self.decoder.build(features)
        self.uniform_prior.build(None)
        # `fit` never trains it: `fit_prior` does. Once there are weights to freeze.
        self.prior.trainable = False

    # The model, as a function of tensors.

    def make_prior(self, labels=None, training=False):
        """p(codes) or p(codes|labels); uniform in training and where labels lack."""
        lacks = labels is None and self.num_classes is not None
        if training or lacks or not isinstance(self.prior, CodePrior):
            return self.uniform_prior
        return self.prior.given(labels)

    def quantize_images(self, x, training=False):
        """Images to `zoo.quantizers.Quantized` features."""
        step = ops.cast(self.steps_trained, "float32")
        features = self.encoder(x, training=training)
        return self.quantizer(features, training=training, step=step)

    def make_posterior(self, quantized):
        """The posterior q(codes|x) that quantized features describe."""
        return CodePosterior(quantized.codes, self.codebook_size, quantized.log_probs)

    def decode_parameters(self, features, training=False):
        """Features of codes (N, h, w, D) to the likelihood's parameters."""
        return self.decoder(features, training=training)

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        """Runs the model once: encode, quantize, decode, score.

        Args:
            x: images (N, H, W, C), float32 in [0, 1], as the likelihood is to see them.
            labels: int32 (N,), for the prior, as `make_prior` takes them.
            num_draws: posterior draws an example, K; one in training.
            noise: uniform in [0, 1), (K, N, *code_shape); None draws it.
            training: in training the decoder is given the quantizer's features, through
                which gradients pass, instead of those of codes drawn from q(codes|x).
                They are the same where codes are certain.

        Returns:
            `CodeTerms`.
        """
        quantized = self.quantize_images(x, training)
        # q(codes|x)
        posterior = self.make_posterior(quantized)
        if training:
            codes, features = quantized.codes[None], quantized.features
        else:
            # codes ~ q(codes|x)
            if noise is None:
                shape = (num_draws, *ops.shape(posterior.codes))
                noise = keras.random.uniform(shape, seed=self.seed_generator)
            codes = posterior.from_uniforms(noise)
            features = self.quantizer.lookup(ops.reshape(codes, (-1, *self.code_shape)))
        # log p(x|codes)
        flat = self.decode_parameters(features, training)
        parameters = ops.reshape(flat, (ops.shape(codes)[0], -1, *flat.shape[1:]))
        return CodeTerms(
            posterior=posterior,
            prior=self.make_prior(labels, training),
            z=codes,
            log_likelihood=self.likelihood.log_prob(x, parameters),
            quantizer_loss=quantized.loss,
            counts=quantized.counts,
        )

    def example_losses(self, terms, step):
        return super().example_losses(terms, step) + terms.quantizer_loss

    def call(self, x, labels=None, training=False):
        """E[x|codes] at the most probable codes: (N, H, W, C) in [0, 1]."""
        features = self.quantize_images(x, training).features
        return self.likelihood.mean(self.decode_parameters(features, training))

    def expected_images(self, codes, labels=None):
        """E[x|codes] in [0, 1], of codes that have been checked."""
        features = self.quantizer.lookup(codes)
        return self.likelihood.mean(self.decode_parameters(features))

    def draw_noise(self, rng, num_draws):
        """Uniform float32 (num_draws, *code_shape), from a NumPy generator."""
        return rng.random((num_draws, *self.code_shape), dtype=np.float32)

    def create_trackers(self):
        """The metrics of `fit` and `evaluate`."""
        super().create_trackers()
        size = (self.quantizer.depth, self.codebook_size)
        self.perplexity_tracker = Perplexity(size)
        self.codebook_usage_tracker = CodebookUsage(size)

    def update_trackers(self, terms, sample_weight=None):
        """Adds a batch's `CodeTerms` to the metrics."""
        super().update_trackers(terms, sample_weight)
        self.perplexity_tracker.update_state(terms.counts)
        self.codebook_usage_tracker.update_state(terms.counts)

    # The model, as its users call it.

    def encode(self, x, labels=None):
        """The posterior q(codes|x).

        Args:
            x: images (N, H, W, C), float32 in [0, 1].
            labels: make no difference.

        Returns:
            `zoo.posteriors.CodePosterior`: `codes` int32 (N, h, w), of a residual
            quantizer (N, h, w, depth); `sample(seed)`; `kl()` in nats, to uniform
            codes.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = validation.check_images(x, self.image_shape)
        self.check_network_labels(labels, len(x))
        return self.make_posterior(self.quantize_images(ops.convert_to_tensor(x)))

    def decode(self, codes, labels=None):
        """E[x|codes], the expected image: a tensor (N, H, W, C) in [0, 1].

        Args:
            codes: whole numbers (N, h, w), of a residual quantizer (N, h, w, depth),
                from 0 to codebook_size - 1.
            labels: make no difference.

        Raises:
            ValueError: for codes of another shape or out of range.
            TypeError: for codes that are no integers.
        """
        codes = validation.check_codes(codes, self.codebook_size, self.code_shape)
        self.check_network_labels(labels, len(codes))
        return self.expected_images(ops.convert_to_tensor(codes, "int32"))

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
                "This VQVAE's prior is uniform and learns nothing: construct it with "
                "prior='autoregressive'."
            )

        def coded(images, labels, argument):
            images = validation.check_images(images, self.image_shape, argument)
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
        return self.prior.fit(codes, labels, optimizer, validation_data, **options)

    def sample(
        self, num_samples, labels=None, temperature=1.0, seed=None, *, top_k=None
    ):
        """Draws codes from the learned prior, one after another, and decodes them.

        Args:
            num_samples: how many images, >= 0.
            labels: (num_samples,) or one for all, for a prior with `num_classes`.
            temperature: divides the logits of the prior, >= 0; 0 takes the most
                probable code each time.
            seed: integer from 0 to 2**63 - 1 that fixes the draw: the same images on
                every backend, from the exported files' `export.Sampler` and from
                sampler.onnx. None draws anew.
            top_k: draw from this many most probable codes alone; None from all.

        Returns:
            float32 array (num_samples, H, W, C) in [0, 1]. The first n images do not
            change when more are asked for.

        Raises:
            ValueError: for arguments out of range, and while no prior is trained.
        """
        images = self.iter_sample(num_samples, labels, temperature, seed, top_k=top_k)
        return np.concatenate(list(images))

    def iter_sample(
        self, num_samples, labels=None, temperature=1.0, seed=None, *, top_k=None
    ):
        """Yields the images of `sample`, batch by batch."""
        num_samples = validation.check_whole_number(num_samples, "num_samples", 0)
        labels = self.check_labels(labels, num_samples)
        if not 0 <= temperature < float("inf"):
            raise ValueError(
                f"`temperature` must be a finite number >= 0; got {temperature!r}."
            )
        if seed is None:
            seed = threefry.fresh_seed()
        seed = validation.check_whole_number(seed, "seed", 0, threefry.MAX_SEED)
        if top_k is not None:
            top_k = validation.check_whole_number(top_k, "top_k", 1)
        if not self.has_learned_prior:
            raise ValueError(
                "This VQVAE cannot sample: it has no learned prior over its codes yet, "
                "and uniform ones do not look like images: construct it with "
                "prior='autoregressive' and train that with fit_prior."
            )
        uniforms = threefry.uniforms(seed, num_samples, self.prior.length)
        temperatures = np.full(num_samples, temperature, "float32")

        def draw(uniforms, temperatures, labels=None):
            codes = self.prior.from_uniforms(uniforms, temperatures, top_k, labels)
            return self.expected_images(codes)

        name = f"sample from {top_k}"
        yield from self.inference.iter_batched(
            name, draw, uniforms, temperatures, labels
        )

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

    def get_config(self):
        return {
            **self.base_config(),
            "codebook_size": self.codebook_size,
            "code_dim": self.code_dim,
            "quantizer": to_json(self.quantizer),
            "prior": to_json(self.prior),
            "beta": to_json(self.objective.beta),
            **self.network_config,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)
