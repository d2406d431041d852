"""Models of texts: decoder, encoder, and the draw of token after token in a loop."""

import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import user_models
from onnx import helper
from onnx.reference import ReferenceEvaluator

import export
import zoo
from export.check import compare_tokens
from export.runtime import metadata
from export.runtime.events import Images, Texts
from export.runtime.files import add_digest
from export.runtime.signature import signature
from zoo.threefry import normals, uniforms
from zoo.vocabulary import Vocabulary

T, D = 9, 4
WORDS = Vocabulary("words", ["", "<unk>", *(f"w{i}" for i in range(28))])
MERGED = ["th", "the", " t", "é".encode().decode("latin-1")]
BYTES = Vocabulary("bytes", ["", *(bytes([i]).decode("latin-1") for i in range(256))])
BYTES = Vocabulary("bytes", [*BYTES.tokens, *MERGED])
CASES = {
    "gru": {"vocabulary": WORDS},
    "lstm": {"vocabulary": BYTES, "num_classes": 3, "class_names": ["a", "b", "c"]},
    "transformer": {
        "vocabulary_size": 40,
        "num_attributes": 2,
        "prior": "mixture",
        "units": 12,
    },
}


def spread(model, scale=0.5):
    """The model with weights that make tokens differ, and texts end."""
    rng = np.random.default_rng(1)
    model.set_weights([scale * rng.standard_normal(w.shape) for w in model.weights])
    bias = np.zeros(model.event.vocabulary_size, "float32")
    bias[0] = 3
    model.decoder.bias.assign(bias)
    return model


def make_model(networks, cls=zoo.TextVAE, **options):
    options = {"units": 10, "embedding_dim": 7, "num_layers": 2, **options}
    return spread(cls(T, latent_dim=D, networks=networks, seed=0, **options))


class Text(NamedTuple):
    """What the tests of one model share."""

    model: zoo.TextVAE
    folder: Path
    report: export.ModelReport
    sampler: export.Sampler

    def labels(self, count):
        """Labels for so many rows, as files take them, or None."""
        if self.model.num_classes:
            return (np.arange(count) % self.model.num_classes).astype(np.int32)
        if self.model.num_attributes:
            shape = count, self.model.num_attributes
            return np.random.default_rng(0).random(shape, dtype=np.float32)
        return None

    def run(self, name, **feeds):
        """All outputs of a file, run without this package."""
        session = onnxruntime.InferenceSession(self.folder / f"{name}.onnx")
        return session.run(None, {k: np.array(v) for k, v in feeds.items()})


@pytest.fixture(scope="module", params=CASES)
def text(request, tmp_path_factory):
    """A model of each network, with labels of each sort and vocabularies of both."""
    model = make_model(request.param, **CASES[request.param])
    folder = tmp_path_factory.mktemp("texts") / request.param
    report = export.export_model(model, folder)
    return Text(model, folder, report, export.Sampler(folder))


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """The smallest model with a vocabulary, exported."""
    model = make_model("gru", vocabulary=WORDS, num_layers=1)
    folder = tmp_path_factory.mktemp("texts") / "words"
    report = export.export_model(model, folder)
    return Text(model, folder, report, export.Sampler(folder))


def test_folder_says_what_it_is_of(text):
    manifest = json.loads((text.folder / "manifest.json").read_text())
    names = ["decoder.onnx", "encoder.onnx", "sampler.onnx", "generator.onnx"]
    assert list(manifest["files"]) == names
    assert manifest["max_length"] == T
    assert manifest["vocabulary_size"] == text.model.event.vocabulary_size
    assert not {"image_shape", "value_range"} & set(manifest)
    vocabulary = text.model.vocabulary
    assert manifest.get("vocabulary") == (vocabulary and vocabulary.get_config())
    files = manifest["files"]
    tokens = {"dtype": "int32", "shape": ["batch", T]}
    assert files["decoder.onnx"]["outputs"] == {"tokens": tokens}
    labels = [] if text.labels(1) is None else ["labels"]
    assert list(files["encoder.onnx"]["inputs"]) == ["tokens", *labels]
    assert list(files["encoder.onnx"]["outputs"]) == ["mean", "log_var"]
    assert list(files["sampler.onnx"]["outputs"]) == ["tokens", "z"]
    drawn = ["noise", "uniforms", "temperature", *labels]
    assert list(files["generator.onnx"]["inputs"]) == drawn
    for name, entry in text.report.files.items():
        proto = onnx.load(text.folder / name)
        onnx.checker.check_model(proto, full_check=True)
        assert entry.max_abs_error <= 1e-5 and entry.extreme_error <= 1e-5
        assert entry.operators.get("Loop", 0) == (name != "encoder.onnx")
    wanted = {"gru": "GRU", "lstm": "LSTM"}.get(text.model.encoder.kind)
    operators = text.report.files["encoder.onnx"].operators
    assert wanted is None or operators[wanted] == 4  # both ways, twice


