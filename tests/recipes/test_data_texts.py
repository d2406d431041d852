"""Texts from files, tables, lists and data sets; those that cannot be used."""

import collections
import csv
import json
import shutil

import numpy as np
import pytest

from recipes.data import prepared_datasets
from recipes.data.forms import Texts, form_of, load_data
from recipes.data.texts import load_texts
from recipes.data.texts.every import load_every_text
from recipes.data.texts.phrases import entropy, log_prob, phrases_source
from recipes.data.tfrecord import to_tfrecord
from zoo.vocabulary import Vocabulary

EVERY = ("train", "validation", "test")
WORDS = {"kind": "words", "size": 50, "max_length": 8}
LINES = [f"line number {i} of some" for i in range(30)]


def write(path, content, encoding="utf-8"):
    raw = content if isinstance(content, bytes) else content.encode(encoding)
    path.write_bytes(raw)
    return path


def test_a_file_of_lines_is_split_and_reported(tmp_path):
    long = "a text that has many more than eight words in it"
    text = "\r\n".join([*LINES, "", "   ", long, "other   white\tspace"])
    path = write(tmp_path / "mine.txt", "\ufeff" + text)
    data = load_texts(path, splits=EVERY, **WORDS)
    assert data.name == "mine.txt"
    parts = [data.train, data.validation, data.test]
    assert sum(map(len, parts)) == 31 and {p.shape[1] for p in parts} == {8}
    assert all(part.dtype == np.int32 for part in parts)
    report = "\n".join(data.report)
    assert "2 empty of 34 texts left out" in report
    assert "longer than 8 tokens, and left out, such as" in report
    assert sum(data.left_out.values()) == 1
    read = {t for part in parts for t in data.vocabulary.decode(part)}
    # One of the training texts is another; words of other splits may not be known.
    assert len(read & set(LINES)) >= len(data.train) - 1
    lengths = np.concatenate([data.lengths[s] for s in EVERY])
    assert lengths[:, 0].sum() == sum(data.words.values()) == 30 * 5 + 3
    assert lengths[:, 1].sum() == sum(map(len, LINES)) + len("other white space")


def test_vocabularies_are_made_of_training_texts_alone(tmp_path):
    texts = [*("same words again" for _ in range(40))]
    data = load_texts(texts, splits=EVERY, test=0.2, **WORDS)
    held_out = load_texts([*texts[:-8], *["others"] * 8], splits=EVERY, **WORDS)
    assert data.vocabulary.tokens == ["", "<unk>", "again", "same", "words"]
    unknown = held_out.unknown["test"] + held_out.unknown["validation"]
    known = "others" in held_out.vocabulary.tokens
    assert known or unknown == 8
    assert held_out.train_labels is None


def test_a_models_vocabulary_is_kept_and_unknown_words_are_told():
    words = Vocabulary("words", ["", "<unk>", "a", "cat"])
    data = load_texts(["a dog", "a cat"] * 10, vocabulary=words, max_length=3)
    assert data.vocabulary is words
    assert any("% of the words are not known" in line for line in data.report)
    assert data.unknown["train"] == np.sum(data.train == 1)


@pytest.mark.parametrize(
    "text", ["שלום עולם", "مرحبا بالعالم", "🦊🦊 and 👩‍👩‍👧", "e\u0301t\u00e9"]
)
def test_any_script_goes_through_bytes(text, tmp_path):
    path = write(tmp_path / "lines.txt", "\n".join([text] * 20))
    data = load_texts(path, max_length=64, size=300)
    assert data.vocabulary.decode(data.train[:1]) == [text]
    assert data.lengths["train"][0].tolist() == [len(text.split()), len(text)]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "", "a.txt has no texts"),
        ("a.txt", "\n \n\t\n", "a.txt has no texts"),
        ("a.txt", "only one", "1 texts are too few"),
        ("a.txt", b"PK\0\1\2", "is a binary file"),
        ("a.txt", "caf\u00e9".encode("latin-1") * 3, "not UTF-8: line 1 has the byte"),
        ("a.csv", "text\n", "must begin with the names of its columns"),
        ("a.csv", "one,two\na,b\nc\n", "has 2 columns, but row 3 has 1"),
        ("a.csv", "one,two\na,b\nc,d\n", "Which column of"),
        ("a.csv", "one\n1\n2\n", None),
        ("a.parquet", "no parquet", "is no readable Parquet file"),
    ],
)
def test_files_of_no_use_are_told_in_one_sentence(name, content, words, tmp_path):
    path = write(tmp_path / name, content)
    if words is None:  # numbers are text in a table of text
        assert open(path).read() and load_texts(path, test=0, validation=0, **WORDS)
        return
    with pytest.raises(ValueError, match=words) as error:
        load_texts(path, **WORDS)
    assert len(str(error.value).splitlines()) == 1


