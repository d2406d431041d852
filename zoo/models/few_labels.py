"""Labels that only some images have: the others are summed over."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from zoo import validation
from zoo.class_names import UNKNOWN
from zoo.labels import check_labels, check_presence, wanted_labels
from zoo.models import unknown_labels
from zoo.models.labelled import Labelled
from zoo.objectives import ELBO
from zoo.training.inputs import is_array, split_validation
from zoo.training.repeated import RepeatedRows


class FewLabels(Labelled):
    """Mixed into a model of p(x|y) whose labels may be unknown, above its base.

    Kingma et al., "Semi-supervised Learning with Deep Generative Models", 2014,
    equations 6 to 9. The label is a group of latents of its own, with p(y) uniform and
    q(y|x) the classifier: where it is not known, every term of the ELBO is its mean
    over q(y|x), and KL(q(y|x) || p(y)) is added; a likelihood is a sum over all
    classes. Where it is known, all figures are given y, as in `zoo.ConditionalVAE`,
    and -log q(y|x) is trained beside them.

    A subclass has `class_logits`, gives `summed_terms` for its terms of the ELBO, and
    calls `take_few_labels`.
    """

    num_classes: Any = None
    extra_metrics = ("kl_label", "kl_z", "cross_entropy", "accuracy")

    def take_few_labels(
        self, classification_weight, labelled_share, num_summed_classes
    ):
        """Checks and keeps what the models of few labels have in common.

        Raises:
            ValueError, TypeError: for arguments out of range.
        """
        if not 0 <= classification_weight < math.inf:
            raise ValueError(
                "`classification_weight` must be a finite number >= 0; got "
                f"{classification_weight!r}."
            )
        if not 0 <= labelled_share < 1:
            raise ValueError(
                "`labelled_share` must be a share of a batch, from 0 to less than 1; "
                f"got {labelled_share!r}."
            )
        if num_summed_classes is not None:
            num_summed_classes = validation.check_whole_number(
                num_summed_classes, "num_summed_classes", 2
            )
        if not isinstance(self.objective, ELBO) or isinstance(
            self.objective.beta, tuple
        ):
            raise ValueError(
                f"{type(self).__name__} trains q(y|x) by an ELBO whose KL has one "
                "weight: `objective` must be a zoo.objectives.ELBO with one `beta`."
            )
        self.classification_weight = float(classification_weight)
        self.labelled_share = float(labelled_share)
        self.num_summed_classes = num_summed_classes

    # Hooks: what a subclass has.

    def class_logits(self, x, training=False):
        """The logits of q(y|x) for images (N, H, W, C): (N, num_classes)."""
        raise NotImplementedError

    # Labels.

    def check_presence_of_labels(self, labels):
        """Images may come without labels: see `check_labels`."""

    def check_labels(self, labels, count=None):
        """See `Labelled.check_labels`: of what labels make images of, none is unknown.

        Raises:
            ValueError, TypeError: for labels of another number, shape, kind or range.
        """
        check_presence(labels, type(self).__name__, self.wanted_labels)
        return super().check_labels(labels, count)

    def check_labels_of_images(self, labels, count=None, prior=True):
        """Labels int32 (N,) of images; -1 stands for one that is not known, None for
        labels of which none is.

        Raises:
            ValueError, TypeError: for labels of another number, shape, kind or range.
        """
        if labels is None:
            return None if count is None else np.full(count, UNKNOWN, np.int32)
        return check_labels(
            labels, count, self.num_classes, None, self.class_names, unknown=True
        )

    def most_probable(self, x, labels=None):
        """Labels (N,), those that are unknown replaced by the most probable of q(y|x).

        Of tensors: images (N, H, W, C), labels int32 (N,) or None.
        """
        found = ops.cast(ops.argmax(self.class_logits(x), axis=-1), "int32")
        if labels is None:
            return found
        labels = ops.cast(labels, "int32")
        return ops.where(labels < 0, found, labels)

    def predict_proba(self, x: Any) -> npt.NDArray[np.float32]:
        """q(y|x), how probable each class is.

        Args:
            x: images (N, H, W, C), float32 in [0, 1].

        Returns:
            float32 array (N, num_classes), whose rows sum to 1.

        Raises:
            ValueError, TypeError: if `x` is not what the model takes.
        """
        x = validation.check_images(x, self.image_shape, rows=True)

        def probabilities(images):
            return ops.softmax(self.class_logits(images), axis=-1)

        return self.inference.batched("q(y|x)", probabilities, x)

    def known_labels(self, x, labels=None, prior=True):
        """See `Autoencoder.known_labels`: unknown ones are the most probable."""
        labels = self.check_labels_of_images(labels, len(x), prior)
        unknown = labels == UNKNOWN
        if not np.any(unknown):
            return labels
        return np.where(unknown, self.predict_proba(x).argmax(axis=1), labels).astype(
            np.int32
        )

    def summed_terms(self, log_probs, labels, terms_of_classes, training=False):
        """The `ELBOTerms` of images whose labels are known or not: `unknown_labels`.

        Args:
            log_probs: log q(y|x), (N, num_classes) or (K, N, num_classes).
            labels: int32 (N,), -1 where not known; None for all.
            terms_of_classes: as in `unknown_labels.summed_terms`.
            training: whether this is a training step, which may leave classes out.
        """
        if labels is None:
            labels = ops.full((ops.shape(log_probs)[-2],), UNKNOWN, "int32")
        labels = ops.cast(labels, "int32")
        # Several draws are for figures, not for training.
        some = self.num_summed_classes if training else None
        if some is None or some >= self.num_classes or len(log_probs.shape) > 2:
            look = unknown_labels.every_class(log_probs, labels)
        else:
            look = unknown_labels.some_classes(
                log_probs, labels, some, self.seed_generator
            )
        terms = unknown_labels.summed_terms(log_probs, labels, terms_of_classes, look)
        cross_entropy = terms.extra["cross_entropy"]
        terms.extra = {"classification": self.classification_weight * cross_entropy}
        return terms

    # Training.

    def example_losses(self, terms, step):
        """See `Losses.example_losses`; and logs how well labels are told."""
        weight = ops.cast(terms.labels >= 0, "float32")
        log_probs = terms.groups[0].posterior.log_probs[:, 0]
        best = ops.cast(ops.argmax(log_probs, axis=-1), "int32")
        self.log("accuracy", ops.cast(best == terms.labels, "float32"), weight)
        told = log_probs * ops.one_hot(terms.labels, self.num_classes)
        self.log("cross_entropy", -ops.sum(told, axis=-1), weight)
        return super().example_losses(terms, step)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        **kwargs: Any,
    ) -> Any:
        """Trains as `keras.Model.fit`, on images with labels and without.

        Of arrays, images whose labels are known are repeated until they make up
        `labelled_share` of all; an epoch goes through those without a label once.

        Args:
            x: images (N, H, W, C), float32 in [0, 1]; or a stream of (images, labels)
                batches, whose shares are its own affair.
            y: int (N,), the class of each image, or -1 where it is not known.
            batch_size, epochs, kwargs: as in `zoo.VAE.fit`; labels of `validation_data`
                may be left out.

        Returns:
            `keras.callbacks.History`. `accuracy` and `cross_entropy` are of the images
            whose labels are known, and 0 where none is.

        Raises:
            ValueError, TypeError: if the data are not what the model takes, no label is
                known, or only one class is.
        """
        if is_array(x) or validation.is_rows(x):
            weights = kwargs.pop("sample_weight", None)
            if not validation.is_rows(x):
                x = validation.check_images(x, self.image_shape)
            y = self._labels_of(y, len(x))
            fraction = kwargs.pop("validation_split", 0)
            if fraction and kwargs.get("validation_data") is None:
                given, held = split_validation(x, y, weights, fraction)
                (x, y, weights), kwargs["validation_data"] = given, held
            order = self._with_repeated(self._check_known(y, len(y)))
            if len(order) > len(y):
                weights = None if weights is None else np.asarray(weights)[order]
                x, y = RepeatedRows(x, order), y[order]
            kwargs["sample_weight"] = weights
        return super().fit(x, y, batch_size, epochs, **kwargs)

    def epoch_length(self, count, labels=None):
        """See `BatchLoss.epoch_length`: with the repetitions of `fit`."""
        return len(self._with_repeated(self._check_known(labels, count)))

    def _labels_of(self, labels, count) -> Any:
        return self.check_labels_of_images(labels, count, prior=False)

    def _check_known(self, labels, count):
        """Labels of images to train on, of which some must be known."""
        wanted = wanted_labels(self.num_classes)
        who = type(self).__name__
        labels = self._labels_of(labels, count)
        known = np.unique(labels[labels != UNKNOWN])
        if len(known) == 0:
            raise ValueError(
                f"{who} needs the labels of some images to learn from, {wanted}, and "
                f"{UNKNOWN} for the others; got none that is known."
            )
        if len(known) == 1 and self.num_classes > 1:
            raise ValueError(
                f"{who} needs labels of at least two classes to tell them apart; got "
                f"those of class {known[0]} alone."
            )
        return labels

    def _with_repeated(self, labels):
        """Numbers of images, those of labelled ones as often as they have to come."""
        known = np.flatnonzero(labels != UNKNOWN)
        others = len(labels) - len(known)
        wanted = self.labelled_share / (1 - self.labelled_share) * others
        times = max(1, round(wanted / len(known)))
        return np.concatenate([np.arange(len(labels)), np.tile(known, times - 1)])

    def few_labels_config(self):
        """The arguments of `take_few_labels`, for `get_config`."""
        return {
            "classification_weight": self.classification_weight,
            "labelled_share": self.labelled_share,
            "num_summed_classes": self.num_summed_classes,
        }
