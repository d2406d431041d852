"""Models with codes: decoder, encoder, the draw in a loop, and its single step."""

import itertools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
from keras import ops
from numpy_code_prior import NumpyCodePrior

import export
import zoo
from export import options, pipeline, priors
from export.check import compare, compare_codes, generated
from export.check.subject import Subject
from export.priors.codes import choose
from zoo.priors.drawing import choose as keras_choose
from zoo.threefry import uniforms

SHAPE = (9, 12, 1)  # a grid of 3 x 3 codes
K = 6


def trained_prior(code_shape, codebook_size=K, num_classes=None):
    """A small prior far from uniform."""
    prior = zoo.CodePrior(
        codebook_size,
        code_shape,
        width=12,
        num_layers=2,
        num_heads=3,
        num_classes=num_classes,
        class_names=num_classes and [f"class {i}" for i in range(num_classes)],
        seed=0,
    )
    prior.build(None)
    rng = np.random.default_rng(1)
    prior.set_weights([0.3 * rng.standard_normal(w.shape) for w in prior.weights])
    prior.start.assign(5 * prior.start)  # labels that make a difference
    return prior


def make_model(quantizer="ema", prior=None, size=K):
    model = zoo.VQVAE(
        SHAPE, size, 4, quantizer, (4, 6), prior=prior or "uniform", seed=0
    )
    rng = np.random.default_rng(2)
    for weight in (*model.encoder.weights, *model.decoder.weights):
        weight.assign(0.3 * rng.standard_normal(weight.shape))
    # Codes that images choose: features of some, and what they leave to a next level.
    images = rng.random((size, *SHAPE), dtype=np.float32)
    codebook = ops.convert_to_numpy(model.encoder(images))[:, 1, 1]
    for weight in model.quantizer.weights:
        if weight.path.endswith("/codebook"):
            weight.assign(codebook)
            codebook = codebook - codebook.mean(0)
    return model


class Codes(NamedTuple):
    """What the tests of one model share."""

    model: object
    folder: Path
    report: object
    sampler: object
    labels: np.ndarray

    def session(self, name):
        return onnxruntime.InferenceSession(self.folder / f"{name}.onnx")

    def given(self, count):
        """Labels for `count` rows, or None."""
        return None if self.labels is None else np.resize(self.labels, count)

    def feeds(self, count, seed=0, temperature=1.0):
        """Inputs of sampler.onnx."""
        labels = self.given(count)
        return {
            "seed": np.array(seed, np.int64),
            "num_samples": np.array(count, np.int64),
            "temperature": np.array(temperature, np.float32),
            **({} if labels is None else {"labels": labels.astype(np.int32)}),
        }

    def draw(self, count, seed=0, temperature=1.0):
        """(images, codes) of sampler.onnx."""
        return self.session("sampler").run(
            ["image", "codes"], self.feeds(count, seed, temperature)
        )


def exported(folder, model, labels=None, **options):
    report = export.export_model(model, folder, **options)
    return Codes(model, folder, report, export.Sampler(folder), labels)


@pytest.fixture(scope="module", params=["ema", "residual"])
def codes(request, tmp_path_factory):
    """A model with one code a place, and one of labels with two."""
    folder = tmp_path_factory.mktemp("codes") / request.param
    if request.param == "ema":
        return exported(folder, make_model("ema", trained_prior((3, 3))))
    prior = trained_prior((3, 3, 2), num_classes=4)
    labels = np.array([3, 0, 1, 2, 2])
    return exported(folder, make_model("residual", prior), labels)


def test_files_give_the_same_in_another_program(codes, check_elsewhere):
    # It takes a loop without a condition for one of no steps, and ends in an error.
    check_elsewhere(codes.folder, but=("sampler.onnx", "generator.onnx"))


