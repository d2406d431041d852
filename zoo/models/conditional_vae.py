"""ConditionalVAE: images given a label."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from zoo import validation
from zoo.models.labelled import Labelled, checked_kind, of_labels
from zoo.models.networked import NetworkedVAE


@keras.saving.register_keras_serializable(package="zoo")
class ConditionalVAE(Labelled, NetworkedVAE):
    """A VAE of p(x|y): encoder and decoder see a label beside image and latent.

    Sohn et al., "Learning Structured Output Representation using Deep Conditional
    Generative Models", 2015; Kingma et al., "Semi-supervised Learning with Deep
    Generative Models", 2014 (M2). All figures in nats are of log p(x|y).

    Args:
        image_shape: (H, W, C), H and W at least 8.
        latent_dim: number of latent dimensions.
        num_classes: labels are whole numbers (N,) from 0 to num_classes - 1.
        num_attributes: instead of classes, labels are finite float vectors
            (N, num_attributes).
        networks: "dense" or "conv".
        prior: "standard_normal" or "flow" for the same p(z) whatever the label, or
            "label_normal" or "label_flow" to learn p(z|y): see `zoo.priors.Flow` and
            `LabelNormal`.
        class_names: names of the classes, kept with the model and its exports; labels
            may be given by them.
        likelihood, beta, seed, objective, dynamic_binarization, dtype, name, parts:
            as in `zoo.VAE`.
        network_options: further options of the networks, such as `hidden_units`, as in
            `zoo.DenseVAE` and `zoo.ConvVAE`.

    Raises:
        ValueError, TypeError: for arguments out of range.

    Example:

    >>> import numpy as np, zoo
    >>> model = zoo.ConditionalVAE((28, 28, 1), 4, num_classes=10, seed=0)
    >>> model.compile("adam")
    >>> x, y = np.zeros((16, 28, 28, 1), "float32"), np.arange(16) % 10
    >>> history = model.fit(x, y, verbose=0)
    >>> model.sample(3, labels=7, seed=0).shape
    (3, 28, 28, 1)
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        num_classes: int | None = None,
        likelihood: Any = "bernoulli",
        prior: Any = "standard_normal",
        beta: Any = 1.0,
        seed: int | None = None,
        *,
        num_attributes: int | None = None,
        networks: str = "dense",
        class_names: list[str] | None = None,
        objective: Any = None,
        dynamic_binarization: bool = False,
        dtype: Any = None,
        name: str | None = None,
        parts: dict[str, Any] | None = None,
        adversary: Any = None,
        **network_options: Any,
    ):
        if num_classes is None and num_attributes is None:
            raise ValueError("Give `num_classes`, or `num_attributes`; got neither.")
        num_classes, num_attributes, class_names = checked_kind(
            num_classes, num_attributes, class_names
        )
        label_dim: Any = num_classes or num_attributes
        latent_dim = validation.check_whole_number(latent_dim, "latent_dim", 1)
        prior = of_labels(prior, latent_dim, label_dim, seed)
        super().__init__(
            image_shape,
            latent_dim,
            likelihood,
            prior,
            beta,
            seed,
            networks=networks,
            network_options=network_options,
            label_dim=label_dim,
            objective=objective,
            dynamic_binarization=dynamic_binarization,
            dtype=dtype,
            name=name,
            parts=parts,
            adversary=adversary,
        )
        self.num_classes = num_classes
        self.num_attributes = num_attributes
        self.class_names = class_names

    # Where labels come in.

    def encode_parameters(self, x, labels=None, training=False):
        return self.encoder(x, self.label_vectors(labels), training=training)

    def decode_parameters(self, z, labels=None, training=False):
        vectors = ops.cast(self.label_vectors(labels), z.dtype)
        return self.decoder(ops.concatenate([z, vectors], axis=-1), training=training)

    def make_prior(self, labels=None):
        if not getattr(self.prior, "label_dim", 0):
            return self.prior
        return self.prior.given(self.label_vectors(labels))

    # Bayes' rule.

    def class_log_likelihoods(
        self,
        x: Any,
        num_importance_samples: int = 10,
        batch_size: int = 64,
        seed: int | None = None,
    ) -> npt.NDArray[np.float64]:
        """log p(x|y) of each image for each class.

        Args:
            x: images (N, H, W, C), float32 in [0, 1], as for `elbo`.
            num_importance_samples, batch_size, seed: as for `log_marginal_likelihood`;
                all classes are given the same noise.

        Returns:
            float64 array (N, num_classes), in nats.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes, or its labels are
                attributes.
        """
        if self.num_classes is None:
            raise ValueError(
                "Only a model of classes can classify; this one's labels are "
                f"{self.wanted_labels}."
            )
        columns = [
            self.log_marginal_likelihood(
                x, label, num_importance_samples, batch_size, seed
            )
            for label in range(self.num_classes)
        ]
        return np.stack(columns, axis=1)

    def classify(
        self,
        x: Any,
        class_prior: Any = None,
        num_importance_samples: int = 10,
        batch_size: int = 64,
        seed: int | None = None,
    ) -> npt.NDArray[np.float64]:
        """p(y|x) by Bayes' rule: proportional to p(x|y) p(y).

        Args:
            x: images (N, H, W, C), float32 in [0, 1], as for `elbo`.
            class_prior: p(y), (num_classes,); equal for all classes if None.
            num_importance_samples, batch_size, seed: as for `log_marginal_likelihood`.

        Returns:
            float64 array (N, num_classes), whose rows sum to 1.

        Raises:
            ValueError, TypeError: as `class_log_likelihoods`, or for a `class_prior`
                that is not a probability for each class.
        """
        log_joint = self.class_log_likelihoods(
            x, num_importance_samples, batch_size, seed
        )
        if class_prior is not None:
            prior = np.asarray(class_prior, "float64")
            valid = prior.shape == (self.num_classes,) and np.all(prior >= 0)
            if not valid or not np.isclose(prior.sum(), 1):
                raise ValueError(
                    f"`class_prior` must be {self.num_classes} probabilities that sum "
                    f"to 1; got {class_prior!r}."
                )
            with np.errstate(divide="ignore"):
                log_joint = log_joint + np.log(prior)
        normalizer = np.logaddexp.reduce(log_joint, axis=1, keepdims=True)
        return np.exp(log_joint - normalizer)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "num_attributes": self.num_attributes,
            "class_names": self.class_names and list(self.class_names),
        }
