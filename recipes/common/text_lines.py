"""Texts as lines. Needs NumPy only."""

from pathlib import Path

from recipes.common.files import write_whole
from zoo.text import printable


def lines_of(tokens, vocabulary):
    """A line for each text; ends of lines within one are spaces, as for its tokens.

    Args:
        tokens: int32 (N, T).
        vocabulary: a `zoo.vocabulary.Vocabulary`; None for the numbers of tokens.

    >>> import numpy as np
    >>> lines_of(np.array([[3, 2, 0]]), None)
    ['3 2']
    """
    if vocabulary is None:
        texts = [" ".join(str(token) for token in row if token) for row in tokens]
    else:
        texts = vocabulary.decode(tokens)
    return [" ".join(text.split()) for text in texts]


def say_lines(lines, out, what):
    """Prints lines, or writes them to a file, all or nothing, and says so.

    Args:
        lines: texts.
        out: the file, or None to print.
        what: what the lines are, such as "samples".

    Raises:
        OSError: if it cannot be written.
    """
    if out is None:
        for line in lines:
            print(printable(line))
        return
    save_lines(out, lines)
    print(f"{len(lines):,} {what}: {out}")


def save_lines(path, lines):
    """Writes lines to a file, all or nothing.

    Raises:
        OSError: if it cannot be written.
    """
    write_whole(Path(path), "".join(f"{line}\n" for line in lines).encode())
