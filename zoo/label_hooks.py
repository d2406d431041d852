"""What labels a model takes, asked by all that is given some."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false


class LabelHooks:
    """Mixed into `Autoencoder`: hooks, which a model of labels overrides.

    A model takes none here: see `zoo.models.labelled.Labelled`.
    """

    def check_presence_of_labels(self, labels):
        """Refuses labels: this model takes none.

        Raises:
            ValueError: if there are labels.
        """
        if labels is not None:
            raise ValueError(
                f"{type(self).__name__} takes no labels, but got labels beside the "
                f"{self.event.noun}: give {self.event.noun} alone."
            )

    def check_labels(self, labels, count=None):
        """Labels as the model takes them, an array with one row an image, or None.

        Args:
            labels: what the caller gave.
            count: how many images there are.

        Raises:
            ValueError, TypeError: if they are not what the model takes.
        """
        self.check_presence_of_labels(labels)
        return labels

    def check_network_labels(self, labels, count=None):
        """Labels as `check_labels` returns them, for what leaves the prior out.

        `fit`, `encode`, `decode` and `reconstruct` ask here, so that a model whose
        prior alone sees labels can do without.
        """
        return self.check_labels(labels, count)

    def check_labels_of_images(self, labels, count=None, prior=True):
        """Labels beside images that are there, for what infers latents from them.

        Where images come from labels, as in `sample` and `decode`, the two hooks above
        are asked; a model that can do without the labels of images overrides this one.

        Args:
            labels, count: as in `check_labels`.
            prior: whether the prior has a part in it, as in `elbo`.
        """
        check = self.check_labels if prior else self.check_network_labels
        return check(labels, count)

    def check_labels_to_fit(self, labels, count=None):
        """`check_labels_of_images` where the prior has no part, as in `fit`."""
        return self.check_labels_of_images(labels, count, prior=False)

    def known_labels(self, x, labels=None, prior=True):
        """Labels that latents of NumPy images are inferred with, or None.

        Args:
            x: images (N, H, W, C).
            labels, prior: as in `check_labels_of_images`, which this is unless a model
                tells labels by itself.
        """
        return self.check_labels_of_images(labels, len(x), prior)
