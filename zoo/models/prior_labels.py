"""Labels of a model whose prior alone sees them."""

from zoo.labels import check_labels, wanted_labels


class PriorLabels:
    """Mixed into an `Autoencoder` whose prior may have `num_classes`.

    Whatever counts or draws from the prior needs labels then; `fit` and the networks do
    without.
    """

    @property
    def num_classes(self):
        """Number of classes of a label-conditional prior; None without labels."""
        return getattr(self.prior, "num_classes", None)

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
        return check_labels(labels, count, self.num_classes)

    def check_network_labels(self, labels, count=None):
        """Labels that make no difference, so that they may be missing."""
        return None if labels is None else self.check_labels(labels, count)
