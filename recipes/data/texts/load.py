"""`load_texts`: any source of texts, split, as tokens."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from recipes.data.labels import as_labels
from recipes.data.splits import Plan, check_names
from recipes.data.texts.files import TABLES, from_lines, from_table
from recipes.data.texts.phrases import phrases_source
from recipes.data.texts.source import Lines, TextSource
from recipes.data.texts.vocabularies import make_vocabulary
from recipes.data.texts.wordnet import wordnet_source
from zoo.vocabulary import (
    END,
    MOST_CHARACTERS,
    UNKNOWN,
    Vocabulary,
    shortened,
)

# Of a vocabulary that is made here: its kind, and how many tokens.
KIND, SIZE = "bytes", 4096
MAX_LENGTH = 64
EMBEDDED = ("phrases", "wordnet")
# "imdb_reviews", "glue/sst2", "ag_news_subset:1.0.0"; what ends as a file does is none.
_TFDS_NAME = re.compile(r"[a-zA-Z]\w*(/[\w+-]+)?(:\d+\.\d+\.\d+)?")


@dataclasses.dataclass(frozen=True, eq=False)
class TextData:
    """Texts as tokens, split; a split that was not asked for is `None`.

    Attributes:
        name: name of the source, such as "wordnet".
        vocabulary: a `zoo.vocabulary.Vocabulary`.
        train, validation, test: int32 (N, T), or `None`.
        train_labels, validation_labels, test_labels: int64 (N,), or `None`.
        class_names: names of the labels 0, 1, ..., or `None`.
        report: one sentence each on where the texts came from and what was done.
        license: licence of the texts, or `None` if unknown.
        words: {split: number of words in it}, for perplexities.
        lengths: {split: int64 (N, 2)}, words and characters of each of its texts.
        unknown: {split: number of its words that the vocabulary does not have}.
        left_out: {split: number of texts that were too long for it}.
    """

    # What sentences call several.
    noun: ClassVar[str] = "texts"

    name: str
    vocabulary: Vocabulary
    train: np.ndarray | None = None
    validation: np.ndarray | None = None
    test: np.ndarray | None = None
    train_labels: np.ndarray | None = None
    validation_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    report: list[str] = dataclasses.field(default_factory=list)
    license: str | None = None
    words: dict[str, int] = dataclasses.field(default_factory=dict)
    lengths: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    unknown: dict[str, int] = dataclasses.field(default_factory=dict)
    left_out: dict[str, int] = dataclasses.field(default_factory=dict)

    def as_test(self, split: str) -> TextData:
        """The same, where another split stands for the test split."""
        own = {name: getattr(self, f"{split}{name}") for name in ("", "_labels")}
        counts = {
            name: {"test": getattr(self, name)[split]}
            for name in ("words", "lengths", "unknown", "left_out")
        }
        return dataclasses.replace(
            self, test=own[""], test_labels=own["_labels"], **counts
        )

    @property
    def num_classes(self) -> int | None:
        """How many classes the labels know, or `None` without labels."""
        return None if self.class_names is None else len(self.class_names)


def load_texts(
    source: Any,
    *,
    vocabulary: Any = None,
    kind: str = KIND,
    size: int = SIZE,
    max_length: int = MAX_LENGTH,
    column: str | None = None,
    label: str | None = None,
    data_dir: Any = None,
    splits: Any = ("train", "validation"),
    validation: Any = None,
    test: Any = None,
    seed: int = 0,
    download: bool = False,
) -> TextData:
    """Loads texts from a file, a table, a data set or a list, as rows of tokens.

    White space of any sort counts as one space. Empty texts, and those of more tokens
    than `max_length`, are left out of all splits, and counted in the report. The test
    split is the source's own, and is opened only if `splits` asks for it, or if the
    vocabulary is made here, for which training texts alone are counted; a source
    without one gets a test split cut from it, the same whatever `seed` is.

    Args:
        source: one of
            - "wordnet" or "phrases" (see `wordnet.py`, `phrases.py`), or the name of a
              data set of texts that TFDS knows and that is prepared in `data_dir`;
            - a text file, UTF-8, of which each line is a text;
            - a `.csv`, `.tsv` or Parquet file;
            - a list of texts, or a tuple (texts, labels).
        vocabulary: a `zoo.vocabulary.Vocabulary`, such as a model's; `None` makes one
            of the training texts.
        kind, size: of one that is made: "bytes" or "words", and how many tokens.
        max_length: tokens of the longest text that is taken, T.
        column, label: names of a table's columns of texts and of classes, where they
            are not clear.
        data_dir: folder of prepared TFDS data sets; by default TFDS_DATA_DIR.
        splits, validation, test, seed, download: as in `recipes.data.load_images`.

    Returns:
        a `TextData`.

    Raises:
        ValueError: if the source is unknown, binary, empty, or too small to split.
        TypeError: if `source` is none of the kinds above.
        FileNotFoundError: if a file or a prepared data set is missing.
        ImportError: if a package is missing; it says which to install.

    Example:
        >>> from recipes.data.texts import load_texts
        >>> texts = ["one small cat", "two small cats"] * 20
        >>> data = load_texts(texts, kind="words", size=10, max_length=4)
        >>> data.train.shape, data.vocabulary.decode(data.train[:1])
        ((32, 4), ['one small cat'])
    """
    wanted = check_names(splits)
    opened = open_texts(source, column, label, data_dir, download)
    plan = Plan.make(opened.splits, test, validation, seed, "texts")
    notes, parts = [], {}
    for own in opened.splits:
        users = [split for split in wanted if plan.origin[split] == own]
        needed = vocabulary is None and own == "train"
        if not users and not needed:
            continue
        lines, found = without_empty(opened.read(own), opened.name)
        notes += found
        indices = plan.indices(own, len(lines.texts))
        if needed:
            counted = [lines.texts[i] for i in indices["train"]]
            vocabulary = make_vocabulary(counted, kind, size)
        parts |= {
            split: Lines(
                [lines.texts[i] for i in indices[split]],
                None if lines.labels is None else lines.labels[indices[split]],
            )
            for split in users
            if len(indices[split])
        }
    vocabulary = Vocabulary.of(vocabulary)
    notes.append(f"vocabulary: {len(vocabulary):,} tokens, {vocabulary.kind}")
    fields, cut = {}, {}
    for split, part in parts.items():
        cut[split] = as_tokens(part, vocabulary, max_length)
        notes += [f"{split}: {sentence}" for sentence in cut[split].notes]
        fields |= {split: cut[split].tokens, f"{split}_labels": cut[split].labels}
    if not cut:
        raise ValueError(
            f"Nothing to load from {opened.name}: the splits asked for, "
            f"{list(wanted)}, are empty with these `validation` and `test`."
        )
    sentences = plan.sentences(wanted, {s: len(c.tokens) for s, c in cut.items()})
    return TextData(
        opened.name,
        vocabulary,
        **fields,
        class_names=opened.class_names,
        report=[
            *dict.fromkeys([*opened.notes, *notes]),
            *sentences,
        ],
        license=opened.license,
        words={s: int(c.lengths[:, 0].sum()) for s, c in cut.items()},
        lengths={s: c.lengths for s, c in cut.items()},
        unknown={s: c.unknown for s, c in cut.items()},
        left_out={s: c.left_out for s, c in cut.items()},
    )


def open_texts(source, column=None, label=None, data_dir=None, download=False):
    """Tells a name from a file and a list, and opens it: a `TextSource`.

    Arguments and errors are those of `load_texts`.
    """
    if (
        isinstance(source, tuple)
        and len(source) == 2
        and not isinstance(source[0], str)
    ):
        return _of_list(*source)
    if isinstance(source, (list, tuple, np.ndarray)):
        return _of_list(source)
    if not isinstance(source, (str, os.PathLike)) or isinstance(source, Mapping):
        raise TypeError(
            "`source` must be the name of a data set, a file or a list of texts, "
            f"received {type(source).__name__}."
        )
    if not os.fspath(source).strip():
        raise ValueError("`source` must name a data set or a file, it is ''.")
    path = Path(source).expanduser()
    if source == "phrases":
        return phrases_source()
    if source == "wordnet":
        return wordnet_source(data_dir)
    if path.suffix.lower() in TABLES:
        return from_table(path, column, label)
    if path.is_file():
        return from_lines(path)
    if path.is_dir() or not _TFDS_NAME.fullmatch(str(source)):
        what = "a folder" if path.is_dir() else "no file"
        raise FileNotFoundError(
            f"{str(path)!r} is {what}; wanted a file of lines, a .csv, .tsv or "
            ".parquet file, or the name of a data set of texts."
        )
    from recipes.data.texts.tfds_texts import from_tfds_texts

    return from_tfds_texts(str(source), column, label, data_dir, download)


def _of_list(texts: Sequence[str], labels=None):
    texts = list(texts)
    if not all(isinstance(text, str) for text in texts):
        wrong = next(type(t).__name__ for t in texts if not isinstance(t, str))
        raise TypeError(f"`source` must be a list of texts; one is a {wrong}.")
    if labels is not None:
        labels = as_labels(labels, len(texts), "the texts")
    return TextSource(
        "texts", ("train",), lambda split: Lines(texts, labels), of_file=True
    )


def without_empty(lines, name):
    """A part without texts that are empty, and what is to be said of it."""
    kept = [i for i, text in enumerate(lines.texts) if text.strip()]
    if not kept:
        raise ValueError(f"{name} has no texts: all of its lines are empty.")
    empty = len(lines.texts) - len(kept)
    notes = [*lines.notes]
    if empty:
        notes.append(f"{empty:,} empty of {len(lines.texts):,} texts left out")
    labels = None if lines.labels is None else lines.labels[kept]
    return Lines([lines.texts[i] for i in kept], labels), notes


@dataclasses.dataclass(frozen=True, eq=False)
class Cut:
    """Texts as a vocabulary cuts them.

    Attributes:
        tokens: int32 (N, T).
        labels: (N,), or `None`.
        lengths: int64 (N, 2), words and characters of each.
        kept: which of the given texts they are, int64 (N,).
        unknown: number of words that the vocabulary does not have.
        left_out: number of texts that were too long.
        notes: sentences for the report.
    """

    tokens: np.ndarray
    labels: np.ndarray | None
    lengths: np.ndarray
    kept: np.ndarray
    unknown: int
    left_out: int
    notes: list[str]


def as_tokens(part: Lines, vocabulary: Vocabulary, length: int) -> Cut:
    """Texts as rows of tokens, without those that are longer than `length`.

    Raises:
        ValueError: if all are.
    """
    notes, kept, rows, lengths, unknown, long = [], [], [], [], 0, []
    for i, text in enumerate(part.texts):
        # What no vocabulary cuts is too long for any model.
        tokens = vocabulary.cut(text) if len(text) <= MOST_CHARACTERS else None
        if tokens is None or len(tokens) > length:
            long.append(text)
            continue
        words = text.split()
        kept.append(i)
        lengths.append((len(words), len(" ".join(words))))
        if vocabulary.kind == "words":
            unknown += tokens.count(UNKNOWN)
        rows.append(tokens + [END] * (length - len(tokens)))
    if long:
        notes.append(
            f"{len(long):,} of {len(part.texts):,} texts are longer than {length} "
            f"tokens, and left out, such as {shortened(long[0])!r}"
        )
    if not rows:
        raise ValueError(
            f"All {len(part.texts):,} texts are longer than {length} tokens: give a "
            "larger `max_length`, or shorter texts."
        )
    tokens = np.array(rows, np.int32)
    if unknown:
        share = unknown / int(np.sum(tokens != END))
        notes.append(f"{share:.2%} of the words are not known")
    labels = None if part.labels is None else part.labels[kept]
    return Cut(
        tokens,
        labels,
        np.array(lengths, np.int64),
        np.array(kept, np.int64),
        unknown,
        len(long),
        notes,
    )