def test_what_is_no_source_is_told(tmp_path):
    for source in (tmp_path, tmp_path / "gone.txt", "no/such.txt", "some text."):
        with pytest.raises(FileNotFoundError, match="wanted a file of lines"):
            load_texts(source)
    with pytest.raises(ValueError, match="must name a data set or a file, it is ''"):
        load_texts(" ")
    with pytest.raises(TypeError, match="one is a int"):
        load_texts(["a", 3])
    with pytest.raises(TypeError, match="received dict"):
        load_texts({})
    with pytest.raises(ValueError, match="All 16 texts are longer than 2 tokens"):
        load_texts(["one two three"] * 20, kind="words", max_length=2)
    with pytest.raises(ValueError, match="a number of texts >= 0"):
        load_texts(["one two three"] * 20, validation=-1)


def test_tables_have_columns_of_texts_and_classes(tmp_path):
    path = tmp_path / "reviews.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(["id", "review", "sentiment"])
        for i in range(20):
            writer.writerow([i, f'it is "{i}",\nor so', "good" if i % 2 else "bad"])
    data = load_texts(path, test=0, validation=0, **WORDS)
    assert data.class_names == ("bad", "good")
    assert data.train_labels.tolist() == [i % 2 for i in range(20)]
    assert "texts: column 'review'" in data.report[0]
    other = load_texts(path, column="id", label="sentiment", test=0, validation=0)
    assert other.vocabulary.decode(other.train[:2]) == ["0", "1"]
    for options in ({"column": "no"}, {"label": "no"}):
        with pytest.raises(ValueError, match="has no column 'no'; its columns are"):
            load_texts(path, **options)
    assert load_every_text(path, data.vocabulary, 8).texts[3] == 'it is "3", or so'


def test_all_lines_of_a_file_keep_their_numbers(tmp_path):
    words = Vocabulary("words", ["", "<unk>", "a", "cat"])
    path = write(tmp_path / "lines.txt", "a cat\n\na cat a cat a\n  a\n")
    every = load_every_text(path, words, 4)
    assert every.numbers.tolist() == [1, 4] and every.texts == ["a cat", "a"]
    assert every.tokens.tolist() == [[2, 3, 0, 0], [2, 0, 0, 0]]
    assert "1 empty of 4" in every.report[0] and "longer than 4" in every.report[1]
    drawn = load_every_text("phrases", words, 20)
    assert len(drawn.texts) == 1200 and drawn.labels.max() == 1


def test_phrases_have_the_probabilities_of_their_grammar():
    lines = phrases_source().read("train")
    nats = [-log_prob(text) for text in lines.texts]
    error = np.std(nats) / np.sqrt(len(nats))
    # What no model can do better than, by the grammar and by the phrases.
    assert abs(np.mean(nats) - entropy()) < 4 * error < 0.15
    # Half of the phrases come again: as often as they are probable.
    often, count = collections.Counter(lines.texts).most_common(1)[0]
    assert abs(count / len(nats) - np.exp(log_prob(often))) < 0.005


def test_options_of_the_other_kind_are_refused():
    for form, name, value in (
        (Texts(8), "invert", True),
        (Texts(8), "strict", True),
        (Texts(8), "augment", ("flip",)),
        (Texts(8), "memory", 2),
        ((8, 8, 1), "column", "text"),
    ):
        other = "texts" if isinstance(form, Texts) else "images"
        with pytest.raises(ValueError, match=f"--{name} .* a model of {other}"):
            load_data("phrases", form, **{name: value})
    with pytest.raises(ValueError, match="has no vocabulary"):
        form_of({"max_length": 8, "vocabulary": None})