def test_folder_holds_five_files(codes):
    manifest = json.loads((codes.folder / "manifest.json").read_text())
    shape = list(codes.model.code_shape)
    names = ["decoder.onnx", "encoder.onnx", "sampler.onnx", "prior_step.onnx"]
    names.append("generator.onnx")
    assert list(manifest["files"]) == names
    assert manifest["codebook_size"] == K and manifest["code_shape"] == shape
    assert manifest["latent_prior"] == "autoregressive_codes"
    assert "latent_dim" not in manifest
    files = manifest["files"]
    grid = {"dtype": "int32", "shape": ["batch", *shape]}
    assert files["decoder.onnx"]["inputs"] == {"codes": grid}
    assert files["encoder.onnx"]["outputs"] == {"codes": grid}
    labels = [] if codes.labels is None else ["labels"]
    wanted = ["seed", "num_samples", "temperature", *labels]
    assert list(files["sampler.onnx"]["inputs"]) == wanted
    assert list(files["sampler.onnx"]["outputs"]) == ["image", "codes"]
    assert list(files["prior_step.onnx"]["inputs"]) == ["code", "cache", *labels]
    cache = files["prior_step.onnx"]["outputs"]["new_cache"]
    assert cache["shape"] == ["batch", 4, 3, "new_places", 4]
    for name, entry in codes.report.files.items():
        proto = onnx.load(codes.folder / name)
        onnx.checker.check_model(proto, full_check=True)
        assert entry.max_abs_error <= 1e-5 and entry.extreme_error <= 1e-4
        draws = name in ("sampler.onnx", "generator.onnx")
        assert ("Loop" in entry.operators) == draws
    assert "BitShift" not in codes.report.files["generator.onnx"].operators
    assert "codebook_size=6" in repr(codes.sampler)


def test_decoder_and_encoder_are_the_models(codes):
    rng = np.random.default_rng(0)
    for n in (1, 3, 17, 100):
        grids = rng.integers(0, K, (n, *codes.model.code_shape))
        image = codes.sampler.decode(grids)
        expected = ops.convert_to_numpy(codes.model.decode(grids))
        np.testing.assert_allclose(image, expected, atol=1e-5)
        image = rng.random((n, *SHAPE), dtype=np.float32)
        found = codes.sampler.encode(image)
        assert found.dtype == np.int32 and found.shape == grids.shape
        expected = ops.convert_to_numpy(codes.model.encode(image).codes)
        np.testing.assert_array_equal(found, expected)
    assert len(np.unique(found)) == K
    empty = codes.sampler.decode(grids[:0])
    assert empty.shape == (0, *SHAPE)
    np.testing.assert_array_equal(
        codes.sampler.decode(grids, codes.given(100)), codes.sampler.decode(grids)
    )


@pytest.mark.parametrize("temperature", [1.0, 0.5, 3.0, 0.0])
def test_four_implementations_draw_the_same_codes(codes, temperature):
    seed, count = 2**40 + 3, 20
    image, drawn = codes.draw(count, seed, temperature)
    assert drawn.dtype == np.int32 and (temperature == 0 or np.ptp(drawn) > 0)
    # In NumPy, from the weights alone and without a cache.
    u = uniforms(seed, count, codes.model.prior.length)
    numpy_prior = NumpyCodePrior.of(codes.model.prior)
    expected = numpy_prior.draw(u, temperature, codes.given(count))
    np.testing.assert_array_equal(drawn.reshape(count, -1), expected)
    # Stepped with prior_step.onnx, and by Keras.
    for other in (codes.sampler, codes.model):
        images = other.sample(
            count, codes.given(count), temperature=temperature, seed=seed
        )
        np.testing.assert_allclose(images, image, atol=1e-5)
    np.testing.assert_allclose(codes.sampler.decode(drawn), image, atol=1e-6)


def test_first_samples_stay_the_same(codes):
    image, drawn = codes.draw(70, seed=5)
    images = codes.sampler.sample(70, codes.given(70), seed=5)
    for n in (1, 2, 15, 16, 17, 33):
        fewer = codes.draw(n, seed=5)
        np.testing.assert_array_equal(fewer[1], drawn[:n])
        np.testing.assert_allclose(fewer[0], image[:n], atol=1e-6)
        again = codes.sampler.sample(n, codes.given(n), seed=5)
        np.testing.assert_array_equal(again, images[:n])
    for threads in (1, 3):
        other = export.Sampler(codes.folder, threads=threads)
        again = other.sample(70, codes.given(70), seed=5)
        np.testing.assert_array_equal(again, images)


