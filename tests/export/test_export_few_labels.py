"""Models of few labels: what `vae-zoo export` writes, and classifier.onnx by itself."""

import json
import pickle

import numpy as np
import pytest
from typer.testing import CliRunner

import export
import zoo
from export.runtime.metadata import FORMAT, parse
from recipes.commands.cli import app
from zoo import threefry

SHAPE = (8, 10, 1)
X = np.random.default_rng(0).integers(0, 2, (40, *SHAPE)).astype("float32")
Y = np.where(np.arange(40) < 9, np.arange(40) % 3, -1)
LABELS = [0, 2, 1, 1]
NAMES = ["cat", "dog", "emu"]


def semi():
    options = {"num_summed_classes": 2, "class_names": NAMES}
    return zoo.SemiSupervisedVAE(SHAPE, 5, 3, hidden_units=(8,), seed=0, **options)


def stacked():
    base = zoo.DenseVAE(SHAPE, 3, (8,), seed=1)
    options = {"batch_norm": True, "class_names": NAMES}
    return zoo.StackedSemiSupervisedVAE(
        base, 2, 3, hidden_units=(8,), seed=0, **options
    )


MADE = {"semi": semi, "stacked": stacked}


def vae_zoo(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout


def moved(model):
    """A model after an epoch, its weights and moving statistics moved far."""
    model.compile("adam")
    model.fit(X, Y, epochs=1, batch_size=8, verbose=0)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.path.endswith("moving_variance"):
            weight.assign(rng.uniform(0.3, 2, weight.shape))
        elif weight.shape:
            weight.assign(0.5 * rng.standard_normal(weight.shape))
    return model


@pytest.fixture(scope="module", params=MADE)
def exported(request, tmp_path_factory):
    """A model and its folder."""
    model = moved(MADE[request.param]())
    folder = tmp_path_factory.mktemp("few_labels")
    model.save_to_preset(folder / "preset")
    vae_zoo("export", folder / "preset", folder / "exported")
    return model, folder / "exported"


def errors_of(folder):
    files = json.loads((folder / "manifest.json").read_text())["files"]
    return {
        name: max(f["max_abs_error"], f["extreme_error"]) for name, f in files.items()
    }


def test_files_give_what_the_model_does(exported, check_elsewhere):
    _, folder = exported
    errors = errors_of(folder)
    kinds = "classifier", "decoder", "encoder", "generator", "sampler"
    assert sorted(errors) == [f"{kind}.onnx" for kind in kinds]
    assert max(errors.values()) <= 1e-5
    text = (folder / "README.md").read_text()
    assert "cat, dog, emu" in text and "`probabilities` (batch, 3) float32" in text
    check_elsewhere(folder)


def test_samples_and_latents_are_those_of_the_model(exported):
    model, folder = exported
    sampler = export.Sampler(folder)
    assert sampler.metadata["latent_dim"] == 5
    assert sampler.metadata["class_names"] == NAMES
    for temperature in (1.0, 0.3):
        images = sampler.sample(4, LABELS, temperature, seed=3)
        expected = model.sample(4, LABELS, temperature, seed=3)
        assert np.std(expected, axis=0).mean() > 0.01
        np.testing.assert_allclose(images, expected, atol=1e-5)
    one, other = sampler.sample(4, "cat", seed=3), sampler.sample(4, "emu", seed=3)
    assert np.abs(one - other).max() > 0.05
    alone = export.Sampler(folder / "decoder.onnx").sample(4, LABELS, seed=3)
    np.testing.assert_allclose(alone, sampler.sample(4, LABELS, seed=3), atol=1e-6)
    mean, log_var = sampler.encode(X[:4], LABELS)
    posterior = model.encode(X[:4], LABELS)
    np.testing.assert_allclose(mean, np.asarray(posterior.mean), atol=1e-5)
    np.testing.assert_allclose(log_var, np.asarray(posterior.log_var), atol=1e-5)
    expected = np.asarray(model.decode(mean, LABELS))
    np.testing.assert_allclose(sampler.decode(mean, LABELS), expected, atol=1e-5)


def test_sampler_draws_as_generate_does(exported):
    from export.runtime.session import Session

    model, folder = exported
    numbers = {"seed": np.array(5), "num_samples": np.array(4)}
    shared = {"temperature": np.array(0.7, "f4"), "labels": np.int32(LABELS)}
    drawn = Session(folder / "sampler.onnx", "sampler").run({**numbers, **shared})
    expected = model.sample(4, LABELS, 0.7, seed=5)
    np.testing.assert_allclose(drawn["image"], expected, atol=1e-5)
    z = np.float32(0.7) * threefry.normals(5, 4, 5)
    np.testing.assert_allclose(drawn["z"], z, atol=1e-6)


def test_labels_must_be_known_to_draw(exported):
    _, folder = exported
    sampler = export.Sampler(folder)
    wrong_ones = (None, "got None"), (-1, "0 to 2"), (["cat"] * 3, "each of 4")
    for labels, wrong in wrong_ones:
        with pytest.raises(ValueError, match=wrong):
            sampler.sample(4, labels)


def test_commands_sample_and_verify(exported, tmp_path):
    _, folder = exported
    for label in ((), ("--label", "dog")):
        out = tmp_path / f"{len(label)}.png"
        vae_zoo("sample", folder, "--out", out, "-n", 6, *label)
        assert out.read_bytes()[:4] == b"\x89PNG"
    said = vae_zoo("verify", folder)
    assert all(name in said for name in errors_of(folder))


# The classifier.


def test_classes_are_those_of_the_model(exported):
    model, folder = exported
    classifier = export.Classifier(folder / "classifier.onnx", threads=2)
    expected = model.predict_proba(X)
    assert np.std(expected, axis=0).min() > 0.05
    told = classifier.predict_proba(X)
    assert told.dtype == np.float32 and told.shape == (40, 3)
    np.testing.assert_allclose(told, expected, atol=1e-5)
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-6)
    found = classifier.predict(X)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, expected.argmax(axis=1))
    assert classifier.predict(X[:0]).shape == (0,)


