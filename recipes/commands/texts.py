"""What commands do of a preset of texts: sample, interpolate, encode, cluster, ..."""

import csv
import io

import numpy as np

from recipes.bulk.formats import suffix, write_shard
from recipes.bulk.storage import Storage
from recipes.commands.screen import new_table, print_table, screen
from recipes.commands.starting import load_preset
from recipes.common.console import Terminal
from recipes.common.events import are_texts
from recipes.common.files import check_output, make_folder, write_whole
from recipes.common.labels import class_asked_for, takes_labels
from recipes.common.opening import open_source
from recipes.common.progress import working
from recipes.common.text_lines import lines_of, say_lines
from recipes.data.classes import class_numbers
from recipes.data.forms import form_of
from recipes.data.reading import print_report, reading_data
from recipes.data.texts.every import load_every_text
from zoo.text import printable
from zoo.vocabulary import UNKNOWN


def preset_of_texts(source):
    """The `Preset` that a name or a path means, if it is one of texts; else None.

    Raises:
        ValueError, FileNotFoundError: as `recipes.common.opening.open_source`.
    """
    preset = open_source(source).preset
    return preset if preset and are_texts(preset.info) else None


def interpolate(preset, ends, out, num_steps, path, label, backend, overwrite):
    """Prints the texts between two texts, or writes them to a file.

    Args:
        preset: a `recipes.common.presets.Preset` of texts.
        ends: the two texts.
        out: a .txt file, or None.
        num_steps, path, label, backend, overwrite: of `vae-zoo interpolate`.
    """
    if out:
        check_output(out, overwrite, ".txt")
    model = load_preset(preset, backend)
    first, second = (_typed(model, text) for text in ends)
    from zoo import applications

    labels = class_asked_for(label, preset.info.get("class_names"))
    with working("Decoding what lies between"):
        between = applications.interpolate(
            model, first, second, num_steps, path, labels
        )
    say_lines(lines_of(between[0], model.vocabulary), out, "texts")


def nearest(preset, data, text, num_neighbours, label, reading, backend):
    """Prints the texts of a file that lie nearest to one in latent space.

    Args:
        preset: as in `interpolate`.
        data: what `recipes.data.texts.load_texts` takes.
        text: what is looked for.
        num_neighbours: how many are printed at most.
        label: class of the text, of a model that takes one.
        reading: `column`, `label` and `data_dir` of `load_texts`.
        backend: as the user gave it, or None.
    """
    every, labels = read_every(preset, data, reading)
    model = load_preset(preset, backend)
    query = _typed(model, text)
    from zoo import applications

    asked = class_asked_for(label, preset.info.get("class_names"))
    count = min(num_neighbours, len(every.texts))
    with working(f"Looking among {len(every.texts):,} texts"):
        indices, distances = applications.nearest(
            model, every.tokens, query, count, labels, asked
        )
    table = new_table(None, "distance", "number", "text", numbers=("distance",))
    for i, distance in zip(indices[0], distances[0], strict=True):
        number = str(every.numbers[i])
        table.add_row(f"{distance:.2f}", number, printable(every.texts[i]))
    print_table(screen(), table)


def encode(preset, data, out, kind, reading, backend):
    """Writes the latents of texts, q(z|x), into a folder: one file, as of a shard.

    Args:
        preset: as in `interpolate`.
        data, reading, backend: as in `nearest`.
        out: the folder, or its address.
        kind: one of `recipes.bulk.formats.FORMATS` but "png".
    """
    if kind == "png":
        raise ValueError(
            "Texts have no pictures: give --format parquet, npz, tfrecord."
        )
    storage, stem = Storage(out), "part-00000-of-00001"
    if stem + suffix(kind) in storage.names():
        raise FileExistsError(
            f"{stem}{suffix(kind)} is in {storage.url} already: choose another --out."
        )
    every, labels = read_every(preset, data, reading)
    model = load_preset(preset, backend)
    with working(f"Encoding {len(every.texts):,} texts"):
        posterior = model.encode(every.tokens, labels)
        from keras import ops

        columns = {
            "number": every.numbers,
            "text": np.array(every.texts, str),
            "mean": ops.convert_to_numpy(posterior.mean),
            "log_var": ops.convert_to_numpy(posterior.log_var),
        }
    if every.labels is not None:
        columns["label"] = every.labels
    size = write_shard(storage, stem, kind, columns)
    print(printable(f"{len(every.texts):,} rows, {size / 1e6:.1f} MB: {storage.url}"))


def cluster(preset, data, out, num_clusters, method, seed, reading, backend, overwrite):
    """Writes which cluster each text of a file is in, and prints the clusters.

    Args:
        preset, data, reading, backend: as in `nearest`.
        out: the folder.
        num_clusters, method, seed, overwrite: of `vae-zoo cluster`.
    """
    table = check_output(make_folder(out) / "clusters.csv", overwrite)
    every, labels = read_every(preset, data, reading)
    model = load_preset(preset, backend)
    from zoo import applications

    with working("Looking for clusters"):
        found = applications.cluster(
            model, every.tokens, num_clusters, method, seed, labels
        )
    centres = lines_of(found.images, model.vocabulary)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = [every.numbers.tolist(), every.texts, found.labels.tolist()]
    if every.labels is not None:
        rows.append([every.class_names[label] for label in every.labels])
    writer.writerow(["number", "text", "cluster", "label"][: len(rows)])
    writer.writerows(zip(*rows, strict=True))
    write_whole(table, text.getvalue().encode())
    columns = ("cluster", "texts", "its centre, decoded")
    shown = new_table(None, *columns, numbers=columns[:2])
    for i, centre in enumerate(centres):
        count = int(np.sum(found.labels == i))
        shown.add_row(str(i), f"{count:,}", printable(centre))
    print_table(screen(), shown)
    print(f"Written: {table}")


def read_every(preset, data, reading):
    """All texts of a file, as the preset takes them, and their labels if it takes any.

    The report goes to stderr.

    Raises:
        As `load_every_text`; ValueError if there are no labels where they are needed.
    """
    form = form_of(preset.config)
    with reading_data(texts=True):
        every = load_every_text(data, form.vocabulary, form.max_length, **reading)
    print_report(every.report, Terminal(stderr=True))
    if not takes_labels(preset.info):
        return every, None
    if every.labels is None:
        raise ValueError(
            f"{preset.name!r} needs labels beside the texts, and {every.name} has "
            "none: give a table with a column of classes (--label)."
        )
    if known := preset.info.get("class_names"):
        return every, class_numbers(every.class_names, known, every.name)[every.labels]
    return every, every.labels


def _typed(model, text):
    """A text of the command line as tokens (1, T); says what is not known of it.

    Raises:
        ValueError: if it is empty, or longer than the model takes.
    """
    if not text.strip():
        raise ValueError("A text must have words; got an empty one.")
    tokens = model.event.check([text], "text")
    words = model.vocabulary.kind == "words"
    if unknown := int(np.sum(tokens == UNKNOWN)) if words else 0:
        Terminal(stderr=True).print(
            f"Note: {unknown} of the words of {text!r} are not known to the model.",
            markup=False,
            highlight=False,
        )
    return tokens