def check_equal(text, tokens, expected, noise):
    """The same tokens; at most within rounding of an edge others."""
    if np.array_equal(tokens, expected):
        return
    rows = (tokens != expected).any(axis=1)
    assert rows.mean() < 0.01
    numbers = {k: v[rows] for k, v in noise.items() if v is not None}
    numbers["temperature"] = np.ones(rows.sum(), np.float32)
    z = compare_tokens._latents(text.model, numbers)
    beyond = compare_tokens.beyond_edges(text.model, numbers, z, tokens[rows])
    assert max(beyond) <= 1e-5


def test_a_thousand_seeds_give_the_tokens_of_keras(text):
    noise, model = text.model.noise, text.model
    labels = text.labels(1000)
    numbers = {
        "noise": np.concatenate([normals(s, 1, noise.normals) for s in range(1000)]),
        "uniforms": np.concatenate(
            [uniforms(s, 1, noise.uniforms) for s in range(1000)]
        ),
        "labels": labels,
    }
    expected = keras.ops.convert_to_numpy(model.generate(**numbers))
    session = onnxruntime.InferenceSession(text.folder / "sampler.onnx")
    feeds = {"num_samples": np.array(1), "temperature": np.array(1, np.float32)}
    tokens = []
    for seed in range(1000):
        if labels is not None:
            feeds["labels"] = labels[seed : seed + 1]
        tokens += session.run(["tokens"], {**feeds, "seed": np.array(seed)})
    tokens = np.concatenate(tokens)
    lengths = (tokens != 0).sum(axis=1)
    assert lengths.min() == 0 and lengths.max() == T and len(np.unique(tokens)) > 9
    check_equal(text, tokens, expected, numbers)


def test_sampler_draws_what_the_model_does(text):
    labels = text.labels(150)
    tokens = text.sampler.sample_tokens(150, labels, temperature=0.8, seed=7)
    assert tokens.dtype == np.int32 and tokens.shape == (150, T)
    expected = text.model.sample(150, labels, temperature=0.8, seed=7)
    np.testing.assert_array_equal(tokens, expected)
    feeds = {"seed": 7, "num_samples": 150, "temperature": np.float32(0.8)}
    given = {} if labels is None else {"labels": labels}
    in_graph, z = text.run("sampler", **feeds, **given)
    np.testing.assert_array_equal(in_graph, tokens)

    # One by one, in parts, on several threads: the same.
    one = labels[:1] if labels is not None else None
    first = text.sampler.sample_tokens(1, one, temperature=0.8, seed=7)
    np.testing.assert_array_equal(first, tokens[:1])
    part = labels[140:] if labels is not None else None
    last = text.sampler.sample_tokens(10, part, 0.8, seed=7, first=140)
    np.testing.assert_array_equal(last, tokens[140:])
    copy = pickle.loads(pickle.dumps(export.Sampler(text.folder, threads=3)))
    np.testing.assert_array_equal(copy.sample_tokens(150, labels, 0.8, 7), tokens)
    alone = export.Sampler(text.folder / "generator.onnx")
    np.testing.assert_array_equal(alone.sample_tokens(150, labels, 0.8, 7), tokens)
    if text.model.encoder.kind != "transformer":  # whose prior no file but these has
        drawn = text.sampler.draw_latents(150, labels, temperature=0.8, seed=7)
        np.testing.assert_allclose(drawn, z, atol=1e-6)


