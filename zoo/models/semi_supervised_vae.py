"""SemiSupervisedVAE: images of which few have labels."""

from typing import Any

import keras
from keras import ops

from zoo import likelihoods, validation
from zoo.draws import repeat
from zoo.models.conditional_vae import ConditionalVAE
from zoo.models.few_labels import FewLabels
from zoo.networks import make_networks
from zoo.precision import at_least_float32


@keras.saving.register_keras_serializable(package="zoo")
class SemiSupervisedVAE(FewLabels, ConditionalVAE):
    """A VAE of images and their labels, most of which are unknown, with a classifier.

    Kingma et al., "Semi-supervised Learning with Deep Generative Models", 2014: M2,
    p(y) p(z) p(x|y, z) with q(y|x) q(z|x, y). `fit` takes images with labels and
    without together, -1 for a label that is not known, as in scikit-learn;
    `predict_proba` is q(y|x). Unknown labels are summed over: figures of images alone,
    as `elbo(x)`, are of log p(x), those of images with labels of log p(x|y), as in
    `zoo.ConditionalVAE`, whose `sample` and `decode` ask for labels.

    `zoo.StackedSemiSupervisedVAE` tells classes better, by the latents of a VAE that
    was trained without labels.

    Args:
        image_shape: (H, W, C), H and W at least 8.
        latent_dim: number of latent dimensions beside the label.
        num_classes: labels are whole numbers from 0 to num_classes - 1, or -1.
        networks: "dense" or "conv"; those of q(y|x) are like the encoder.
        class_names: as in `zoo.ConditionalVAE`.
        classification_weight: weight of -log q(y|x) of an image with a label, beside
            its ELBO: alpha of equation 9, an image.
        labelled_share: share of a batch that images with labels make up in `fit`, which
            repeats them for it.
        num_summed_classes: of so many classes of an image training sums at a time: the
            most probable ones and one drawn among the others, so that a step's time
            does not grow with the classes; None for all.
        likelihood, prior, beta, seed, objective, dynamic_binarization, dtype, name,
            parts: as in `zoo.VAE`.
        network_options: further options of the networks, as in `zoo.DenseVAE` and
            `zoo.ConvVAE`.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> import numpy as np, zoo
    >>> model = zoo.SemiSupervisedVAE((8, 8, 1), 2, num_classes=3, hidden_units=(16,))
    >>> model.compile("adam")
    >>> x = np.random.default_rng(0).random((32, 8, 8, 1), dtype="float32")
    >>> y = np.full(32, -1)
    >>> y[:3] = [0, 1, 2]
    >>> history = model.fit(x, y, verbose=0)
    >>> model.predict_proba(x).shape
    (32, 3)
    >>> model.sample(2, labels=1, seed=0).shape
    (2, 8, 8, 1)
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        num_classes: int,
        likelihood: Any = "bernoulli",
        prior: Any = "standard_normal",
        beta: Any = 1.0,
        seed: int | None = None,
        *,
        networks: str = "dense",
        class_names: list[str] | None = None,
        classification_weight: float = 1.0,
        labelled_share: float = 0.25,
        num_summed_classes: int | None = None,
        objective: Any = None,
        dynamic_binarization: bool = False,
        dtype: Any = None,
        name: str | None = None,
        parts: dict[str, Any] | None = None,
        **network_options: Any,
    ):
        image_shape = validation.check_image_shape(image_shape)
        num_classes = validation.check_whole_number(num_classes, "num_classes", 1)
        likelihood = likelihoods.get(likelihood)
        options = dict(network_options)
        if networks == "conv" and options.get("hidden_units", 1) is None:
            del options["hidden_units"]  # classes lie on no grid
        classifier = make_networks(
            networks,
            image_shape,
            1,
            likelihood,
            num_outputs=num_classes,
            seed=None if seed is None else seed + 1,
            dtype=dtype,
            **options,
        ).encoder
        classifier.name = "classifier"
        super().__init__(
            image_shape,
            latent_dim,
            num_classes,
            likelihood,
            prior,
            beta,
            seed,
            networks=networks,
            class_names=class_names,
            objective=objective,
            dynamic_binarization=dynamic_binarization,
            dtype=dtype,
            name=name,
            parts={"classifier": classifier, **(parts or {})},
            **network_options,
        )
        self.take_few_labels(classification_weight, labelled_share, num_summed_classes)

    def build_networks(self):
        """Makes the weights of all networks, which fit by construction."""
        super().build_networks()
        self.classifier.build((None, *self.image_shape))

    # q(y|x)

    def class_logits(self, x, training=False):
        return at_least_float32(self.classifier(x, training=training))

    # The model, as a function of tensors.

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        """See `Autoencoder.elbo_terms`; noise is (K, N, latent_dim)."""
        if noise is None:
            noise = self.draw_noise(ops.shape(x)[0], num_draws)
        of_known = super().elbo_terms

        def terms_of_classes(classes):
            copies = classes.shape[0]
            # The same noise for all classes.
            return of_known(
                repeat(x, copies),
                ops.reshape(classes, (-1,)),
                noise=ops.tile(noise, (1, copies, 1)),
                training=training,
            )

        log_probs = ops.log_softmax(self.class_logits(x, training))
        terms = self.summed_terms(log_probs, labels, terms_of_classes, training)
        terms.images = x
        return terms

    def call(self, x, labels=None, training=False):
        """E[x|z, y] at the posterior mean, y the most probable where not known."""
        return super().call(x, self.most_probable(x, labels), training)

    def get_config(self):
        config = {**super().get_config(), **self.few_labels_config()}
        del config["num_attributes"]
        return config
