"""Training curves: the ELBO and the two terms that it is the sum of."""

import numpy as np

from recipes.plots import needs, style
from recipes.plots.kind import Kind

# Name in the history, heading and unit: both terms are shown as what they cost.
PANELS = (
    ("elbo", "ELBO", "nats"),
    ("reconstruction", "reconstruction", "-E log p(x|z), nats"),
    ("kl", "KL", "nats"),
)
PRIOR_PANEL = ("loss", "prior over the codes", "-log p, nats a code")


class Training(Kind):
    """The ELBO over epochs, split into its two terms; the prior of a VQVAE beside."""

    name = "training"
    title = "Training"
    summary = "The ELBO over epochs, and the two terms that it is made of."
    reads_images = False
    needs = (needs.history,)

    def draw(self, subject):
        return draw_histories(subject.histories(), f"{subject.name}: training")

    def caption(self, subject):
        histories = subject.histories()
        epochs = len(histories["model"]["elbo"])
        beside = ""
        if "prior" in histories:
            count = len(histories["prior"]["loss"])
            beside = f"; last the prior over its codes, trained for {count:,} more"
        return (
            f"Training of {subject.name} over {epochs:,} epoch{'s' * (epochs > 1)}, in "
            "nats: the ELBO is minus the reconstruction term minus the KL"
            f"{beside}. Axes leave out the first epochs where they are far off."
        )


def draw_histories(histories, title):
    """Draws histories of training, one panel a term.

    Args:
        histories: as `recipes.common.histories.write_histories` takes them.
        title: of the plot.
    """
    panels = [
        (histories["model"], *panel)
        for panel in PANELS
        if panel[0] in histories["model"]
    ]
    if PRIOR_PANEL[0] in histories.get("prior", {}):
        panels.append((histories["prior"], *PRIOR_PANEL))
    rows = 1 if len(panels) < 4 else 2
    columns = -(-len(panels) // rows)
    figure, every = style.new_chart(
        title, rows, columns, width=2.7 * columns + 0.5, height=2.6 * rows + 0.3
    )
    for axes, (history, name, heading, unit) in zip(every, panels, strict=True):
        _draw_curves(axes, history, name)
        axes.set(title=heading, xlabel="epoch", ylabel=unit)
    if len(every[0].lines) > 1:
        every[0].legend(loc="lower right")
    return figure


def _draw_curves(axes, history, name):
    """One figure in training and, where there was one, in validation."""
    drawn = []
    for key, label, colour in (
        (name, "training", style.BLUE),
        (f"val_{name}", "validation", style.ORANGE),
    ):
        if values := history.get(key):
            epochs = np.arange(1, len(values) + 1)
            # A line through few points would hide that they are few.
            marker = "o" if len(values) <= 12 else None
            axes.plot(
                epochs, values, color=colour, label=label, marker=marker, markersize=4
            )
            drawn.append(np.asarray(values, np.float64))
    low, high = settled_range(drawn)
    axes.set_ylim(low, high)
    axes.xaxis.get_major_locator().set_params(integer=True, nbins=5)


def settled_range(curves):
    """(low, high) of an axis that shows curves well once they have settled.

    Args:
        curves: list of float arrays (epochs,). Their first tenth is far from the rest,
            and left out where there are 5 epochs or more.
    """
    settled = [values[-(-len(values) // 10) :] for values in curves if len(values) > 4]
    settled = np.concatenate(settled or curves)
    settled = settled[np.isfinite(settled)]
    if not len(settled):
        return 0.0, 1.0
    low, high = settled.min(), settled.max()
    margin = 0.06 * (high - low) or 0.5
    return float(low - margin), float(high + margin)


def training_png(histories):
    """The picture of a model card: `draw_histories` as the bytes of a PNG."""
    with style.look():
        return style.to_bytes(draw_histories(histories, "Training"), "png")
