"""Files of texts: one a line, or a column of a table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from recipes.common.errors import listed
from recipes.data.locations import require
from recipes.data.texts.source import Lines, TextSource

TABLES = (".csv", ".tsv", ".parquet")
# What a column of texts, and one of labels, is likely to be called.
TEXT_WORDS = ("text", "sentence", "line", "content", "review", "headline", "title")
_LABEL_WORDS = ("label", "class", "category", "sentiment", "target")
# Bytes of a file that its kind is told by.
_LOOKED_AT = 2**16


def from_lines(path: Path) -> TextSource:
    """A source of the lines of a text file, UTF-8.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no text.
    """
    _check_file(path)
    name = repr(str(path))

    def read(split):
        return Lines(_decoded(path.read_bytes(), name).splitlines())

    return TextSource(path.name, ("train",), read, of_file=True)


def from_table(path: Path, column: str | None, label: str | None) -> TextSource:
    """A source of a column of a `.csv`, `.tsv` or Parquet file.

    Args:
        path: the file. A table of text begins with the names of its columns.
        column: name of the column of texts; `None` for one of a usual name, or the only
            column of text.
        label: name of a column of classes, or `None` for one of a usual name, if there
            is one.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or it is not clear which column is meant.
        ImportError: if what reads Parquet is not installed.
    """
    _check_file(path)
    name = repr(str(path))
    read = _parquet if path.suffix.lower() == ".parquet" else _separated
    columns = read(path, name)
    texts = _column_of_texts(columns, column, name)
    label = _column_of_labels(columns, label, texts, name)
    classes = None
    labels = None
    notes = [f"texts: column {texts!r} of {name}"]
    if label is not None:
        values = ["" if v is None else str(v) for v in columns[label]]
        classes = tuple(sorted(set(values), key=_in_order))
        numbers = {value: i for i, value in enumerate(classes)}
        labels = np.array([numbers[v] for v in values], np.int64)
        notes.append(f"labels: column {label!r}, {len(classes)} classes")
    found = ["" if v is None else v for v in columns[texts]]
    return TextSource(
        path.name,
        ("train",),
        lambda split: Lines(found, labels),
        notes,
        classes,
        of_file=True,
    )


def _check_file(path):
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")


def _decoded(raw, name):
    """Bytes of a file as text.

    Raises:
        ValueError: if they are not UTF-8, or hold what no text holds.
    """
    if b"\0" in raw[:_LOOKED_AT]:
        raise ValueError(f"{name} is a binary file; wanted lines of text in UTF-8.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{name} is not UTF-8: line {line} has the byte {raw[error.start]:#04x}; "
            "convert it first, as with `iconv -t utf-8`."
        ) from None


def _separated(path, name):
    """{column: values} of a table of text."""
    text = _decoded(path.read_bytes(), name)
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        rows = [
            row
            for row in csv.reader(
                text.splitlines(keepends=True), delimiter=separator, strict=True
            )
            if row
        ]
    except csv.Error as error:
        raise ValueError(f"{name} is no table: {error}.") from None
    if len(rows) < 2:
        raise ValueError(
            f"{name} must begin with the names of its columns, and have rows after "
            f"them; it has {len(rows)} line(s)."
        )
    header = [column.strip() for column in rows[0]]
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise ValueError(
                f"{name} has {len(header)} columns, but row {number} has {len(row)}."
            )
    return {column: [row[i] for row in rows[1:]] for i, column in enumerate(header)}


def _parquet(path, name):
    """{column: values} of a Parquet file."""
    parquet = require("pyarrow.parquet", "ray")
    try:
        return parquet.read_table(path).to_pydict()
    except Exception as error:  # of pyarrow, which has no base class for them
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{name} is no readable Parquet file: {reason}") from None


def _column_of_texts(columns, column, name):
    if column is not None:
        if column not in columns:
            raise ValueError(
                f"{name} has no column {column!r}; its columns are "
                f"{listed([repr(c) for c in columns], 20)}."
            )
        chosen = column
    else:
        of_text = [c for c, values in columns.items() if _is_text(values)]
        named = [c for c in of_text if c.lower() in TEXT_WORDS]
        longest = of_text if len(of_text) == 1 else named
        if len(longest) != 1:
            raise ValueError(
                f"Which column of {name} has the texts? Give one of "
                f"{listed([repr(c) for c in columns], 20)} with --column (`column`)."
            )
        (chosen,) = longest
    if not _is_text(columns[chosen]):
        raise ValueError(f"The column {chosen!r} of {name} holds no texts.")
    return chosen


def _column_of_labels(columns, label, texts, name):
    if label is not None and label not in columns:
        raise ValueError(
            f"{name} has no column {label!r}; its columns are "
            f"{listed([repr(c) for c in columns], 20)}."
        )
    if label is None:
        named = [c for c in columns if c.lower() in _LABEL_WORDS and c != texts]
        label = named[0] if len(named) == 1 else None
    return label


def _is_text(values):
    values = [v for v in values if v is not None]
    return bool(values) and all(isinstance(v, str) for v in values)


def _in_order(value):
    """Numbers by their size, before words."""
    try:
        return 0, float(value), value
    except ValueError:
        return 1, 0.0, value
