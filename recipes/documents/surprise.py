"""How surprising each token of some texts is: texts of a page, coloured."""

from typing import NamedTuple

import numpy as np

from recipes.documents.examples import pieces_of, surprises
from zoo.text import printable

# Texts that are shown, and nats of a token that is as red as one can be.
SHOWN, MOST = 8, 8.0
# What stands for the end of a text.
END_SIGN = " \N{BLACK SQUARE}"


class Piece(NamedTuple):
    """A part of a text, its nats in words, and how red it is, from 0 to 1."""

    text: str
    nats: str
    share: str


def pieces(vocabulary, row, nats):
    """The `Piece`s of a text.

    Args:
        vocabulary, row, nats: as `recipes.documents.examples.pieces_of` takes them.
    """
    return [
        Piece(
            printable(text) or END_SIGN,
            f"{value:.2f} nats",
            f"{min(max(value, 0.0) / MOST, 1.0):.2f}",
        )
        for text, value in pieces_of(vocabulary, row, nats)
    ]


def surprising_texts(subject, seed):
    """Lists of `Piece`s, one a text: test texts drawn with a seed.

    Args:
        subject: a `recipes.plots.subjects.subject.Subject` of texts that can be seen.
    """
    chosen = np.sort(subject.pick(SHOWN, seed))
    rows = subject.images.images[chosen]
    nats = surprises(subject.model, rows, subject.network_labels(chosen))
    vocabulary = subject.model.vocabulary
    return [pieces(vocabulary, row, of) for row, of in zip(rows, nats, strict=True)]
