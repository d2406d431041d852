"""What a source of texts must offer: its own splits, read one at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass
class Lines:
    """One of a source's own splits, as it was found.

    Attributes:
        texts: each as it stands in the source.
        labels: int64 (N,), or `None`.
        notes: sentences for the report.
    """

    texts: list[str]
    labels: np.ndarray | None = None
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class TextSource:
    """A named set of texts with one to three splits of its own.

    Attributes:
        name: how the report and errors name it.
        splits: which of "train", "validation" and "test" it has; always "train".
        read: reads one of them, so that a split nobody asked for is never opened.
        notes: sentences for the report.
        class_names: names of the labels 0, 1, ..., or `None`.
        license: licence of the texts, or `None` if unknown.
        of_file: whether they are a file's or a list's, all of which is looked at where
            each text is.
    """

    name: str
    splits: tuple[str, ...]
    read: Callable[[str], Lines]
    notes: list[str] = dataclasses.field(default_factory=list)
    class_names: tuple[str, ...] | None = None
    license: str | None = None
    of_file: bool = False
