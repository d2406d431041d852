"""generator.onnx: what a user's own priors, posteriors and levels leave Keras as."""

import json

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import user_models
from keras import ops

import export
import zoo
from export.check.subject import Subject
from export.convert.graph import ALLOWED_OPERATORS
from export.explorer.describe import describe, warning
from export.explorer.exported import read_exported
from zoo.threefry import normals, uniforms


def exported(model, tmp_path_factory, **options):
    folder = tmp_path_factory.mktemp("generators") / "out"
    report = export.export_model(model, folder, **options)
    return model, report, export.Sampler(folder)


@pytest.fixture(scope="module")
def hooked(tmp_path_factory):
    model = user_models.HookedVAE((8, 8, 1), 3, hidden_units=(8,), seed=0)
    return exported(model, tmp_path_factory)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return exported(user_models.full_vae(), tmp_path_factory)


@pytest.fixture(scope="module")
def levels(tmp_path_factory):
    return exported(user_models.TwoLevel(), tmp_path_factory)


@pytest.fixture(scope="module")
def vamp(tmp_path_factory):
    prior = zoo.priors.Vamp((8, 8, 1), 7, seed=0)
    model = zoo.DenseVAE((8, 8, 1), 3, hidden_units=(8,), prior=prior, seed=0)
    rng = np.random.default_rng(0)
    for weight in model.encoder.trainable_variables:
        weight.assign(rng.standard_normal(weight.shape))
    return exported(model, tmp_path_factory)


def check_samples(model, sampler):
    """Of a seed those of the model, in any part."""
    expected = model.sample(20, temperature=0.8, seed=2**33 + 1)
    assert np.ptp(expected, axis=0).max() > 0.01
    for first, count in ((0, 20), (3, 17), (19, 1), (5, 0)):
        got = sampler.sample(count, temperature=0.8, seed=2**33 + 1, first=first)
        np.testing.assert_allclose(got, expected[first : first + count], atol=1e-5)


def run(report, name, feeds):
    """What anyone gets who has onnxruntime alone."""
    session = onnxruntime.InferenceSession(report.files[name].path)
    return session.run(["image"], feeds)[0]


def check_files(model, report):
    """Generator and sampler are the model's own functions, in plain operators."""
    noise = {}
    if model.noise.normals:
        noise["noise"] = normals(4, 5, model.noise.normals)
    if model.noise.uniforms:
        noise["uniforms"] = uniforms(4, 5, model.noise.uniforms)
    temperature = np.array(0.7, np.float32)
    image = run(report, "generator.onnx", {**noise, "temperature": temperature})
    expected = ops.convert_to_numpy(model.generate(**noise, temperature=0.7))
    np.testing.assert_allclose(image, expected, atol=1e-5)
    seeds = {"seed": np.array(4, np.int64), "num_samples": np.array(5, np.int64)}
    drawn = run(report, "sampler.onnx", {**seeds, "temperature": temperature})
    np.testing.assert_allclose(drawn, expected, atol=1e-5)
    entry = report.files["generator.onnx"]
    assert set(entry.operators) <= ALLOWED_OPERATORS and entry.opset == 17
    assert "BitShift" not in entry.operators and "Range" not in entry.operators
    proto = onnx.load(entry.path)
    kinds = {value.type.tensor_type.elem_type for value in proto.graph.input}
    assert kinds == {onnx.TensorProto.FLOAT}


def test_files_give_the_same_in_another_program(full, levels, check_elsewhere):
    for _, report, _ in (full, levels):
        check_elsewhere(report.path)


def test_hooks_hold_in_every_file(hooked):
    model, report, sampler = hooked
    check_samples(model, sampler)
    check_files(model, report)
    names = ["decoder.onnx", "encoder.onnx", "sampler.onnx", "generator.onnx"]
    assert list(report.files) == names
    assert sorted(sampler.verify()["files"]) == sorted(names)


def test_a_decoder_claims_no_prior_that_is_not_its_own(hooked):
    _, report, sampler = hooked
    assert sampler.metadata["latent_prior"] == "custom"
    decoder = export.Sampler(report.files["decoder.onnx"].path)
    for ask in (decoder.sample, decoder.draw_latents):
        with pytest.raises(export.RuntimeModelError, match="generator.onnx does"):
            ask(1)
    assert decoder.decode(np.zeros((2, 3))).shape == (2, 8, 8, 1)
    with pytest.raises(export.RuntimeModelError, match="use `sample`"):
        sampler.draw_latents(1)


def test_a_page_says_that_it_cannot_draw(hooked):
    _, report, sampler = hooked
    alone = read_exported(report.files["decoder.onnx"].path)
    assert "cannot be drawn here: the prior is 'custom'" in warning(alone)
    whole = read_exported(sampler.path)
    assert warning(whole) == ""
    # As wide as the prior, N(1, e^2), not N(0, 1).
    reach = describe(whole, {}, "hooked", None)["latents"]
    assert min(reach["high"]) > 7 and max(reach["low"]) < -5


