"""Labels of a model's images: classes, attributes, or none."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

from keras import ops

from zoo.labels import check_labels, check_presence, wanted_labels


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
        return check_presence(labels, type(self).__name__, self.wanted_labels)

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