def test_no_samples(codes):
    image, drawn = codes.draw(0)
    assert image.shape == (0, *SHAPE)
    assert drawn.shape == (0, *codes.model.code_shape)
    assert codes.sampler.sample(0, codes.given(0)).shape == (0, *SHAPE)


def test_seeds_and_temperature(codes):
    def draw(**options):
        return codes.sampler.sample(6, codes.given(6), **options)

    np.testing.assert_array_equal(draw(seed=1), draw(seed=1))
    assert np.abs(draw(seed=1) - draw(seed=2)).max() > 0
    assert np.abs(draw(seed=None) - draw(seed=None)).max() > 0
    np.testing.assert_array_equal(
        draw(temperature=0, seed=1), draw(temperature=0, seed=2)
    )


def test_labels_choose_what_is_drawn(codes):
    if codes.labels is None:
        with pytest.raises(ValueError, match="`labels` must be None"):
            codes.sampler.sample(2, 1)
        return
    drawn = [codes.sampler.sample(9, y, seed=0) for y in range(4)]
    for one, other in itertools.combinations(drawn, 2):
        assert np.abs(one - other).max() > 1e-3
    named = codes.sampler.sample(9, "class 2", seed=0)
    np.testing.assert_array_equal(named, drawn[2])
    for labels, message in (
        (None, "this model is conditional; got None"),
        ([0, 1, 2], "got shape"),
        ([0, 4], "got values from 0 to 4"),
    ):
        with pytest.raises(ValueError, match=f"`labels` must be whole .*{message}"):
            codes.sampler.sample(2, labels)


def test_steps_are_those_of_the_model_without_a_cache(codes):
    session, count = codes.session("prior_step"), 5
    model, labels = codes.model, codes.given(5)
    rng = np.random.default_rng(3)
    flat = rng.integers(0, K, (count, model.prior.length), dtype=np.int32)
    grids = ops.convert_to_tensor(flat.reshape(count, *model.code_shape))
    given = None if labels is None else ops.convert_to_tensor(labels, "int32")
    expected = ops.convert_to_numpy(model.prior(grids, given))
    feeds = {} if labels is None else {"labels": labels.astype(np.int32)}
    code, cache = np.full(count, K - 1, np.int32), np.zeros((count, 4, 3, 0, 4), "f4")
    for place in range(model.prior.length):
        logits, cache = session.run(None, {"code": code, "cache": cache, **feeds})
        np.testing.assert_allclose(logits, expected[:, place], atol=1e-5)
        code = flat[:, place]
    assert cache.shape[3] == model.prior.length


def test_verify_replays_every_file(codes):
    report = codes.sampler.verify()
    assert len(report["files"]) == 5
    assert report["max_abs_error"] <= 1e-5


def test_readme_of_the_folder_runs(codes, monkeypatch):
    text = (codes.folder / "README.md").read_text("utf-8")
    assert "prior_step.onnx" in text and "(batch, 3, 3" in text
    monkeypatch.chdir(codes.folder)
    names = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    expected = codes.sampler.sample(16, names.get("labels"), seed=0)
    np.testing.assert_allclose(names["images"], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("grids", "error", "message"),
    [
        (np.zeros((1, 3, 4), int), ValueError, r"shape \(N, 3, 3\).*got \(1, 3, 4\)"),
        (np.zeros((3, 3), int), ValueError, r"got \(3, 3\)"),
        (np.zeros((1, 3, 3)), TypeError, "whole numbers; got dtype float64"),
        (np.full((1, 3, 3), K), ValueError, "between 0 and 5; got values from 6 to 6"),
        (np.full((1, 3, 3), -1), ValueError, "got values from -1 to -1"),
        (np.full((1, 3, 3), 2**40), ValueError, "got values from 1099511627776"),
        ([[1], [2, 3]], TypeError, "got list, which numpy cannot read"),
        (7, ValueError, r"got \(\)"),
    ],
)
def test_codes_that_are_none_are_refused(codes, grids, error, message):
    if codes.labels is not None:
        pytest.skip("of the model with one code a place")
    with pytest.raises(error, match=f"`codes` must .*{message}") as caught:
        codes.sampler.decode(grids)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "`temperature` must be a finite number >= 0; got -1"),
        ({"temperature": np.nan}, "`temperature` must be a finite number"),
        ({"seed": 2**63}, "`seed` must be at most"),
        ({"num_samples": -1}, "`num_samples` must be at least 0"),
    ],
)
def test_sample_refuses(codes, options, message):
    with pytest.raises(ValueError, match=message):
        codes.sampler.sample(**{"num_samples": 2, "labels": codes.given(2), **options})