def test_decoder_writes_the_most_probable_tokens(text):
    labels = text.labels(40)
    z = np.random.default_rng(5).standard_normal((40, D), dtype=np.float32)
    expected = keras.ops.convert_to_numpy(text.model.decode(z, labels))
    tokens = text.sampler.decode_tokens(z, labels)
    np.testing.assert_array_equal(tokens, expected)
    alone = export.Sampler((text.folder / "decoder.onnx").read_bytes())
    np.testing.assert_array_equal(alone.decode_tokens(z, labels), tokens)
    none = None if labels is None else labels[:0]
    assert alone.decode_tokens(z[:0], none).shape == (0, T)


def test_texts_are_given_where_there_is_a_vocabulary(text):
    labels, vocabulary = text.labels(6), text.model.vocabulary
    tokens = text.sampler.sample_tokens(6, labels, seed=2)
    texts = text.sampler.sample(6, labels, seed=2)
    z = np.zeros((6, D), np.float32)
    if vocabulary is None:
        np.testing.assert_array_equal(texts, tokens)
        assert text.sampler.vocabulary is None
        return
    assert texts == vocabulary.decode(tokens) and isinstance(texts[0], str)
    assert text.sampler.vocabulary == vocabulary
    decoded = text.sampler.decode(z, labels)
    assert decoded == vocabulary.decode(text.sampler.decode_tokens(z, labels))


def test_encoder_is_the_models(text):
    rng = np.random.default_rng(3)
    size = text.model.event.vocabulary_size
    tokens = rng.integers(1, size, (70, T), dtype=np.int32)
    tokens *= np.arange(T) < rng.integers(0, T + 1, (70, 1))  # empty ones, too
    labels = text.labels(70)
    posterior = text.model.encode(tokens, labels)
    mean, log_var = text.sampler.encode(tokens, labels)
    np.testing.assert_allclose(mean, posterior.mean, atol=1e-5)
    np.testing.assert_allclose(log_var, posterior.log_var, atol=1e-5)
    # Rows may be cut short.
    short = tokens[(tokens[:, 5:] == 0).all(axis=1), :5]
    given = None if labels is None else labels[: len(short)]
    cut = text.sampler.encode(short, given)[0]
    whole = np.pad(short, ((0, 0), (0, T - 5)))
    np.testing.assert_array_equal(cut, text.sampler.encode(whole, given)[0])


def test_another_program_computes_the_same(text):
    """onnx's own, which knows one direction and no lengths of rows."""
    rng = np.random.default_rng(4)
    size = text.model.event.vocabulary_size
    tokens = rng.integers(1, size, (12, T), dtype=np.int32)
    tokens *= np.arange(T) < rng.integers(0, T + 1, (12, 1))
    rows = {"z": rng.standard_normal((12, D), dtype=np.float32)}
    labels = text.labels(12)
    given = {} if labels is None else {"labels": labels}
    for name, feeds in (("encoder", {"tokens": tokens}), ("decoder", rows)):
        path, feeds = text.folder / f"{name}.onnx", feeds | given
        expected = text.run(name, **feeds)
        found = ReferenceEvaluator(str(path)).run(None, feeds)
        for array, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(array, other, atol=1e-5)


def test_texts_are_encoded_as_their_tokens(words):
    texts = ["w3 w1  w2", "", "w5 unheard w5"]
    tokens = WORDS.encode(texts, T)
    of_texts = words.sampler.encode(texts)[0]
    np.testing.assert_array_equal(of_texts, words.sampler.encode(tokens)[0])
    of_array = words.sampler.encode(np.array(texts))[0]
    np.testing.assert_array_equal(of_array, of_texts)


@pytest.mark.cross_backend
@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_same_bytes_from_every_backend(words, backend, check_same_bytes):
    check_same_bytes(words.model, words.report, backend)


def test_files_verify_themselves(text):
    found = text.sampler.verify()
    assert found["max_abs_error"] == 0 and len(found["files"]) == 4


