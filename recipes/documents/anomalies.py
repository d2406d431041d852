"""The pages of `vae-zoo anomaly score`: what is most unusual, and where in it."""

import base64
from typing import NamedTuple

import numpy as np

from recipes.common.contact_sheet import contact_sheet_png, in_pairs
from recipes.documents.pages import get_template
from recipes.documents.surprise import MOST, pieces
from zoo.text import printable
from zoo.vocabulary import UNKNOWN_WORD

# Of black, by red and yellow, to white: where each of the three channels is full.
_FULL_AT = np.array([0.4, 0.8, 1.0])
# The brightest pixel but for one in so many.
_BRIGHT = 0.995


class Picture(NamedTuple):
    """An image beside its map, as an address, and what is said below it."""

    name: str
    address: str
    below: float
    nats: str


def anomaly_page(name, detector, *, names, images, maps, decisions, counts):
    """The page as text.

    Args:
        name: of the images' source.
        detector: what `AnomalyDetector.to_json` says.
        names, images, maps, decisions: of those that are shown, the oddest first.
        counts: how many are anomalies, and of how many.

    Raises:
        ImportError: if Jinja2 is missing.
        ValueError: for images that are neither grey nor RGB.
    """
    template = get_template("anomalies.html.j2")
    most = max(float(np.quantile(maps, _BRIGHT)), 1e-6)
    pictures = [
        Picture(
            printable(each), _address(image, heat / most), -float(d), f"{abs(d):.1f}"
        )
        for each, image, heat, d in zip(names, images, maps, decisions, strict=True)
    ]
    return template.render(
        name=printable(name),
        most=f"{most:.3g}",
        pictures=pictures,
        **_told(detector, counts),
    )


class Text(NamedTuple):
    """A text in coloured pieces, and what is said above it.

    `given` is the text where it has words that the vocabulary does not have, else "".
    """

    number: int
    given: str
    pieces: list
    below: float
    nats: str


def anomalous_texts_page(
    name, detector, *, numbers, given, tokens, maps, decisions, counts, vocabulary
):
    """The page of a detector of texts, as text.

    Args:
        name, detector, decisions, counts: as for `anomaly_page`.
        numbers, given, tokens, maps: of the texts that are shown, the oddest first:
            where they stand, and as they stand there.
        vocabulary: `zoo.vocabulary.Vocabulary` of the tokens.

    Raises:
        ImportError: if Jinja2 is missing.
    """
    texts = []
    for number, text, row, nats, d in zip(
        numbers, given, tokens, maps, decisions, strict=True
    ):
        told = pieces(vocabulary, row, nats)
        unknown = UNKNOWN_WORD in (piece.text.strip() for piece in told)
        shown = printable(text) if unknown else ""
        texts.append(Text(int(number), shown, told, -float(d), f"{abs(d):.1f}"))
    return get_template("anomalous_texts.html.j2").render(
        name=printable(name),
        texts=texts,
        most=f"{MOST:g}",
        **_told(detector, counts),
    )


def _told(detector, counts):
    """What both pages say of a detector, and of how many anomalies it found."""
    return {
        "unusual": f"{counts[0]:,}",
        "total": f"{counts[1]:,}",
        "threshold": f"{detector['offset']:.6g}",
        "score": detector["score"],
        "share": f"{100 * (1 - detector['quantile']):.3g} %",
    }


def _address(image, heat):
    """An image (H, W, C), and beside it its map (H, W) of numbers up to 1, as a PNG."""
    image = np.broadcast_to(image, (*image.shape[:2], 3))
    pair = in_pairs(image[None], heat_colours(heat)[None])
    content = base64.b64encode(contact_sheet_png(pair, columns=2)).decode()
    return f"data:image/png;base64,{content}"


def heat_colours(heat):
    """Colours (H, W, 3) in [0, 1] of a map (H, W): black for 0, white for 1."""
    before = np.concatenate([[0.0], _FULL_AT[:-1]])
    return np.clip((heat[..., None] - before) / (_FULL_AT - before), 0, 1)
