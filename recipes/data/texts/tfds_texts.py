"""Prepared TensorFlow Datasets as sources of texts, with or without TensorFlow."""

from __future__ import annotations

from recipes.common.errors import listed
from recipes.data.labels import as_labels
from recipes.data.locations import require
from recipes.data.texts.files import TEXT_WORDS
from recipes.data.texts.source import Lines, TextSource
from recipes.data.tfds_builders import own_splits, prepared_builder, read_examples


def from_tfds_texts(
    name: str,
    column: str | None = None,
    label: str | None = None,
    data_dir=None,
    download: bool = False,
) -> TextSource:
    """A source of a data set with texts that TFDS knows, or that is prepared.

    Args:
        name: "name", "name:version" or "name/configuration:version".
        column: the feature of texts; `None` for the data set's own input, one of a
            usual name, or the only one.
        label: a feature that is a class; `None` for the data set's own target, or its
            "label", where it has one.
        data_dir, download: as in `recipes.data.tfds_builders.prepared_builder`.

    Raises:
        ValueError: if there is no such data set, it has no texts, or it is not clear
            which feature is meant.
        FileNotFoundError: if it is not prepared and `download` is false.
        RuntimeError: if the download fails.
        ImportError: if `tensorflow_datasets` is missing, or TensorFlow to prepare with.
    """

    def keys_of(info, what):
        return text_keys(info, what, column, label)

    builder = prepared_builder(name, data_dir, download, keys_of, "texts")
    info, called = builder.info, f"{builder.name}:{builder.version}"
    texts, classes = keys_of(info, called)
    splits = own_splits(builder)
    wanted = [texts, *([classes] if classes else [])]

    def read(split: str) -> Lines:
        found = list(read_examples(builder, split, wanted))
        if not found:
            raise ValueError(f"The split {split!r} of {called} is empty.")
        labels = None
        if classes:
            values = [example[classes] for example in found]
            labels = as_labels(values, len(values), called)
        # Bytes that are no UTF-8 are told by the character that stands for them.
        return Lines([e[texts].decode("utf-8", "replace") for e in found], labels)

    notes = [f"{called}, prepared in {str(builder.data_dir)!r}"]
    notes.append(f"texts: feature {texts!r}")
    names = getattr(info.features[classes], "names", None) if classes else None
    if classes:
        count = info.features[classes].num_classes
        notes.append(f"labels: feature {classes!r}, {count} classes")
        names = tuple(names or map(str, range(count)))
    return TextSource(
        builder.name, splits, read, notes, names, info.redistribution_info.license
    )


def text_keys(info, name: str, column=None, label=None) -> tuple[str, str | None]:
    """Which features are the texts, and their class or `None`.

    Raises:
        ValueError: if there are no texts, or it is not clear which are meant.
    """
    tfds = require("tensorflow_datasets")
    features = dict(info.features.items()) if hasattr(info.features, "items") else {}
    of_text = [key for key in features if isinstance(features[key], tfds.features.Text)]
    classes = [
        key for key in features if isinstance(features[key], tfds.features.ClassLabel)
    ]
    if not of_text:
        raise ValueError(
            f"The data set {name} has no feature of text, its features are "
            f"{sorted(features) or type(info.features).__name__}."
        )
    own = [key for key in info.supervised_keys or () if isinstance(key, str)]
    if column is None:
        usual = [key for key in of_text if key.lower() in TEXT_WORDS]
        likely = [key for key in own[:1] if key in of_text] or usual or of_text
        if len(likely) > 1:
            raise ValueError(
                f"Which feature of {name} has the texts? Give one of "
                f"{listed([repr(key) for key in of_text], 20)} with --column "
                "(`column`)."
            )
        (column,) = likely
    _check_among(column, of_text, name, "of text")
    if label is None:
        label = next((key for key in [*own[1:2], "label"] if key in classes), None)
    else:
        _check_among(label, classes, name, "that is a class")
    return column, label


def _check_among(key, keys, name, what):
    if key not in keys:
        has = listed([repr(key) for key in keys], 20) if keys else "none"
        raise ValueError(
            f"The data set {name} has no feature {key!r} {what}; it has {has}."
        )
