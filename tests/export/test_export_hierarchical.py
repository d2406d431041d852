"""Files of a ladder: all groups of latents are one row of standard normal numbers."""

import numpy as np
import pytest

import export
import zoo
from zoo import threefry

SHAPE = (9, 10, 2)
LEVELS = ((4, 1, 2), (2, 2, 1))
ROW = 18 + 36 + 36
X = np.random.default_rng(3).integers(0, 2, (4, *SHAPE)).astype("float32")
LABELS = [0, 2, 1, 1]


@pytest.fixture(scope="module")
def ladder(tmp_path_factory):
    """A model with labels and weights at random, its report and its folder."""
    model = zoo.HierarchicalVAE(
        SHAPE, LEVELS, filters=(4, 3), blocks_per_level=1, num_classes=3, seed=0
    )
    rng = np.random.default_rng(0)
    weights = [0.4 * rng.standard_normal(w.shape) for w in model.get_weights()]
    weights = [np.zeros(()) if w.shape == () else w.astype("f4") for w in weights]
    model.set_weights(weights)
    folder = tmp_path_factory.mktemp("ladder") / "ladder"
    return model, export.export_model(model, folder), folder


def test_samples_and_codes_are_those_of_the_model(ladder):
    model, report, folder = ladder
    assert sorted(report.files) == [
        *("decoder.onnx", "encoder.onnx", "generator.onnx", "sampler.onnx")
    ]
    sampler = export.Sampler(folder)
    assert sampler.metadata["latent_dim"] == ROW
    for temperature in (1.0, 0.3):
        images = sampler.sample(4, LABELS, temperature, seed=3)
        expected = model.sample(4, LABELS, temperature, seed=3)
        assert np.std(expected, axis=0).mean() > 0.01
        np.testing.assert_allclose(images, expected, atol=1e-5)
    mean, log_var = sampler.encode(X, LABELS)
    posterior = model.encode(X, LABELS)
    assert mean.shape == log_var.shape == (4, ROW)
    np.testing.assert_allclose(mean, np.asarray(posterior.mean), atol=1e-5)
    np.testing.assert_allclose(log_var, np.asarray(posterior.log_var), atol=1e-5)
    images = model.reconstruct(X, LABELS)
    np.testing.assert_allclose(sampler.decode(mean, LABELS), images, atol=1e-5)


def test_sampler_and_generator_draw_as_generate_does(ladder):
    from export.runtime.session import Session

    model, _, folder = ladder
    labels = np.int32(LABELS)
    feeds = {"temperature": np.array(0.7, "f4"), "labels": labels}
    seeded = {"seed": np.array(5), "num_samples": np.array(4)}
    drawn = Session(folder / "sampler.onnx", "sampler").run({**seeded, **feeds})
    expected = model.sample(4, LABELS, 0.7, seed=5)
    np.testing.assert_allclose(drawn["image"], expected, atol=1e-5)
    noise = threefry.normals(5, 4, ROW)
    np.testing.assert_allclose(drawn["z"], np.float32(0.7) * noise, atol=1e-6)
    # One temperature for each level: the segments of the row, scaled.
    scale = np.repeat(np.float32([0.2, 1.5]), [18, 72])
    feeds = {"temperature": np.array(1, "f4"), "labels": labels, "noise": scale * noise}
    made = Session(folder / "generator.onnx", "generator").run(feeds)["image"]
    expected = model.sample(4, LABELS, (0.2, 1.5), seed=5)
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.slow  # a dense model is converted on every backend, each time
def test_bytes_do_not_depend_on_the_backend(ladder, check_same_bytes):
    model, report, _ = ladder
    check_same_bytes(model, report, "torch")
