"""Labels of a model's images: classes, attributes, or none."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

from typing import Any

from keras import ops

from zoo.class_names import checked_names
from zoo.labels import check_labels, check_presence, wanted_labels
from zoo.priors import Flow, LabelNormal
from zoo.validation import check_whole_number


class Labelled:
    """Mixed into a model of p(x|y), above its base.

    Attributes:
        num_classes, num_attributes: what labels are: one of them; neither where the
            model takes none.
        class_names: names of the classes, or None.
    """

    num_classes: int | None = None
    num_attributes: int | None = None
    class_names: list[str] | None = None

    @property
    def takes_labels(self):
        """Whether there are labels beside the images."""
        return (self.num_classes, self.num_attributes) != (None, None)

    @property
    def wanted_labels(self):
        """What labels must be, in words."""
        return wanted_labels(self.num_classes, self.num_attributes)

    def label_vectors(self, labels):
        """What the networks see of labels: one-hot classes or attributes, (N, L).

        None where there are no labels.
        """
        if not self.takes_labels:
            return None
        if self.num_classes is None:
            return ops.cast(labels, "float32")
        return ops.one_hot(ops.cast(labels, "int32"), self.num_classes)

    def check_presence_of_labels(self, labels):
        """Refuses images without labels, or labels that the model does not take.

        Raises:
            ValueError: if labels are missing, or superfluous.
        """
        if not self.takes_labels:
            return super().check_presence_of_labels(labels)
        who, noun = type(self).__name__, self.event.noun
        return check_presence(labels, who, self.wanted_labels, noun)

    def check_labels(self, labels, count=None):
        """Labels as `zoo.labels.check_labels` returns them, None where there are none.

        Raises:
            ValueError, TypeError: for labels of another number, shape, kind or range.
        """
        self.check_presence_of_labels(labels)
        if not self.takes_labels:
            return None
        return check_labels(
            labels, count, self.num_classes, self.num_attributes, self.class_names
        )


def checked_kind(num_classes: Any, num_attributes: Any, class_names: Any):
    """(num_classes, num_attributes, class_names) of a model that may take labels.

    Raises:
        ValueError: if there are both, or names that are not as many as the classes.
    """
    if num_classes is not None and num_attributes is not None:
        raise ValueError(
            "Give one of `num_classes` and `num_attributes`; got "
            f"num_classes={num_classes!r}, num_attributes={num_attributes!r}."
        )
    if num_classes is not None:
        num_classes = check_whole_number(num_classes, "num_classes", 1)
    if num_attributes is not None:
        num_attributes = check_whole_number(num_attributes, "num_attributes", 1)
    return num_classes, num_attributes, checked_names(class_names, num_classes)


def of_labels(prior: Any, latent_dim: int, label_dim: int, seed: int | None) -> Any:
    """A prior p(z|y) by its name, "label_normal" or "label_flow"; others as given."""
    if prior == "label_normal":
        return LabelNormal(latent_dim, label_dim)
    if prior == "label_flow":
        return Flow(latent_dim, seed=seed, label_dim=label_dim)
    return prior