def test_decoder_alone_says_to_open_the_folder(codes):
    alone = export.Sampler(codes.folder / "decoder.onnx")
    with pytest.raises(export.RuntimeModelError, match="open the folder that") as error:
        alone.sample(1, codes.given(1))
    assert "\n" not in str(error.value)
    grids = np.zeros((1, *codes.model.code_shape), int)
    assert alone.decode(grids).shape == (1, *SHAPE)


def test_model_without_a_prior_is_exported_without_a_sampler(tmp_path):
    """With the uniform prior, and with one that has learned nothing yet."""
    prior = zoo.CodePrior(K, (3, 3), width=4, num_layers=1, num_heads=1)
    done = exported(tmp_path / "out", make_model("gradient", prior))
    assert list(done.report.files) == ["decoder.onnx", "encoder.onnx"]
    assert done.sampler.metadata["latent_prior"] == "uniform_codes"
    with pytest.raises(export.RuntimeModelError, match="no learned prior over its"):
        done.sampler.sample(1)
    assert "`codes`" in (tmp_path / "out" / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("quantizer", "size", "code_shape"),
    [
        ("gradient", 1, (3, 3)),
        ("fsq", 12, (3, 3)),
        ("fsq of two codes", 12, (3, 3, 2)),
        ("gumbel", 6, (3, 3)),
    ],
)
def test_every_quantizer_is_exported(quantizer, size, code_shape, tmp_path):
    if quantizer == "fsq of two codes":
        quantizer = zoo.quantizers.FiniteScalarQuantizer((4, 3), 4, depth=2, seed=0)
    model = make_model(quantizer, trained_prior(code_shape, size), size)
    done = exported(tmp_path / "out", model, opset=18)
    image, drawn = done.draw(40, seed=1)
    expected = model.sample(40, seed=1)
    np.testing.assert_allclose(image, expected, atol=1e-5)
    found = done.sampler.encode(expected)
    expected = ops.convert_to_numpy(model.encode(expected).codes)
    np.testing.assert_array_equal(found, expected)
    assert 0 <= drawn.min() <= drawn.max() < size


def test_quantized_files_draw_the_same_codes(tmp_path):
    model = make_model("residual", trained_prior((3, 3, 2)))
    model.decoder.set_weights([4 * w for w in model.decoder.get_weights()])
    done = exported(tmp_path / "out", model, quantize="int8")
    drawn = done.draw(30, seed=2)[1]
    u = uniforms(2, 30, 18)
    expected = NumpyCodePrior.of(model.prior).draw(u)
    np.testing.assert_array_equal(drawn.reshape(30, -1), expected)
    assert 1e-6 < done.report.max_abs_error <= options.TOLERANCES["int8"]


@pytest.mark.slow  # a dense model is converted on every backend, each time
def test_same_bytes_from_another_backend(codes, check_same_bytes):
    if codes.labels is None:
        pytest.skip("one model is enough: the one with labels and levels")
    check_same_bytes(codes.model, codes.report, "torch")


# What a code may differ by.


def test_only_codes_at_an_edge_may_differ(codes):
    feeds = codes.feeds(12, seed=9)
    drawn = codes.draw(12, seed=9)[1]
    assert compare_codes.beyond_edges(codes.model, feeds, drawn) <= 1e-6
    wrong = drawn.copy()
    wrong[3, 1, 1] = (wrong[3, 1, 1] + 1) % K
    assert compare_codes.beyond_edges(codes.model, feeds, wrong) > 1e-3
    cold = codes.feeds(12, temperature=0)
    drawn = codes.draw(12, temperature=0)[1]
    assert compare_codes.beyond_edges(codes.model, cold, drawn) == 0
    wrong = (drawn + 1) % K
    assert compare_codes.beyond_edges(codes.model, cold, wrong) > 1e-3