def test_an_image_is_of_one_class_however_it_is_computed(exported):
    _, folder = exported
    path = folder / "classifier.onnx"
    classifier = export.Classifier(path)
    many = np.concatenate([X] * 5)
    together = classifier.predict_proba(many)
    np.testing.assert_array_equal(together, np.concatenate([together[:40]] * 5))
    others = (
        export.Classifier(path, threads=1),
        export.Classifier(folder),
        export.Classifier(path.read_bytes()),
        pickle.loads(pickle.dumps(classifier)),
        pickle.loads(pickle.dumps(export.Classifier(folder))),
    )
    for again in others:
        np.testing.assert_array_equal(again.predict_proba(many), together)


def test_the_classifier_says_what_it_is_and_checks_itself(exported):
    model, folder = exported
    path = folder / "classifier.onnx"
    classifier = export.Classifier(path)
    assert classifier.class_names == NAMES and classifier.num_classes == 3
    assert classifier.image_shape == SHAPE and classifier.path == path
    assert classifier.metadata["model"] == type(model).__name__
    assert classifier.metadata["kind"] == "classifier"
    assert "num_classes=3" in repr(classifier)
    assert list(classifier.verify()["files"]) == ["classifier.onnx"]
    assert classifier.verify()["max_abs_error"] == 0
    whole = export.Classifier(folder).verify()["files"]
    assert whole == export.Sampler(folder).verify()["files"] and len(whole) == 5
    assert "classifier.onnx" in vae_zoo("verify", path)


def test_it_runs_without_keras(exported, run_python, tmp_path):
    model, folder = exported
    np.save(tmp_path / "x.npy", X)
    code = """
import sys
for name in ("keras", "tensorflow", "jax", "torch", "onnx", "sklearn", "PIL", "typer"):
    sys.modules[name] = None
import numpy as np, export
x = np.load(sys.argv[2])
print(*export.Classifier(sys.argv[1]).predict(x))
"""
    said = run_python(code, folder / "classifier.onnx", tmp_path / "x.npy")
    assert said == " ".join(map(str, model.predict_proba(X).argmax(axis=1)))


def test_bad_input_is_refused_in_a_sentence(exported, tmp_path):
    model, folder = exported
    classifier = export.Classifier(folder)
    with pytest.raises(ValueError, match=r"`images` must have shape \(N, 8, 10, 1\)"):
        classifier.predict(X[0])
    with pytest.raises(ValueError, match="`images` must lie in .0, 1.; got .* 255"):
        classifier.predict_proba(255 * X)
    with pytest.raises(ValueError, match="`images` must be finite"):
        classifier.predict(np.nan * X)
    with pytest.raises(export.RuntimeModelError, match="must be a decoder or a gen"):
        export.Sampler(folder / "classifier.onnx")
    for other in (export.Classifier, export.Scorer):
        with pytest.raises(export.RuntimeModelError, match="it says it is 'decoder'"):
            other(folder / "decoder.onnx")
    path = tmp_path / "c.onnx"
    with pytest.raises(TypeError, match="must have a classifier, .* got DenseVAE"):
        export.export_classifier(zoo.DenseVAE(SHAPE, 2, (4,)), path)
    with pytest.raises(TypeError, match="must be a built zoo model, .* got str"):
        export.export_classifier("model", path)
    with pytest.raises(ValueError, match="`opset` must be one of"):
        export.export_classifier(model, path, opset=16)
    with pytest.raises(FileExistsError, match="exists already"):
        export.export_classifier(model, folder / "classifier.onnx")
    assert not list(tmp_path.iterdir())


def test_folders_without_a_classifier_have_none(folder):
    with pytest.raises(export.RuntimeModelError, match="must be a classifier"):
        export.Classifier(folder)


def test_a_classifier_of_no_classes_is_refused():
    told = {"image_shape": [8, 10, 1], "latent_dim": 2, "golden": {}, "num_classes": 3}
    stored = {name: json.dumps(value) for name, value in told.items()}
    stored |= {"format": FORMAT, "kind": "classifier"}
    assert parse(stored, ("classifier",), "c.onnx")["num_classes"] == 3
    for wrong in ("null", "0", "true", '"3"'):
        stored["num_classes"] = wrong
        with pytest.raises(export.RuntimeModelError, match="a classifier must have"):
            parse(stored, ("classifier",), "c.onnx")


def test_classifier_of_rounded_weights(tmp_path):
    model = moved(zoo.SemiSupervisedVAE(SHAPE, 2, 3, hidden_units=(64,), seed=0))
    path = tmp_path / "classifier.onnx"
    report = export.export_classifier(model, path, opset=18, quantize="int8")
    assert (report.opset, report.quantize) == (18, "int8")
    assert 1e-5 < report.max_abs_error <= report.tolerance
    told, expected = export.Classifier(path).predict_proba(X), model.predict_proba(X)
    np.testing.assert_allclose(told, expected, atol=report.tolerance)
    with pytest.raises(FileExistsError, match="exists already"):
        export.export_classifier(model, path)
    assert [file.name for file in tmp_path.iterdir()] == ["classifier.onnx"]