def test_loop_ends_with_the_texts(tmp_path):
    model = make_model("gru", vocabulary_size=8, num_layers=1)
    model.decoder.bias.assign([40.0, *[0.0] * 7])  # always at once
    path = tmp_path / "decoder.onnx"
    export.export_decoder(model, path)
    proto = onnx.load(path)
    written = helper.make_tensor_value_info("written_tokens", 6, [None, None])
    proto.graph.output.append(written)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    z = np.random.default_rng(0).standard_normal((3, D), dtype=np.float32)
    tokens, written = session.run(["tokens", "written_tokens"], {"z": z})
    assert written.shape == (1, 3) and tokens.shape == (3, T) and not tokens.any()


def test_first_states_and_context_are_computed_once(words):
    proto = onnx.load(words.folder / "generator.onnx")
    (loop,) = (node for node in proto.graph.node if node.op_type == "Loop")
    (body,) = (a.g for a in loop.attribute if a.name == "body")
    sizes = sorted(tuple(t.dims) for t in body.initializer if len(t.dims) == 2)
    assert not [size for size in sizes if D in size]
    assert [t.dims for t in proto.graph.initializer if D in t.dims]


def test_vectors_of_tokens_are_there_once(words):
    proto = onnx.load(words.folder / "decoder.onnx")
    (loop,) = (node for node in proto.graph.node if node.op_type == "Loop")
    (body,) = (a.g for a in loop.attribute if a.name == "body")
    arrays = [onnx.numpy_helper.to_array(tensor) for tensor in body.initializer]
    table = keras.ops.convert_to_numpy(words.model.decoder.embedding)
    assert sum(np.array_equal(array, table) for array in arrays) == 1
    turned = table[: words.model.event.vocabulary_size].T
    assert not any(np.array_equal(array, turned) for array in arrays)


def test_sampler_draws_nothing_for_no_rows(words):
    assert words.sampler.sample(0) == []
    feeds = {"seed": 0, "num_samples": 0, "temperature": np.float32(1)}
    assert words.run("sampler", **feeds)[0].shape == (0, T)


def test_readme_runs(text, run_python):
    readme = (text.folder / "README.md").read_text("utf-8")
    assert "image" not in readme and "pixel" not in readme
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=text.folder,
        capture_output=True,
        encoding="utf-8",
        check=True,
        env={"PYTHONIOENCODING": "utf-8"},
    )
    if text.model.vocabulary is not None:
        labels = text.labels(16)
        texts = text.sampler.sample(16, labels, seed=0)
        assert done.stdout == "".join(f"{line}\n" for line in texts)


# Bad input: a sentence each.


@pytest.mark.parametrize(
    ("x", "error", "said"),
    [
        ([[1, 30]], ValueError, "tokens from 0 to 29; got values from 1 to 30"),
        ([[-1, 2]], ValueError, "got values from -1 to 2"),
        ([[0, 2]], ValueError, "nothing but zeros after a text's end"),
        ([[0.5, 2]], TypeError, "whole numbers; got dtype float64"),
        ([1, 2], ValueError, r"got shape \(2,\)"),
        (np.zeros((2, T + 1), int), ValueError, rf"got shape \(2, {T + 1}\)"),
        (np.zeros((2, 8, 8, 1)), TypeError, "at most 9 places, whole numbers"),
        ([[1], [2, 3]], TypeError, "which numpy cannot read"),
        (["w1 " * 10], ValueError, "at most 9 tokens; number 0 has 10"),
        (["w1", 3], TypeError, "must be a str; got int"),
    ],
)
def test_encode_refuses(words, x, error, said):
    with pytest.raises(error, match=said):
        words.sampler.encode(x)


