"""Models of few labels: their conditional sampler, exported by `vae-zoo export`."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import export
import zoo
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
    names = {f"{n}.onnx" for n in ("decoder", "encoder", "generator", "sampler")}
    assert names <= set(errors) and max(errors.values()) <= 1e-5
    assert "cat, dog, emu" in (folder / "README.md").read_text()
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