def test_stored_draw_fits_its_seed_though_none_keeps_away(codes, monkeypatch):
    monkeypatch.setattr(compare_codes, "_GOLDEN_DISTANCE", 1.0)
    monkeypatch.setattr(compare_codes, "_GOLDEN_DRAWS", 4)
    session = codes.sampler._opened.load("sampler.onnx")
    tried = [codes.feeds(1, seed) for seed in range(4)]
    distances = [
        compare_codes.beyond_edges(codes.model, feeds, session.run(feeds)["codes"])
        for feeds in tried
    ]
    feeds, got = compare_codes.golden_draw(session, codes.model, tried[0])
    assert feeds["seed"] == np.argmin(distances)
    np.testing.assert_array_equal(got["codes"], session.run(feeds)["codes"])


def test_stored_uniforms_are_those_of_the_stored_images(codes, monkeypatch):
    session = codes.sampler._opened.load("generator.onnx")
    drawn = uniforms(3, 1, codes.model.noise.uniforms)
    feeds = {"uniforms": drawn, "temperature": np.array(1, np.float32)}
    if codes.labels is not None:
        feeds["labels"] = codes.given(1).astype(np.int32)
    # None keeps away from an edge so far, whose leap is any leap.
    monkeypatch.setattr(generated, "_GOLDEN_SHIFTS", np.float32([1.0]))
    monkeypatch.setattr(generated, "_GOLDEN_DRAWS", 4)
    kept, got = generated.golden(session, feeds)
    np.testing.assert_array_equal(got["image"], session.run(kept)["image"])
    monkeypatch.setattr(generated, "_GOLDEN_SHIFTS", np.float32([1.0, 0.0]))
    kept, got = generated.golden(session, feeds)
    np.testing.assert_array_equal(kept["uniforms"], drawn)


def test_a_sampler_that_draws_otherwise_is_refused(codes, monkeypatch):
    session = codes.sampler._opened.load("sampler.onnx")
    run = session.run

    def other_seed(feeds):
        return run({**feeds, "seed": np.array(feeds["seed"] ^ 1)})

    monkeypatch.setattr(session, "run", other_seed)
    errors = compare.largest_errors(
        session, "sampler", Subject(codes.model, priors.codes.RECORD)
    )
    assert errors["ordinary"] <= 1e-5  # its images are those of its codes
    with pytest.raises(export.ExportError, match="in the probabilities of its codes"):
        pipeline.check("sampler.onnx", errors, None, priors.codes.RECORD)


def test_choose_inverts_the_distribution_function():
    p = np.array([0.1, 0.0, 0.6, 0.3])
    logits = np.log(np.maximum(p, 1e-30)).astype(np.float32)[None]
    u = np.float32([0.0, 0.0999, 0.1001, 0.6999, 0.7001, 1 - 2**-24])
    drawn = choose(np.repeat(logits, 6, 0), u, 1.0)
    assert drawn.tolist() == [0, 0, 2, 2, 3, 3]
    ours = keras_choose(
        ops.convert_to_tensor(np.repeat(logits, 6, 0)), ops.convert_to_tensor(u), 1.0
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(ours), drawn)
    assert choose(np.repeat(logits, 6, 0), u, 0.0).tolist() == [2] * 6
    one = choose(np.zeros((3, 1), np.float32), u[:3], 1.0)
    assert one.tolist() == [0, 0, 0]


def test_prior_of_other_codes_is_said_before_it_is_exported(tmp_path, monkeypatch):
    model = make_model(prior=trained_prior((3, 3)))
    model.prior.fitted_to = "another"

    def stop(*_):
        raise export.ExportError("far enough")

    monkeypatch.setattr(pipeline.process, "convert", stop)
    with pytest.warns(UserWarning, match="fitted to the codes of other weights"):
        with pytest.raises(export.ExportError, match="far enough"):
            export.export_model(model, tmp_path / "out")
