"""WordNet's glosses: what each of its 117,659 meanings is, in a phrase or a sentence.

Miller, "WordNet: A Lexical Database for English", 1995; version 3.0.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from recipes.data.locations import data_folder
from recipes.data.texts.source import Lines, TextSource

NAME = "wordnet"
LICENSE = "WordNet 3.0 license"
CLASSES = ("noun", "verb", "adjective", "adverb")
_FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
# Where Debian's package wordnet-base puts them.
_SYSTEM = Path("/usr/share/wordnet")
# Examples follow a definition, in quotation marks.
_EXAMPLES = re.compile(r';?\s*"[^"]*"?.*$', re.DOTALL)


def wordnet_source(data_dir=None) -> TextSource:
    """A definition a meaning, without the examples that follow it, by part of speech.

    Args:
        data_dir: as in `recipes.data.locations.data_folder`. WordNet's `data.noun`,
            ... are looked for in its folder "wordnet", then where Debian has them.

    Raises:
        FileNotFoundError: if they are not there; says how to get them.
        ValueError: if a file is damaged.
    """
    folders = (data_folder(data_dir) / NAME, _SYSTEM)
    folder = next((f for f in folders if (f / _FILES[0]).is_file()), None)
    if folder is None:
        raise FileNotFoundError(
            f"WordNet is neither in {str(folders[0])!r} nor in {str(_SYSTEM)!r}: "
            "install Debian's package wordnet-base, or unpack WordNet 3.0 and put its "
            "files data.noun, data.verb, data.adj and data.adv there."
        )

    def read(split):
        texts, labels = [], []
        for label, name in enumerate(_FILES):
            found = glosses(folder / name)
            texts += found
            labels += [label] * len(found)
        return Lines(texts, np.array(labels, np.int64))

    notes = [f"WordNet's definitions, in {str(folder)!r}, without examples of use"]
    return TextSource(NAME, ("train",), read, notes, CLASSES, LICENSE)


def glosses(path: Path) -> list[str]:
    """The definitions in one of WordNet's files, in its order.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of WordNet's.
    """
    if not path.is_file():
        raise FileNotFoundError(f"WordNet lacks {str(path)!r}.")
    found = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("  "):  # the licence
                continue
            _, bar, gloss = line.partition("|")
            if not bar:
                raise ValueError(f"Line {number} of {str(path)!r} is none of WordNet.")
            found.append(_EXAMPLES.sub("", gloss.strip()).strip().rstrip(";").strip())
    return found
