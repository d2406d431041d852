"""`Kind`: a kind of plot, what it needs and what can be chosen."""

import math

from recipes.common.labels import class_asked_for
from recipes.plots import style
from recipes.plots.tiles import WIDTH
from zoo.class_names import numbers_of

# Images in one plot, at most.
MOST = 400


class Kind:
    """One kind of plot. A subclass says what it is in `draw` and `caption`.

    Attributes:
        name: on the command line.
        title: a short heading.
        summary: one sentence on what it shows.
        animated: whether it is a GIF, instead of a PNG or SVG.
        reads_images: whether it looks at test images where there are some.
        needs: functions of `recipes.plots.needs`, asked in this order.
        options: {name: default} of what can be chosen; `seed` None is the subject's.
        methods: what `method` may be.
    """

    name = title = summary = ""
    animated = False
    reads_images = True
    needs = ()
    options = {}
    methods = ()

    @property
    def forms(self):
        """What kinds of files it can be."""
        return ("gif",) if self.animated else ("png", "svg")

    def why_not(self, subject):
        """A sentence on why a subject does not have this plot, or None."""
        for need in self.needs:
            if reason := need(subject):
                return reason
        return None

    def settings(self, subject, options):
        """All options, those that were not given at their defaults.

        Raises:
            ValueError: for options that it does not take, or that are out of range.
        """
        label = options.get("label")
        if isinstance(label, str):
            label = class_asked_for(label, subject.class_names)
            label = numbers_of(label, subject.class_names)
            options = {
                **options,
                "label": label if isinstance(label, str) else int(label),
            }
        for name, value in options.items():
            if value is None:
                continue
            if name not in self.options:
                takes = ", ".join(map(_flag, self.options)) or "no options"
                raise ValueError(
                    f"The plot {self.name!r} takes no {_flag(name)}; it takes {takes}."
                )
            self._check(subject, name, value)
        given = {name: value for name, value in options.items() if value is not None}
        settings = {**self.options, **given}
        if settings.get("seed", 0) is None:
            settings["seed"] = subject.seed
        return settings

    def _check(self, subject, name, value):
        if name == "method" and value not in self.methods:
            raise ValueError(
                f"The plot {self.name!r} knows no method {value!r}: choose one of "
                f"{', '.join(self.methods)}."
            )
        if name == "num_samples" and not 1 <= value <= MOST:
            raise ValueError(f"`num_samples` must be from 1 to {MOST}; got {value!r}.")
        if name == "seed" and not 0 <= value < 2**63:
            raise ValueError(f"`seed` must be from 0 to 2**63 - 1; got {value!r}.")
        if name == "temperature" and not 0 <= value < math.inf:
            raise ValueError(
                f"`temperature` must be a finite number >= 0; got {value!r}."
            )
        if name == "label":
            classes = subject.num_classes
            if classes is None:
                raise ValueError(f"{subject.name!r} takes no labels; got {value!r}.")
            if isinstance(value, str) or not 0 <= value < classes:
                raise ValueError(
                    f"`label` must be from 0 to {classes - 1}; got {value!r}."
                )

    def render(self, subject, form, options):
        """The plot as the bytes of a file: see `recipes.plots.render`."""
        if reason := self.why_not(subject):
            raise ValueError(reason)
        if form not in self.forms:
            raise ValueError(
                f"The plot {self.name!r} is written as {' or '.join(self.forms)}; "
                f"got {form!r}."
            )
        settings = self.settings(subject, options)
        with style.look():
            return self.to_bytes(self.draw(subject, **settings), form)

    def to_bytes(self, figure, form):
        """What `draw` returned as a file."""
        return style.to_bytes(figure, form)

    def draw(self, subject, **settings):
        """Draws it: a `matplotlib.figure.Figure`."""
        raise NotImplementedError

    def caption(self, subject, **settings):
        """What is seen, in a sentence or two."""
        raise NotImplementedError


def columns_for(subject, most):
    """How many images fit in a row, at most `most`."""
    return max(2, min(most, int(1.5 * WIDTH) // subject.image_shape[1]))


def _flag(option):
    return f"--{option.replace('_', '-')}"
