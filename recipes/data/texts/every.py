"""`load_every_text`: all texts of a file in their order, to look at one by one."""

from __future__ import annotations

import dataclasses

import numpy as np

from recipes.data.texts.load import as_tokens, load_texts, open_texts, without_empty
from recipes.data.texts.source import Lines
from zoo.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True, eq=False)
class EveryText:
    """Texts that are looked at one by one, not trained on.

    Attributes:
        name: of the source, as the report calls it.
        texts: as they stand there, but for white space.
        tokens: int32 (N, T).
        numbers: which of the source's texts each one is, counted from 1: of a file of
            lines the line. Those that are empty or too long are left out.
        labels: int64 (N,), or `None`.
        class_names: names of the labels, or `None`.
        report: sentences on what was read and left out.
    """

    name: str
    texts: list[str]
    tokens: np.ndarray
    numbers: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    report: list[str]


def load_every_text(
    source, vocabulary, max_length, *, column=None, label=None, data_dir=None
) -> EveryText:
    """All texts of a file or a list, or the test split of a data set.

    Args:
        source, vocabulary, max_length, column, label, data_dir: as `load_texts` takes
            them.

    Raises:
        As `load_texts`.

    Example:
        >>> from zoo.vocabulary import Vocabulary
        >>> words = Vocabulary("words", ["", "<unk>", "a", "cat"])
        >>> found = load_every_text(["a cat", "", "a  dog"], words, 4)
        >>> found.texts, found.numbers.tolist()
        (['a cat', 'a dog'], [1, 3])
    """
    vocabulary = Vocabulary.of(vocabulary)
    opened = open_texts(source, column, label, data_dir)
    if not opened.of_file:
        data = load_texts(
            source,
            vocabulary=vocabulary,
            max_length=max_length,
            column=column,
            label=label,
            data_dir=data_dir,
            splits="test",
        )
        return EveryText(
            data.name,
            vocabulary.decode(data.test),
            data.test,
            np.arange(1, len(data.test) + 1),
            data.test_labels,
            data.class_names,
            data.report,
        )
    lines = opened.read("train")
    notes = without_empty(lines, opened.name)[1]
    there = np.array([i for i, text in enumerate(lines.texts) if text.strip()])
    labels = None if lines.labels is None else lines.labels[there]
    cut = as_tokens(
        Lines([lines.texts[i] for i in there], labels), vocabulary, max_length
    )
    kept = there[cut.kept]
    return EveryText(
        opened.name,
        [" ".join(lines.texts[i].split()) for i in kept],
        cut.tokens,
        kept + 1,
        cut.labels,
        opened.class_names,
        list(dict.fromkeys([*opened.notes, *notes, *cut.notes])),
    )
