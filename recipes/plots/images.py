"""Plots of whole images: samples, reconstructions, styles."""

import numpy as np

from recipes.plots import needs
from recipes.plots.kind import Kind, columns_for
from recipes.plots.tiles import draw_tiles, in_rows, interleave

# Classes that fit into one plot.
MOST_CLASSES = 20


def shown_classes(subject):
    """The classes that a plot shows: all, or the first of many."""
    return np.arange(min(subject.num_classes, MOST_CLASSES))


class Samples(Kind):
    """Images drawn from the prior, in rows of labels where the model takes them."""

    name = "samples"
    title = "Samples"
    summary = "Images drawn from the prior, a row for each label if there are labels."
    reads_images = False
    needs = (needs.model, needs.prior)
    options = {"num_samples": None, "label": None, "temperature": 1.0, "seed": None}

    def draw(self, subject, num_samples, label, temperature, seed):
        labels, columns, names = self._layout(subject, num_samples, label)
        count = len(labels) if np.ndim(labels) else num_samples or 64
        images = subject.sample(count, labels, temperature=temperature, seed=seed)
        title = f"{subject.name}: samples"
        if label is not None:
            title += f" of {subject.label_name(label)}"
        return draw_tiles(title, in_rows(images, columns), row_labels=names)

    def _layout(self, subject, num_samples, label):
        """(labels for `sample`, images a row, labels of rows)."""
        most = columns_for(subject, 40)
        if subject.num_classes is None or label is not None:
            square = max(8, round((num_samples or 64) ** 0.5))
            return label, min(num_samples or 64, square, most), ()
        shown = shown_classes(subject)
        each = min(most, max(1, (num_samples or 8 * len(shown)) // len(shown)))
        names = [subject.label_name(c) for c in shown]
        return np.repeat(shown, each), each, names

    def caption(self, subject, num_samples, label, temperature, seed):
        labels, columns, names = self._layout(subject, num_samples, label)
        count = len(labels) if np.ndim(labels) else num_samples or 64
        what = "codes" if subject.has_codes else "latents"
        rows = f", {columns} for each label" if names else ""
        if label is not None:
            rows = f" of label {subject.label_name(label)!r}"
        heat = "" if temperature == 1 else f" at temperature {temperature:g}"
        return (
            f"Expected images of {count} {what}{rows}, drawn by {subject.name} from "
            f"its prior{heat} with seed {seed}; none was selected."
        )


class Reconstructions(Kind):
    """Test images beside what the model makes of them."""

    name = "reconstructions"
    title = "Reconstructions"
    summary = "Test images, and below each what encoder and decoder make of it."
    needs = (needs.model, needs.encoder, needs.images)
    options = {"num_samples": 20, "seed": None}

    def draw(self, subject, num_samples, seed):
        chosen = subject.pick(num_samples, seed)
        images = subject.images.images[chosen]
        columns = min(len(images), columns_for(subject, 10))
        decoded = subject.reconstruct(images, subject.network_labels(chosen))
        tiles = interleave(in_rows(images, columns), in_rows(decoded, columns))
        return draw_tiles(
            f"{subject.name}: reconstructions",
            tiles,
            row_labels=["original", "decoded"] * (len(tiles) // 2),
            group=2,
        )

    def caption(self, subject, num_samples, seed):
        count = min(num_samples, len(subject.images.images))
        of = "its most probable codes" if subject.has_codes else "its posterior mean"
        return (
            f"{count} {subject.images.short}, drawn with seed {seed} and not selected; "
            f"below each what {subject.name} decodes from {of}."
        )


class Styles(Kind):
    """One latent with every label: what the latent says is the style."""

    name = "styles"
    title = "Style transfer"
    summary = "One latent a row, decoded with every label: the style stays."
    needs = (needs.model, needs.classes, needs.latent_vectors)
    options = {"num_samples": 8, "seed": None}

    def draw(self, subject, num_samples, seed):
        shown = shown_classes(subject)
        columns = [subject.label_name(label) for label in shown]
        if self._from_images(subject):
            chosen = subject.pick(num_samples, seed)
            originals = subject.images.images[chosen]
            labels = subject.network_labels(chosen)
            tiles = subject.transfer_style(originals, labels, shown)
            tiles = np.concatenate([originals[:, None], tiles], axis=1)
            columns.insert(0, "image")
        else:
            # Of a prior that knows the label, the noise stays the same.
            images = [
                subject.decode(subject.draw_latents(num_samples, label, seed), label)
                for label in map(int, shown)
            ]
            tiles = np.stack(images, axis=1)
        title = f"{subject.name}: one style a row, every label"
        return draw_tiles(title, tiles, column_labels=columns)

    @staticmethod
    def _from_images(subject):
        """Whether styles are those of test images."""
        return subject.transfers_styles and subject.sees_images

    def caption(self, subject, num_samples, seed):
        every = f"decoded by {subject.name} with every label"
        if subject.num_classes > MOST_CLASSES:
            every = every.replace("every label", f"the first {MOST_CLASSES} labels")
        if self._from_images(subject):
            return (
                f"Left {num_samples} {subject.images.short}, drawn with seed {seed}; "
                f"beside each what its latent says beside the label, {every}."
            )
        return (
            f"In each row one draw from the prior, {every}; {num_samples} draws with "
            f"seed {seed}."
        )