def test_a_page_shows_no_hierarchy(levels):
    with pytest.raises(export.RuntimeModelError, match="without a decoder.onnx"):
        read_exported(levels[2].path)


def test_a_generator_alone_is_enough_to_sample(hooked):
    model, report, _ = hooked
    generator = export.Sampler(report.files["generator.onnx"].path)
    check_samples(model, generator)
    with pytest.raises(export.RuntimeModelError, match="has no decoder"):
        generator.decode(np.zeros((2, 3)))


def test_a_users_prior_posterior_likelihood_and_objective(full):
    model, report, sampler = full
    assert sampler.metadata["latent_prior"] == "Halves"
    check_samples(model, sampler)
    check_files(model, report)
    x = np.random.default_rng(0).random((5, 8, 8, 1), dtype=np.float32)
    given = sampler.encode(x)
    assert list(given) == ["mean", "log_var", "covariance"]
    expected = ops.convert_to_numpy(model.encode(x).covariance())
    np.testing.assert_allclose(given["covariance"], expected, rtol=1e-4, atol=1e-5)
    assert "`covariance`" in (sampler.path / "README.md").read_text("utf-8")


def test_a_vamp_prior_leaves_as_the_mixture_that_it_is(vamp):
    model, report, sampler = vamp
    check_samples(model, sampler)
    check_files(model, report)
    # Means and log-variances of the components; no pseudo-inputs and no encoder.
    for name in ("generator.onnx", "sampler.onnx"):
        graph = onnx.load(report.files[name].path).graph
        shapes = [tuple(weight.dims) for weight in graph.initializer]
        assert shapes.count((7, 3)) == 2
        assert not any(64 in shape[:1] or 7 * 64 in shape for shape in shapes)
    text = (sampler.path / "README.md").read_text("utf-8")
    assert "The prior of `z` is a learned mixture of normal distributions" in text


def test_levels_of_a_hierarchy(levels):
    model, report, sampler = levels
    assert list(report.files) == ["sampler.onnx", "generator.onnx"]
    check_samples(model, sampler)
    check_files(model, report)
    sampler.verify()
    assert not sampler.can_encode and "several" not in repr(sampler)
    with pytest.raises(export.RuntimeModelError, match="several groups"):
        sampler.decode(np.zeros((1, 4)))
    manifest = json.loads((sampler.path / "manifest.json").read_text())
    assert manifest["noise"] == {"normals": 6, "uniforms": 0}
    assert [group["name"] for group in manifest["latents"]] == ["z_2", "z_1"]


def test_readme_of_a_hierarchy_runs(levels, monkeypatch):
    model, _, sampler = levels
    text = (sampler.path / "README.md").read_text("utf-8")
    assert "`generator.onnx`" in text and "decoder.onnx" not in text
    monkeypatch.chdir(sampler.path)
    names = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    np.testing.assert_allclose(names["images"], model.sample(16, seed=0), atol=1e-5)


def test_a_hierarchy_has_no_single_decoder(levels, tmp_path):
    with pytest.raises(export.ExportError, match="2 groups .* use export_model"):
        export.export_decoder(levels[0], tmp_path / "decoder.onnx")


@pytest.mark.parametrize("first", [-1, 2**32, 1.5])
def test_first_is_checked(hooked, first):
    with pytest.raises((ValueError, TypeError), match="`first` must be"):
        hooked[2].sample(1, first=first)


def test_labels_that_a_hook_changes_are_refused():
    class Turned(zoo.ConditionalVAE):
        def check_labels(self, labels, count=None):
            return 2 - super().check_labels(labels, count)

    model = Turned((8, 8, 1), 2, num_classes=3, hidden_units=(4,))
    with pytest.raises(export.ExportError, match="changes labels.*`label_vectors`"):
        Subject.of(model)


def test_label_vectors_of_a_subclass_are_found_out():
    class Mirrored(zoo.ConditionalVAE):
        def label_vectors(self, labels):
            return ops.flip(super().label_vectors(labels), axis=-1)

    def named(cls):
        model = cls((8, 8, 1), 2, num_classes=3, prior="label_normal")
        kernel = np.arange(6, dtype="float32").reshape(3, 2)
        model.prior.mean_kernel.assign(kernel)
        return Subject.of(model).record

    assert named(zoo.ConditionalVAE).name == "label_normal"
    assert named(Mirrored) is None


def test_classes_of_a_script_are_refused(tmp_path):
    @keras.saving.register_keras_serializable(package="script")
    class Own(user_models.Halves):
        __module__ = "__main__"

    model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(4,), prior=Own())
    with pytest.raises(export.ExportError, match="Own is defined in the script"):
        export.export_model(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()
