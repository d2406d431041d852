"""A model as its export sees it: what its latents are, and how they are drawn."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from export import priors
from export.errors import ExportError
from export.runtime.golden import max_error

_ROWS = 8


@dataclass(frozen=True)
class Subject:
    """A model, and the record of the prior that it really draws from.

    Attributes:
        model: a zoo model.
        record: `export.priors.PriorRecord`, or None: files then name no prior of ours,
            and generator.onnx alone draws.
        detector: what a fitted `AnomalyDetector` keeps, if scores are exported.
    """

    model: Any
    record: Any
    detector: Any = None

    @classmethod
    def of(cls, model, detector=None):
        """A model and what its hooks make of its prior, tried out.

        Raises:
            ExportError: if files cannot follow its labels.
        """
        _check_labels(model)
        return cls(model, _record_of(model), detector)

    @property
    def group(self):
        """The `LatentSpec` of what is decoded, None where it is several groups."""
        return _group(self.model)

    @property
    def has_codes(self):
        """Whether latents are one grid of codes."""
        return self.group is not None and self.group.is_codes

    @property
    def latent_name(self):
        """What files call the latents of a model of one group."""
        return "codes" if self.has_codes else "z"

    @property
    def networks_see_labels(self):
        """Whether encoder and decoder need labels, not the prior alone."""
        return has_labels(self.model) and not _accepts(
            self.model.check_network_labels, None
        )

    def posterior_statistics(self):
        """What the model says of q(z|x) of some observations, {name: tensor}."""
        model = self.model
        given = labels(model, 2) if self.networks_see_labels else None
        return model.posterior_statistics(model.event.zeros(2), given and given[0])


def _group(model):
    row = getattr(model, "latent_row", None)
    return model.latents[0] if row is None and len(model.latents) == 1 else row


def is_of_texts(model):
    """Whether a model's observations are rows of tokens, as `zoo.TextVAE`'s are."""
    from zoo.event import Tokens

    return isinstance(model.event, Tokens)


def can_classify(model):
    """Whether a model has a classifier q(y|x), as `zoo.SemiSupervisedVAE` does."""
    classes = getattr(model, "num_classes", None)
    return classes is not None and hasattr(model, "class_logits")


def has_labels(model):
    """Whether a model takes labels, classes or attributes."""
    given = (getattr(model, name, None) for name in ("num_classes", "num_attributes"))
    return any(number is not None for number in given)


def labels(model, rows):
    """Labels to try a model with: int32 (N,) or float32 (N, num_attributes), or None.

    Returns:
        a pair of arrays, for ordinary and for extreme probes: the first and the last
        classes; attributes that are 0 or 1, and ones from N(0, 4).
    """
    if getattr(model, "num_classes", None) is not None:
        first = (np.arange(rows) % model.num_classes).astype(np.int32)
        return first, np.int32(model.num_classes - 1) - first
    if getattr(model, "num_attributes", None) is not None:
        rng = np.random.default_rng(2)
        shape = (rows, model.num_attributes)
        binary = rng.integers(0, 2, shape).astype(np.float32)
        return binary, 2 * rng.standard_normal(shape, dtype=np.float32)
    return None


def _accepts(check, labels):
    try:
        check(labels, _ROWS)
    except (ValueError, TypeError):
        return False
    return True


def _check_labels(model):
    """Refuses labels that a graph cannot take as `check_labels` does."""
    name = type(model).__name__
    if not has_labels(model):
        if not _accepts(model.check_labels, None):
            raise ExportError(
                f"{name} takes labels, but has neither `num_classes` nor "
                "`num_attributes`, by which files describe them."
            )
        return
    given = labels(model, _ROWS)[0]
    try:
        checked = model.check_labels(given, len(given))
    except (ValueError, TypeError) as error:
        raise ExportError(
            f"{name}.check_labels refuses labels that its files would take: {error}"
        ) from error
    if not np.array_equal(checked, given):
        raise ExportError(
            f"{name}.check_labels changes labels, which no file can do: change what "
            "the networks see of them instead, in `label_vectors`."
        )


def _record_of(model):
    """The record of a model's prior, if the model draws as that record says."""
    record = priors.of_prior(getattr(model, "prior", None))
    if record is None or _group(model) is None or not model.can_sample:
        return None
    return record if _draws_as(model, record) else None


def _draws_as(model, record):
    """Whether a model's latents are those of a record's NumPy form.

    A `make_prior` of a subclass may return anything else.
    """
    from keras import ops

    numpy_form = record.in_numpy(model.prior)
    if numpy_form is None:
        return record.is_drawn_by(model)
    columns = model.noise.normals
    # Those that choose the tokens of a text are none of the prior's.
    places = model.event.size if is_of_texts(model) else 0
    if model.noise.uniforms != places or _group(model).shape != (columns,):
        return False
    if getattr(model.prior, "latent_dim", columns) != columns:
        return False  # of a part of the row alone
    noise = np.random.default_rng(3).standard_normal((_ROWS, columns), np.float32)
    others = {"uniforms": ops.zeros((_ROWS, places))} if places else {}
    given = labels(model, _ROWS)
    for temperature in (1.0, 0.5):
        for y in given or (None,):
            drawn = model.draw_latents(
                noise=ops.convert_to_tensor(noise),
                temperature=temperature,
                labels=y,
                **others,
            )
            expected = numpy_form(noise * np.float32(temperature), y)
            error = max_error(ops.convert_to_numpy(drawn), expected)
            if not error <= record.tolerance:
                return False
    return True
