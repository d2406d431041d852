"""TextVAE: sentences through a latent vector."""

from typing import Any

import keras
from keras import ops

from zoo import precision, schedules, validation
from zoo.draws import flatten_draws, repeat
from zoo.event import Tokens, with_end
from zoo.latents import NoiseSpec
from zoo.likelihoods import TokenLikelihood
from zoo.models.labelled import Labelled, checked_kind, of_labels
from zoo.models.of_texts import OfTexts
from zoo.networks.text_pair import make_text_networks
from zoo.priors.drawing import draw_tokens
from zoo.serialization import to_json
from zoo.vae import VAE
from zoo.vocabulary import END, Vocabulary


@keras.saving.register_keras_serializable(package="zoo")
class TextVAE(OfTexts, Labelled, VAE):
    """A VAE of texts: one latent vector, and a decoder that goes from token to token.

    Bowman et al., "Generating Sentences from a Continuous Space", 2016. log p(x|z) is
    exact: the sum over a text's tokens and its end. Where a decoder can do without its
    latent, training tends to leave it unused (KL near 0): against that there are
    `word_dropout`, `bag_of_words`, a `beta` that is a `zoo.schedules.LinearWarmup` or
    `CyclicalWarmup`, and objectives such as `zoo.objectives.ELBO(free_bits=...)` and
    `Capacity`, which holds the KL at a target.

    Texts are rows of tokens, int32 (N, t), t <= `max_length`: token 0 ends a text and
    fills its row. With a `vocabulary` all methods take texts themselves, too.

    Args:
        max_length: tokens of the longest text, T.
        vocabulary_size: number of tokens, the end among them; may be left out where
            there is a `vocabulary`.
        latent_dim: number of latent dimensions.
        networks: "gru", "lstm" or "transformer", both encoder, which sees a text from
            both sides, and decoder.
        units: of each recurrent layer; the width of a transformer.
        num_layers: of each network.
        embedding_dim: features of a token.
        dropout: share of features that training leaves out, in [0, 1).
        word_dropout: share of the tokens before a place that training hides from the
            decoder, in [0, 1]: Bowman et al. 2016, section 3.1.
        bag_of_words: weight of a further loss, the nats in which the latent alone tells
            a text's tokens whatever their order (Zhao et al., "Learning Discourse-level
            Diversity for Neural Dialog Models using Conditional Variational
            Autoencoders", 2017, section 3.3); 0 for none.
        vocabulary: a `zoo.vocabulary.Vocabulary`, or its configuration, which is saved
            with the model and its exports; None for tokens alone.
        prior: as in `zoo.VAE`, but "vamp"; with labels also "label_normal" and
            "label_flow".
        num_classes, num_attributes, class_names: of labels, as in
            `zoo.ConditionalVAE`; None for a model without.
        beta, objective, seed, dtype, name: as in `zoo.VAE`.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> import zoo
    >>> from zoo.vocabulary import Vocabulary
    >>> words = Vocabulary("words", ["", "<unk>", "a", "small", "large", "cat"])
    >>> model = zoo.TextVAE(4, latent_dim=2, units=8, vocabulary=words, seed=0)
    >>> model.compile("adam")
    >>> texts = ["a small cat", "a large cat"] * 8
    >>> sorted(model.fit(texts, verbose=0).history)
    ['active_units', 'elbo', 'kl', 'loss', 'reconstruction']
    >>> model.sample(3, seed=0).shape, len(model.to_texts(model.reconstruct(texts)))
    ((3, 4), 16)
    """

    def __init__(
        self,
        max_length: int,
        vocabulary_size: int | None = None,
        latent_dim: int = 32,
        networks: str = "gru",
        units: int = 256,
        num_layers: int = 1,
        embedding_dim: int = 128,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        bag_of_words: float = 0.0,
        vocabulary: Any = None,
        prior: Any = "standard_normal",
        beta: Any = 1.0,
        seed: int | None = None,
        *,
        num_classes: int | None = None,
        num_attributes: int | None = None,
        class_names: list[str] | None = None,
        objective: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ):
        vocabulary = None if vocabulary is None else Vocabulary.of(vocabulary)
        if vocabulary_size is None:
            if vocabulary is None:
                raise ValueError(
                    "Give `vocabulary_size`, the number of tokens, or a `vocabulary`."
                )
            vocabulary_size = len(vocabulary)
        event = Tokens(max_length, vocabulary_size, vocabulary)
        latent_dim = validation.check_whole_number(latent_dim, "latent_dim", 1)
        word_dropout = _checked_share(word_dropout)
        bag_of_words = schedules.get(bag_of_words, "bag_of_words")
        num_classes, num_attributes, class_names = checked_kind(
            num_classes, num_attributes, class_names
        )
        label_dim = num_classes or num_attributes or 0
        encoder, decoder = make_text_networks(
            latent_dim,
            label_dim,
            word_dropout,
            seed,
            dtype,
            kind=networks,
            vocabulary_size=vocabulary_size,
            max_length=max_length,
            embedding_dim=embedding_dim,
            units=units,
            num_layers=num_layers,
            dropout=dropout,
        )
        parts = {}
        if bag_of_words:
            # Zeros: at first all tokens are as probable.
            parts["bag"] = keras.layers.Dense(
                vocabulary_size, kernel_initializer="zeros", dtype=dtype, name="bag"
            )
        super().__init__(
            encoder,
            decoder,
            event,
            latent_dim,
            likelihood=TokenLikelihood(),
            prior=_prior(prior, latent_dim, label_dim, seed),
            beta=beta,
            objective=objective,
            seed=seed,
            dtype=dtype,
            name=name,
            label_dim=label_dim,
            parts=parts,
        )
        self.num_classes, self.num_attributes = num_classes, num_attributes
        self.class_names = class_names
        self.bag_of_words = bag_of_words

    def build_networks(self):
        """Makes the weights of both networks, which fit by construction."""
        self.encoder.build((None, *self.event.shape))
        self.decoder.build((None, self.latent_dim + self.label_dim))
        if bag := getattr(self, "bag", None):
            bag.build((None, self.latent_dim + self.label_dim))

    # The model, as a function of tensors.

    @property
    def noise(self) -> NoiseSpec:
        """Normals make the latent, uniforms choose a component of the prior and then
        each token.
        """
        length = self.event.shape[0]
        return NoiseSpec(self.latent_dim, self._prior_uniforms + length)

    @property
    def _prior_uniforms(self):
        return getattr(self.prior, "num_uniforms", 0)

    def encode_parameters(self, x, labels=None, training=False):
        return self.encoder(x, self.label_vectors(labels), training=training)

    def make_prior(self, labels=None):
        if not getattr(self.prior, "label_dim", 0):
            return self.prior
        return self.prior.given(self.label_vectors(labels))

    def context(self, z, labels=None):
        """What the decoder knows of a text: z (N, latent_dim), and its label."""
        vectors = self.label_vectors(labels)
        if vectors is None:
            return z
        return ops.concatenate([z, ops.cast(vectors, z.dtype)], axis=-1)

    def logits(self, x, z, labels=None, training=False):
        """Odds of all tokens at each place of texts, given those before it and z.

        Args:
            x: int32 (N, t).
            z: (K, N, latent_dim).
            labels: as `check_labels` returned them.

        Returns:
            float32 (K, N, t, vocabulary_size).
        """
        draws = z.shape[0]
        context = self.context(flatten_draws(z), repeat(labels, draws))
        logits = self.decoder(context, repeat(x, draws), training=training)
        return ops.reshape(logits, (draws, -1, *ops.shape(logits)[1:]))

    def score_draws(self, x, z, labels=None, training=False):
        """See `Autoencoder.score_draws`; parameters are None, too large to be kept."""
        x = with_end(x, self.event)
        logits = self.logits(x, z, labels, training)
        return self.likelihood.log_prob(x, logits), None

    def _terms(self, x, labels, posterior, z, training=False):
        terms = super()._terms(x, labels, posterior, z, training)
        if self.bag_of_words and training:
            terms.extra["bag_of_words"] = self._bag_loss(x, z, labels)
        return terms

    def _bag_loss(self, x, z, labels):
        """-log p of a text's tokens whatever their order, of the first draws, (N,)."""
        log_probs = ops.log_softmax(
            precision.at_least_float32(self.bag(self.context(z[0], labels))), axis=-1
        )
        each = ops.take_along_axis(log_probs, ops.cast(x, "int32"), axis=-1)
        loss = -ops.sum(ops.where(x != END, each, 0.0), axis=-1)
        return precision.at_most_float32(loss)

    def example_losses(self, terms, step):
        weight = schedules.value_at(self.bag_of_words, step)
        extra = terms.extra
        terms.extra = {name: weight * value for name, value in extra.items()}
        losses = super().example_losses(terms, step)
        terms.extra = extra
        return losses

    def call(self, x, labels=None, training=False):
        """The most probable tokens, one after another, at the posterior mean."""
        mean = self._posterior(x, labels, training).mean
        return self.expected_images(mean, labels)

    def expected_images(self, z, labels=None):
        """Tokens int32 (N, T), each the most probable one after those before it."""
        return draw_tokens(self.decoder, self.context(z, labels), None, 0.0)

    def draw_latents(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        """See `Generation.draw_latents`: z (N, latent_dim), of the first uniforms."""
        count = self._prior_uniforms
        uniforms = uniforms[:, :count] if count and uniforms is not None else None
        return super().draw_latents(noise, uniforms, temperature, labels)

    def draw(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        """See `Generation.draw`: tokens int32 (N, T), drawn by the last uniforms."""
        z = self.draw_latents(noise, uniforms, temperature, labels)
        if uniforms is not None:
            uniforms = uniforms[:, self._prior_uniforms :]
        context = self.context(z, labels)
        return draw_tokens(self.decoder, context, uniforms, temperature)

    # Saving and loading.

    def get_config(self):
        config = self.base_config()
        for name in ("likelihood", "dynamic_binarization"):
            del config[name]
        encoder = self.encoder
        return {
            **config,
            "networks": encoder.kind,
            "units": encoder.units,
            "num_layers": encoder.num_layers,
            "embedding_dim": encoder.embedding_dim,
            "dropout": encoder.dropout,
            "word_dropout": self.decoder.word_dropout,
            "bag_of_words": to_json(self.bag_of_words),
            "num_classes": self.num_classes,
            "num_attributes": self.num_attributes,
            "class_names": self.class_names and list(self.class_names),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _checked_share(word_dropout):
    valid = isinstance(word_dropout, (int, float)) and 0 <= word_dropout <= 1
    if not valid:
        raise ValueError(f"`word_dropout` must lie in [0, 1]; got {word_dropout!r}.")
    return float(word_dropout)


def _prior(prior, latent_dim, label_dim, seed):
    """A prior that texts can have, by its name or as it was given."""
    if prior == "vamp" or getattr(prior, "made_of_posteriors", False):
        raise ValueError(
            "`prior` must not be a VampPrior, which learns images: choose 'mixture' or "
            "'flow' for texts."
        )
    if prior in ("label_normal", "label_flow") and not label_dim:
        raise ValueError(
            f"`prior`={prior!r} is one of labels, of which this model has none: give "
            "`num_classes`."
        )
    return of_labels(prior, latent_dim, label_dim, seed)