def test_one_text_is_a_list_of_one(words):
    mean = words.sampler.encode("w1 w2")[0]
    np.testing.assert_array_equal(mean, words.sampler.encode(["w1 w2"])[0])


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda s: s.decode(np.zeros((2, 3))), ValueError, "`z` must have shape"),
        (lambda s: s.sample(10**9), ValueError, "for texts of up to 9 tokens"),
        (lambda s: s.sample(2, labels=1), ValueError, "`labels` must be None"),
        (lambda s: s.sample(2, first=2**32), ValueError, r"a seed has 2\*\*32 texts"),
        (lambda s: s.sample(2, temperature=-1), ValueError, "finite number >= 0"),
    ],
)
def test_sampler_refuses(words, call, error, said):
    with pytest.raises(error, match=said) as caught:
        call(words.sampler)
    assert "image" not in str(caught.value)


def test_decoder_alone_cannot_draw(words):
    decoder = export.Sampler(words.folder / "decoder.onnx")
    for draw in (decoder.sample, decoder.sample_tokens):
        with pytest.raises(export.RuntimeModelError, match="holds a decoder alone"):
            draw(3)
    with pytest.raises(export.RuntimeModelError, match="has no encoder"):
        decoder.encode(["w1"])
    generator = export.Sampler(words.folder / "generator.onnx")
    with pytest.raises(export.RuntimeModelError, match="no decoder of latents"):
        generator.decode(np.zeros((1, D)))


def test_tokens_alone_take_no_text(tmp_path):
    model = make_model("gru", vocabulary_size=12, num_layers=1)
    export.export_model(model, tmp_path / "out", verify=False)
    sampler = export.Sampler(tmp_path / "out")
    with pytest.raises(TypeError, match="the file holds no vocabulary"):
        sampler.encode(["w1"])
    assert sampler.sample(2).shape == (2, T)
    # A file that gives other tokens than it says that there are.
    path = tmp_path / "out" / "generator.onnx"
    proto = onnx.load(path)
    kept = {e.key: e.value for e in proto.metadata_props if e.key != "content_sha256"}
    del proto.metadata_props[:]
    for key, value in {**kept, "vocabulary_size": "2"}.items():
        proto.metadata_props.add(key=key, value=value)
    wrong = export.Sampler(add_digest(proto.SerializeToString()))
    with pytest.raises(export.RuntimeModelError, match="gave tokens from 0 to"):
        wrong.sample(50)


def test_images_have_no_tokens(sampler):
    for call in (lambda: sampler.sample_tokens(2), lambda: sampler.decode_tokens([0])):
        with pytest.raises(export.RuntimeModelError, match="without tokens"):
            call()
    assert sampler.vocabulary is None


@pytest.mark.parametrize("quantize", ["fp16", "int8"])
def test_quantizing_is_refused(quantize, tmp_path):
    model = make_model("gru", vocabulary_size=8, num_layers=1)
    with pytest.raises(export.ExportError, match="would write others"):
        export.export_model(model, tmp_path / "out", quantize=quantize)
    assert not (tmp_path / "out").exists()


def test_a_model_that_draws_otherwise_is_refused(tmp_path):
    model = make_model("gru", user_models.Shouting, vocabulary_size=8, num_layers=1)
    with pytest.raises(export.ExportError, match="differs from the Keras model"):
        export.export_model(model, tmp_path / "out")


def test_hooks_of_a_subclass_hold(tmp_path):
    model = make_model("gru", user_models.HalfKnown, vocabulary_size=8, num_layers=1)
    export.export_model(model, tmp_path / "out")
    tokens = export.Sampler(tmp_path / "out").sample(50, seed=1)
    np.testing.assert_array_equal(tokens, model.sample(50, seed=1))


# What files say of themselves is not believed.

GOOD = {
    "format": "vae-zoo-onnx/1",
    "kind": "decoder",
    "model": "TextVAE",
    "max_length": "9",
    "vocabulary_size": "30",
    "vocabulary": json.dumps(WORDS.get_config()),
    "latent_dim": "4",
    "golden": "{}",
}