# Data sets of TensorFlow Datasets.


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Two small data sets as TFDS prepares them: ArrayRecord, and TFRecord."""
    tfds = pytest.importorskip("tensorflow_datasets")
    from recipes.data import embedded

    class Reviews(tfds.core.GeneratorBasedBuilder):
        """Short reviews."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "headline": tfds.features.Text(),
                "body": tfds.features.Text(),
                "stars": tfds.features.ClassLabel(names=["one", "five"]),
            }
            return embedded.own_info(
                self,
                description="Reviews.",
                license="CC0",
                features=tfds.features.FeaturesDict(features),
                supervised_keys=("body", "stars"),
                disable_shuffling=True,
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(), "test": self._few()}

        def _generate_examples(self):
            for i in range(20):
                body = f"naïve {i} 🦊" if i else ""
                yield i, {"headline": f"no {i}", "body": body, "stars": i % 2}

        def _few(self):
            yield from list(self._generate_examples())[1:4]

    folder = tmp_path_factory.mktemp("tfds")
    embedded.prepare(Reviews, folder)
    source = folder / "reviews" / "1.0.0"
    builder = tfds.builder_from_directory(str(source))
    target = folder / "older" / "2.0.0"
    target.mkdir(parents=True)
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    for split in ("train", "test"):
        records = builder.as_data_source(split, deserialize_method=raw)
        file = target / f"older-{split}.tfrecord-00000-of-00001"
        file.write_bytes(to_tfrecord(map(bytes, records)))
    for path in (source / "features.json", *source.glob("*.labels.txt")):
        shutil.copy(path, target)
    info = json.loads((source / "dataset_info.json").read_text())
    info |= {"fileFormat": "tfrecord", "name": "older", "version": "2.0.0"}
    (target / "dataset_info.json").write_text(json.dumps(info))
    assert prepared_datasets(folder) == ["older:2.0.0", "reviews:1.0.0"]
    return folder


@pytest.mark.parametrize("name", ["reviews", "older", "older:2.0.0"])
def test_a_prepared_data_set_of_texts_is_read(name, prepared):
    options = {"data_dir": prepared, "splits": EVERY, "validation": 4}
    data = load_texts(name, max_length=32, size=300, **options)
    assert data.name == name.partition(":")[0] and data.license == "CC0"
    assert data.class_names == ("one", "five")
    assert len(data.train) == 15 and len(data.validation) == 4  # one has no text
    assert data.vocabulary.decode(data.test) == [f"naïve {i} 🦊" for i in (1, 2, 3)]
    assert data.test_labels.tolist() == [1, 0, 1]
    report = "\n".join(data.report)
    assert "1 empty of 20 texts left out" in report
    assert "texts: feature 'body'" in report and "labels: feature 'stars'" in report
    other = load_texts(name, column="headline", data_dir=prepared, splits="test")
    assert other.vocabulary.decode(other.test) == ["no 1", "no 2", "no 3"]


def test_data_sets_of_no_use_are_told(prepared, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    with pytest.raises(
        ValueError, match="no feature 'gone' of text; it has 'headline', 'body'"
    ):
        load_texts("reviews", column="gone", data_dir=prepared)
    with pytest.raises(ValueError, match="no feature 'body' that is a class; it has"):
        load_texts("reviews", label="body", data_dir=prepared)
    with pytest.raises(ValueError, match="did you mean .*'phrases'.*"):
        load_texts("phrasess", data_dir=prepared)
    with pytest.raises(FileNotFoundError, match=r"load_texts\(..., download=True\)"):
        load_texts("imdb_reviews", data_dir=prepared)
    with pytest.raises(ValueError, match="mnist has no feature of text, its features"):
        load_texts("mnist", data_dir=prepared, download=True)
    with pytest.raises(FileNotFoundError, match="'glue/sst2' is not prepared"):
        load_texts("glue/sst2", data_dir=prepared)
