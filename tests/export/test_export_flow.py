"""A model whose prior is a flow: in sampler.onnx, and in NumPy from decoder.onnx."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from keras import ops

import export
import zoo
from export import pipeline, priors
from export.priors.flow import Flow
from export.runtime.files import add_digest
from zoo.threefry import normals

LATENT_DIM = 5
OPTIONS = {"temperature": 0.7, "seed": 2**40 + 1}


@pytest.fixture(scope="module")
def flow_model():
    """A model whose prior is far from N(0, I), and large enough to quantize.

    It is exported like any other of one vector, though an adversary trains it.
    """
    prior = zoo.priors.Flow(LATENT_DIM, hidden_units=256, mixing=True)
    model = zoo.AdversarialAutoencoder(
        (16, 12, 1),
        LATENT_DIM,
        prior=prior,
        networks="dense",
        hidden_units=(24,),
        discriminator_units=(8,),
        seed=0,
    )
    rng = np.random.default_rng(0)
    for weight in prior.trainable_variables:
        weight.assign(0.1 * rng.standard_normal(weight.shape))
    return model


@pytest.fixture(scope="module")
def reports(flow_model, tmp_path_factory):
    """{quantize: ModelReport}."""
    folder = tmp_path_factory.mktemp("flow")
    return {
        quantize: export.export_model(
            flow_model, folder / str(quantize), quantize=quantize
        )
        for quantize in (None, "int8")
    }


@pytest.fixture(scope="module")
def samplers(reports):
    """The folder, and decoder.onnx alone."""
    folder = reports[None]
    return export.Sampler(folder.path), export.Sampler(
        folder.files["decoder.onnx"].path
    )


def test_files_give_the_same_in_another_program(reports, check_elsewhere):
    for report in reports.values():
        check_elsewhere(report.path)


def test_readme_says_what_z_is_drawn_from(reports):
    text = (Path(reports[None].path) / "README.md").read_text("utf-8")
    assert "The prior of `z` is learned by a flow, and is not N(0, I)" in text
    assert "use: `sampler.onnx` and `generator.onnx` draw from it." in text
    assert "from 1.5 on no two programs agree on them" in text


def run(path, num_samples):
    """What anyone gets who has onnxruntime alone."""
    feeds = {
        "seed": np.array(OPTIONS["seed"], np.int64),
        "num_samples": np.array(num_samples, np.int64),
        "temperature": np.array(OPTIONS["temperature"], np.float32),
    }
    return onnxruntime.InferenceSession(path).run(["image", "z"], feeds)


def test_samples_are_the_models(flow_model, reports, samplers):
    expected = flow_model.sample(9, **OPTIONS)
    plain = np.float32(0.7) * normals(OPTIONS["seed"], 9, LATENT_DIM)
    for sampler in samplers:
        got = sampler.sample(9, **OPTIONS)
        np.testing.assert_allclose(got, expected, atol=1e-5)
        assert np.abs(got - sampler.decode(plain)).max() > 0.01
    image, z = run(reports[None].files["sampler.onnx"].path, 9)
    np.testing.assert_allclose(image, expected, atol=1e-5)
    # `z` is the latent itself: the decoder's input, whose prior is the flow.
    latents = flow_model.prior.from_noise(ops.convert_to_tensor(plain))
    np.testing.assert_allclose(z, ops.convert_to_numpy(latents), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(samplers[1].decode(z), image, atol=1e-6)
    cold = samplers[1].sample(3, temperature=0.0)
    assert np.ptp(cold, axis=0).max() < 1e-6


def test_files_say_what_they_hold(reports, samplers):
    for sampler in samplers:
        assert sampler.metadata["latent_prior"] == "flow"
        assert "prior_parameters" not in sampler.metadata
        assert sampler.verify()["max_abs_error"] <= 1e-5
    files = reports[None].files
    assert list(files) == [
        "decoder.onnx",
        "encoder.onnx",
        "sampler.onnx",
        "generator.onnx",
    ]
    for report in files.values():
        onnx.checker.check_model(onnx.load(report.path), full_check=True)
        assert report.max_abs_error <= 1e-5
    assert files["sampler.onnx"].latent_error <= 1e-4


def test_first_samples_stay_when_more_are_drawn(samplers):
    many = samplers[1].sample(1100, seed=5)  # more rows than are worked on at a time
    for n in (0, 1, 64, 1030):
        np.testing.assert_array_equal(samplers[1].sample(n, seed=5), many[:n])


def test_quantized_files_draw_the_same_latents(reports):
    images, latents = zip(
        *(run(report.files["sampler.onnx"].path, 7) for report in reports.values()),
        strict=True,
    )
    np.testing.assert_array_equal(*latents)
    assert 0 < np.abs(images[0] - images[1]).max() < 0.15
    alone = export.Sampler(reports["int8"].files["decoder.onnx"].path)
    np.testing.assert_allclose(alone.sample(7, **OPTIONS), images[1], atol=1e-5)


@pytest.mark.slow  # a dense model is converted on every backend, each time
def test_same_bytes_from_another_backend(flow_model, reports, check_same_bytes):
    check_same_bytes(flow_model, reports[None], "jax")


def test_latents_that_differ_are_refused():
    errors = {"ordinary": 0.0, "extreme": 0.0, "latents": 1e-4}
    pipeline.check("sampler.onnx", errors, "int8", priors.flow.RECORD)
    errors["latents"] = 2e-4
    with pytest.raises(export.ExportError, match="by 0.0002 in its latents, more"):
        pipeline.check("sampler.onnx", errors, "int8", priors.flow.RECORD)


def without(name):
    return lambda stored: stored["layers"][2].pop(name)


def resized(name, shape):
    return lambda stored: stored["layers"][0][name].update(shape=shape)


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: stored.clear(),
        lambda stored: stored.update(layers=[]),
        lambda stored: stored.update(layers=3),
        lambda stored: stored.update(layers=[3]),
        lambda stored: stored.update(log_scale_limit=0),
        lambda stored: stored.update(log_scale_limit="much"),
        without("fixed"),
        without("hidden_kernel"),
        without("head_bias"),
        without("mixing_bias"),
        resized("fixed", [5, 1]),
        resized("head_kernel", [10, 256]),
        resized("mixing_kernel", [25]),
        lambda stored: stored["layers"][0]["head_bias"].update(base64="!"),
        lambda stored: stored["layers"][0]["head_bias"].update(dtype="int64"),
    ],
)
def test_damaged_parameters_are_refused(reports, tmp_path, damage):
    proto = onnx.load(reports[None].files["decoder.onnx"].path)
    entries = {entry.key: entry for entry in proto.metadata_props}
    stored = json.loads(entries["prior_parameters"].value)
    damage(stored)
    entries["prior_parameters"].value = json.dumps(stored)
    proto.metadata_props.remove(entries["content_sha256"])
    path = tmp_path / "decoder.onnx"
    path.write_bytes(add_digest(proto.SerializeToString()))
    match = "`prior_parameters` in its metadata are damaged"
    with pytest.raises(export.RuntimeModelError, match=match) as caught:
        export.Sampler(path)
    assert "\n" not in str(caught.value)


def test_a_flow_of_labels_is_drawn_from_in_every_file(tmp_path):
    labels = {
        "num_classes": np.array([2, 0, 1, 1]),
        "num_attributes": np.random.default_rng(0).standard_normal((4, 3)),
    }
    for kind, given in labels.items():
        model = zoo.ConditionalVAE(
            (8, 8, 1), 5, **{kind: 3}, hidden_units=(6,), prior="label_flow", seed=0
        )
        rng = np.random.default_rng(0)
        for weight in model.prior.trainable_variables:
            weight.assign(0.2 * rng.standard_normal(weight.shape))
        report = export.export_model(model, tmp_path / kind)
        expected = model.sample(4, given, **OPTIONS)
        for file in (report.path, report.files["decoder.onnx"].path):
            sampler = export.Sampler(file)
            assert sampler.metadata["latent_prior"] == "label_flow"
            got = sampler.sample(4, given, **OPTIONS)
            np.testing.assert_allclose(got, expected, atol=1e-5)
            other = sampler.sample(4, given[::-1], **OPTIONS)
            assert np.abs(got - other).max() > 0.01
        text = (tmp_path / kind / "README.md").read_text("utf-8")
        assert "The prior of `z` is learned by a flow for each label" in text


@pytest.mark.parametrize("record", (priors.flow.RECORD, priors.label_flow.RECORD))
def test_numpy_form_survives_its_json_form(record):
    rng = np.random.default_rng(0)
    shapes = {
        "fixed": (2,),
        "hidden_kernel": (2, 3),
        "hidden_bias": (3,),
        "head_kernel": (3, 4),
        "head_bias": (4,),
    }
    if record.of_labels:
        shapes["label_kernel"] = (5, 3)
    layers = [
        {name: rng.random(shape, dtype=np.float32) for name, shape in shapes.items()}
        for _ in range(2)
    ]
    for layer, fixed in zip(layers, ((0, 1), (1, 0)), strict=True):
        layer["fixed"] = np.float32(fixed)
    one = Flow(layers, log_scale_limit=1.0)
    other = record.from_json(
        json.loads(json.dumps(one.to_json())), {"latent_dim": 2, "num_classes": 5}
    )
    noise, labels = (
        rng.standard_normal((4, 2), dtype=np.float32),
        np.array([4, 0, 1, 4]),
    )
    np.testing.assert_array_equal(one(noise, labels), other(noise, labels))
    assert one(noise, labels).dtype == np.float32


def test_two_backends_may_round_twice_as_much():
    errors = {"ordinary": 1.5e-5, "extreme": 0.0, "latents": 0.0}
    pipeline.check("sampler.onnx", errors, None, priors.flow.RECORD, backends=2)
    with pytest.raises(export.ExportError, match="by 1.5e-05 .* than the 1e-05 that"):
        pipeline.check("sampler.onnx", errors, None, priors.flow.RECORD)
