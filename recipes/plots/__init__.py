"""Plots of trained models: one look, from presets, runs and exported files.

>>> from recipes import plots
>>> subject = plots.open_subject("dense_vae_digits")
>>> plots.kinds_for(subject)[:3]
['samples', 'reconstructions', 'traversal']
>>> plots.render("units", subject, "png")[:4]
b'\\x89PNG'

To import this costs NumPy. matplotlib is imported when a plot is drawn, Keras when a
preset's model is first asked; exported files never need it.
"""

import difflib

from recipes.plots.codes import Codebook, Codes
from recipes.plots.distribution import Scatter, Units
from recipes.plots.images import Reconstructions, Samples, Styles
from recipes.plots.kind import Kind
from recipes.plots.latents import Animation, Interpolation, Manifold, Traversal
from recipes.plots.levels import Levels
from recipes.plots.subjects import open_subject
from recipes.plots.tools import Attribute, Clusters, Nearest
from recipes.plots.training_curves import Training

__all__ = [
    "KINDS",
    "Kind",
    "caption",
    "get_kind",
    "kinds_for",
    "open_subject",
    "render",
    "why_not",
]

# In the order in which they tell about a model.
KINDS = {
    kind.name: kind
    for kind in (
        Samples(),
        Reconstructions(),
        Traversal(),
        Animation(),
        Interpolation(),
        Manifold(),
        Levels(),
        Scatter(),
        Clusters(),
        Nearest(),
        Attribute(),
        Styles(),
        Training(),
        Units(),
        Codebook(),
        Codes(),
    )
}


def get_kind(name):
    """The `Kind` of a name.

    Raises:
        ValueError: if there is none; names close to it are suggested.
    """
    if name not in KINDS:
        close = difflib.get_close_matches(str(name), KINDS, n=2)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise ValueError(f"There is no plot {name!r}.{hint} Plots: {', '.join(KINDS)}.")
    return KINDS[name]


def why_not(kind, subject):
    """A sentence on why a subject does not have a kind of plot, or None if it does.

    Test images are read for the kinds that need them, and nothing is drawn.

    Args:
        kind: a name of `KINDS`.
        subject: what `open_subject` returned.

    Raises:
        ValueError: if there is no such kind.
    """
    return get_kind(kind).why_not(subject)


def kinds_for(subject):
    """Names of the kinds that a subject has, in the order of `KINDS`."""
    return [name for name in KINDS if why_not(name, subject) is None]


def render(kind, subject, form="png", **options):
    """Draws a plot.

    Args:
        kind: a name of `KINDS`.
        subject: what `open_subject` returned. What it computes is kept with it.
        form: "png" or "svg", of animated kinds "gif".
        options: as far as the kind takes them (`Kind.options`): `seed`, of what is
            drawn at random; `num_samples`, how many images, rows or pairs; `label`, for
            conditional models; `temperature`; `method`. None is the default.

    Returns:
        bytes of the file; the same for the same arguments.

    Raises:
        ValueError: if the subject does not have this plot (see `why_not`), or for
            options that the kind does not take or that are out of range.
        ImportError: if a package is missing; says what to install.
    """
    return get_kind(kind).render(subject, form, options)


def caption(kind, subject, **options):
    """What a plot shows, in a sentence or two: also for those who cannot see it.

    Args:
        kind, subject, options: those that it was rendered with.

    Raises:
        ValueError: as `render`.
    """
    kind = get_kind(kind)
    if reason := kind.why_not(subject):
        raise ValueError(reason)
    return kind.caption(subject, **kind.settings(subject, options))