def changed_vocabulary(**changes):
    return json.dumps({**WORDS.get_config(), **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"max_length": "0"},
        {"max_length": "-9"},
        {"max_length": "9.0"},
        {"max_length": "65537"},
        {"max_length": "true"},
        {"vocabulary_size": "31"},
        {"vocabulary_size": None},
        {"vocabulary": "[]"},
        {"vocabulary": '{"kind": "words"}'},
        {"vocabulary": changed_vocabulary(kind="letters")},
        {"vocabulary": changed_vocabulary(tokens=WORDS.tokens[:-1])},
        {"vocabulary": changed_vocabulary(tokens=[*WORDS.tokens[:-1], "w0"])},
        {"vocabulary": changed_vocabulary(tokens=[*WORDS.tokens[:-1], 7])},
        {"vocabulary": changed_vocabulary(tokens=[*WORDS.tokens[:-1], "\ud800"])},
        {"vocabulary": changed_vocabulary(tokens="w" * 30)},
        {"vocabulary": changed_vocabulary(more=1)},
        {"image_shape": "[8, 8, 1]"},
        {"codebook_size": "8", "code_shape": "[2, 2]"},
        {"kind": "scorer", "anomaly": '{"score": "elbo", "offset": 0}'},
        {"kind": "classifier", "num_classes": "3"},
    ],
)
def test_metadata_are_checked(changes):
    kinds = ("decoder", "scorer", "classifier")
    assert metadata.parse(GOOD, kinds, "x.onnx")["vocabulary_size"] == 30
    stored = {k: v for k, v in {**GOOD, **changes}.items() if v is not None}
    with pytest.raises(export.RuntimeModelError, match="its metadata must give"):
        metadata.parse(stored, kinds, "x.onnx")


def test_images_need_their_shape():
    stored = {k: v for k, v in GOOD.items() if not k.startswith(("max", "voc"))}
    with pytest.raises(export.RuntimeModelError, match="its metadata must give"):
        metadata.parse(stored, ("decoder",), "x.onnx")


def test_signature_of_texts():
    given = {"max_length": 9, "latent_dim": 4, "noise": {"normals": 4, "uniforms": 9}}
    inputs, outputs = signature("generator", given)
    assert list(inputs) == ["noise", "uniforms", "temperature"]
    assert outputs["tokens"] == ("int32", ("batch", 9))
    assert Images({"image_shape": [8, 8, 1]}).output == "image"


# The measure that files are judged by.


def test_long_tokens_are_counted():
    tokens = [*WORDS.tokens[:-1], "w" * 10_000]
    stored = {"max_length": 9, "vocabulary_size": 30}
    events = [
        Texts({**stored, "vocabulary": {"kind": "words", "tokens": each}})
        for each in (WORDS.tokens, tokens)
    ]
    assert events[0].check_count(20_000) == 20_000
    with pytest.raises(ValueError, match="at most 23860 for texts of up to 9 tokens"):
        events[1].check_count(23_861)


def test_tokens_beyond_an_edge_are_found(words):
    model, rows = words.model, 20
    numbers = {
        "noise": normals(3, rows, D),
        "uniforms": uniforms(3, rows, T),
        "temperature": np.ones(rows, np.float32),
    }
    z, tokens = compare_tokens._own(model, [numbers])[0][1:]
    assert max(compare_tokens.beyond_edges(model, numbers, z, tokens)) < 1e-6
    other = tokens.copy()
    other[4, 0] = (other[4, 0] + 5) % 29 + 1
    beyond = compare_tokens.beyond_edges(model, numbers, z, other)
    assert beyond[4] > 1e-3 and max(np.delete(beyond, 4)) < 1e-6
    (ended,) = np.flatnonzero((tokens[:, :-1] == 0).any(axis=1))[:1]
    tokens[ended, -1] = 3
    beyond = compare_tokens.beyond_edges(model, numbers, z, tokens)
    assert beyond[ended] == np.inf


def test_greedy_tokens_are_judged_by_their_margin(words):
    model = words.model
    z = np.random.default_rng(0).standard_normal((5, D), dtype=np.float32)
    tokens = keras.ops.convert_to_numpy(model.decode(z))
    numbers = {"z": z, "temperature": np.zeros(5, np.float32)}
    beyond = compare_tokens.beyond_edges(model, numbers, z, tokens)
    assert max(beyond) < 0
    tokens[2] = (tokens[2] == 0) * 5 + 3
    assert compare_tokens.beyond_edges(model, numbers, z, tokens)[2] > 0
