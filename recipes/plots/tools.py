"""Plots of images beside others in latent space: clusters, an attribute, neighbours."""

import numpy as np

from recipes.common.labels import class_asked_for
from recipes.plots import needs
from recipes.plots.kind import Kind, columns_for
from recipes.plots.tiles import draw_tiles
from zoo.applications.vectors import (
    METHODS,
    Measure,
    centres_of,
    cluster_scores,
    difference_of_means,
    labels_of,
    neighbours,
    partition,
)
from zoo.class_names import numbers_of

# How much of an attribute is added, from left to right.
STRENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0)
OF_LATENTS = (needs.model, needs.latent_numbers, needs.encoder, needs.images)


class Clusters(Kind):
    """Clusters of test images, one a row: its centre, and some of its images."""

    name = "clusters"
    title = "Clusters"
    summary = "Test images in clusters by their latents, a row for each."
    needs = (*OF_LATENTS, needs.scikit_learn)
    options = {"num_samples": None, "method": "kmeans", "seed": None}
    methods = METHODS

    def draw(self, subject, num_samples, method, seed):
        assigned, count = self.found(subject, num_samples, method, seed)
        mean, labels = subject.encodings[0], subject.network_labels()
        if labels is not None:
            labels = labels_of(labels, assigned, count)
        centres = subject.decode(centres_of(mean, assigned, count), labels)
        shown = columns_for(subject, 12)
        tiles = np.full((count, shown + 1, *subject.image_shape), np.nan, np.float32)
        tiles[:, 0] = centres
        order = subject.pick(len(assigned), seed)
        for row in range(count):
            members = subject.images.images[order[assigned[order] == row][:shown]]
            tiles[row, 1 : 1 + len(members)] = members
        sizes = np.bincount(assigned, minlength=count)
        return draw_tiles(
            f"{subject.name}: {count} clusters",
            tiles,
            row_labels=[f"{size:,} images" for size in sizes],
            column_labels=["centre"],
        )

    def caption(self, subject, num_samples, method, seed):
        assigned, count = self.found(subject, num_samples, method, seed)
        how = {"kmeans": "k-means", "gaussian_mixture": "a Gaussian mixture"}[method]
        agree = ""
        if subject.images.labels is not None:
            scores = cluster_scores(assigned, subject.images.labels)
            agree = (
                f" Each matched to one label, {100 * scores.accuracy:.0f} % of the "
                f"images are in the cluster of their own; NMI {scores.nmi:.2f}."
            )
        return (
            f"{count} clusters of {subject.images.words}, found without labels by "
            f"{how} of the latents of {subject.name} (seed {seed}), the largest first: "
            f"left the decoded mean latent, beside it images of the cluster, not "
            f"selected.{agree}"
        )

    def found(self, subject, num_samples, method, seed):
        """(cluster of each test image, how many clusters)."""
        mean, labels = subject.encodings[0], subject.images.labels
        usual = 10 if labels is None else min(20, len(np.unique(labels)))
        count = num_samples or min(usual, len(mean))
        if count > len(mean):
            raise ValueError(
                f"`num_samples` must be at most as many clusters as there are images, "
                f"{len(mean):,}; got {count}."
            )
        return partition(comparable(subject), count, method, seed), count


class Attribute(Kind):
    """Images with more and more of what tells one class from all others."""

    name = "attribute"
    title = "Attribute"
    summary = "Images of other classes, moved in latent space towards one class."
    needs = (*OF_LATENTS, needs.no_classes, needs.labels)
    options = {"num_samples": 8, "label": None, "seed": None}

    def settings(self, subject, options):
        # Of the images' classes: the model knows none.
        label, names = options.get("label"), subject.images.class_names
        if isinstance(label, str):
            label = numbers_of(class_asked_for(label, names), names)
        classes = np.unique(subject.images.labels).tolist()
        if label is not None and label not in classes:
            raise ValueError(
                f"`label` must be one that the {subject.images.short} have, such as "
                f"{', '.join(map(str, classes[:10]))}; got {label!r}."
            )
        settings = super().settings(subject, {**options, "label": None})
        return {**settings, "label": int(classes[0] if label is None else label)}

    def draw(self, subject, num_samples, label, seed):
        mean, has = subject.encodings[0], subject.images.labels == label
        vector = difference_of_means(mean.astype(np.float64), has)
        order = subject.pick(len(mean), seed)
        chosen = order[~has[order]][:num_samples]
        z = mean[chosen, None] + np.array(STRENGTHS)[:, None] * vector
        moved = subject.decode(np.float32(z.reshape(-1, mean.shape[1])))
        moved = moved.reshape(*z.shape[:2], *subject.image_shape)
        images = subject.images.images[chosen][:, None]
        return draw_tiles(
            f"{subject.name}: more and more of {subject.images.name_of(label)}",
            np.concatenate([images, moved], axis=1),
            column_labels=["image", *(f"{strength:g} v" for strength in STRENGTHS)],
            row_width=600,
        )

    def caption(self, subject, num_samples, label, seed):
        name = subject.images.name_of(label)
        return (
            f"Left {subject.images.short} of other labels than {name!r}, drawn with "
            f"seed {seed}; beside each what {subject.name} decodes from its latents "
            f"and so many times v: the mean latent of label {name!r} less that of the "
            f"others, over {subject.images.words}."
        )


class Nearest(Kind):
    """Test images, and those that lie nearest in latent space."""

    name = "nearest"
    title = "Nearest neighbours"
    summary = "Test images, each beside those that are nearest in latent space."
    needs = (*OF_LATENTS, needs.two_images, needs.scikit_learn)
    options = {"num_samples": 8, "seed": None}

    def draw(self, subject, num_samples, seed):
        chosen, found = self._found(subject, num_samples, seed)
        images = subject.images.images
        tiles = np.concatenate([images[chosen][:, None], images[found]], axis=1)
        ranks = map(str, range(1, 1 + found.shape[1]))
        title = f"{subject.name}: nearest in latent space"
        return draw_tiles(title, tiles, column_labels=["image", *ranks])

    def caption(self, subject, num_samples, seed):
        chosen, found = self._found(subject, num_samples, seed)
        agree, labels = "", subject.images.labels
        if labels is not None:
            share = np.mean(labels[found] == labels[chosen, None])
            agree = f" {100 * share:.0f} % of these have its label."
        return (
            f"Left {len(chosen)} {subject.images.short}, drawn with seed {seed}; "
            f"beside each, of {subject.images.words}, those nearest to it in the "
            f"latent space of {subject.name}, the nearest first.{agree}"
        )

    def _found(self, subject, num_samples, seed):
        """(indices of test images (Q,), of their neighbours (Q, K))."""
        chosen = subject.pick(num_samples, seed)
        points = comparable(subject)
        count = min(columns_for(subject, 10), len(points) - 1)
        found, _ = neighbours(points, points[chosen], count + 1)
        # Of images that are there twice, either may come first.
        others = [
            row[row != own][:count] for row, own in zip(found, chosen, strict=True)
        ]
        return chosen, np.stack(others)


def comparable(subject):
    """Posterior means of the test images, as `Measure` makes them comparable."""
    mean, log_var = subject.encodings
    return Measure.of(mean, log_var, ladder=len(subject.latents) > 1)(mean)
