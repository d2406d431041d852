"""Plots of how latents are used: a scatter of them, and the KL of each."""

import numpy as np

from recipes.common.backend import native_messages_hidden
from recipes.plots import needs, style
from recipes.plots.kind import Kind
from zoo.applications.projections import METHODS
from zoo.evaluation.diagnosis import SILENT

# Bars that can be told apart, and named.
MOST_BARS, MOST_NAMES = 200, 60
# Classes whose names are written where most of their points are.
MOST_WRITTEN = 12


class Scatter(Kind):
    """Posterior means in two dimensions, coloured by label."""

    name = "scatter"
    title = "Latent space"
    summary = "Test images as points: their latents in two dimensions, by label."
    needs = (
        needs.any_model,
        needs.latent_vectors,
        needs.encoder,
        needs.images,
        needs.two_latents,
    )
    options = {"method": "pca", "seed": None}
    methods = tuple(METHODS)

    def draw(self, subject, method, seed):
        mean = subject.encodings[0]
        if len(mean) < 4:
            raise ValueError(
                f"A scatter of {len(mean)} image(s) shows nothing: give at least 4."
            )
        with native_messages_hidden():  # UMAP imports TensorFlow where there is one
            points, names = METHODS[method](mean, seed)
        figure, (axes,) = style.new_chart(
            f"{subject.name}: latents of {len(mean):,} test {subject.noun}", height=5.4
        )
        draw_classes(axes, points, subject.images.labels, subject.images.name_of)
        axes.set(xlabel=names[0], ylabel=names[1])
        axes.set_aspect("equal", adjustable="datalim")
        if method != "pca":
            axes.tick_params(labelbottom=False, labelleft=False, length=0)
        return figure

    def caption(self, subject, method, seed):
        how = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}[method]
        by = ", coloured by label" if subject.images.labels is not None else ""
        seeded = "" if method == "pca" else f" (seed {seed}; distances between far "
        seeded += "" if method == "pca" else "points mean little)"
        return (
            f"Posterior means of {subject.images.words}, encoded by {subject.name} and "
            f"brought to two dimensions by {how}{seeded}{by}."
        )


def draw_classes(axes, points, labels, name_of):
    """Points (N, 2) in a colour and marker for each label, with a legend."""
    dots = {"s": 14, "alpha": 0.75, "linewidths": 0}
    if labels is None:
        axes.scatter(*points.T, color=style.BLUE, **dots)
        return
    classes = np.unique(labels)
    if len(classes) > len(style.CYCLE) * len(style.MARKERS):
        drawn = axes.scatter(*points.T, c=labels, cmap="viridis", **dots)
        axes.figure.colorbar(drawn, ax=axes, label="label")
        return
    for i, label in enumerate(classes):
        axes.scatter(
            *points[labels == label].T,
            color=style.CYCLE[i % len(style.CYCLE)],
            marker=style.MARKERS[i // len(style.CYCLE)],
            label=name_of(int(label)),
            **dots,
        )
    _write_names(axes, points, labels, [name_of(int(label)) for label in classes])
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.0, 1.0),
        markerscale=1.8,
        title="label",
        title_fontsize=style.TEXT - 1,
        handletextpad=0.2,
        ncols=-(-len(classes) // 18),
    )


def _write_names(axes, points, labels, names):
    """Writes names of classes at the medians of their points, if these lie apart."""
    from matplotlib import patheffects

    medians = np.stack([np.median(points[labels == c], 0) for c in np.unique(labels)])
    distances = np.linalg.norm(medians[:, None] - medians, axis=-1)
    others = distances[~np.eye(len(names), dtype=bool)]
    crowded = np.any(others < 0.03 * np.ptp(points, axis=0).max())
    if crowded or len(names) > MOST_WRITTEN:
        return
    halo = patheffects.withStroke(linewidth=3, foreground="white")
    for name, median in zip(names, medians, strict=True):
        axes.text(*median, name, ha="center", va="center", path_effects=[halo])


def _of_one(subject):
    return "a text" if subject.of_texts else "an image"


class Units(Kind):
    """The KL of each latent, largest first."""

    name = "units"
    title = "Active units"
    summary = "How many nats each latent tells of an image, most first."
    needs = (needs.kl,)

    def draw(self, subject):
        kl = subject.ranking.values
        order = subject.ranking.order
        used = int(np.sum(kl >= SILENT))
        figure, (axes,) = style.new_chart(
            f"{subject.name}: {used:,} of {len(kl):,} latents in use"
        )
        ranks = np.arange(1, len(kl) + 1)
        heights = kl[order]
        if len(kl) > MOST_BARS:
            axes.fill_between(ranks, heights, step="mid", color=style.BLUE)
            axes.axvline(used + 0.5, color=style.GREY, linewidth=1, linestyle="--")
        else:
            colours = np.where(heights >= SILENT, style.BLUE, style.GREY)
            # A line of a pixel at least, where a latent tells nothing.
            axes.bar(ranks, heights, width=0.8, color=colours)
        axes.set_xlim(0.2, len(kl) + 0.8)
        axes.set_ylim(bottom=0)
        axes.grid(axis="x", visible=False)
        if len(kl) <= MOST_NAMES:
            small = style.TEXT - 1 if len(kl) <= 30 else style.TEXT - 3
            axes.set_xticks(ranks, order, fontsize=small)
        half = 1 + int(np.searchsorted(np.cumsum(heights), heights.sum() / 2))
        axes.set_title(
            f"{used:,} reach {SILENT} nats; the first {half:,} hold half of all nats",
            weight="normal",
        )
        by_name = "latent" if len(kl) <= MOST_NAMES else "latents in this order"
        axes.set(xlabel=by_name, ylabel=f"KL, nats {_of_one(subject)}")
        return figure

    def caption(self, subject):
        kl = subject.ranking.values
        moments = ""
        if subject.prior not in ("standard_normal", "label_normal"):
            moments = (
                " The prior is learned for all latents together, so that each is taken "
                "against the normal distribution of its own mean and variance."
            )
        return (
            f"KL of each latent of {subject.name} in nats {_of_one(subject)}, averaged "
            f"over {subject.ranking.images}, largest first: "
            f"{int(np.sum(kl >= SILENT)):,} of {len(kl):,} reach {SILENT}.{moments}"
        )
