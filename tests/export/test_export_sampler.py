"""sampler.onnx: the generator and the decoder as one graph."""

import shutil

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import export
from export import pipeline, priors
from export.convert import graph, noise
from export.runtime.signature import Value
from zoo.threefry import MAX_SEED, normals


def run(path, num_samples, seed, temperature=1.0, **labels):
    """What anyone gets who has onnxruntime alone."""
    session = onnxruntime.InferenceSession(path)
    feeds = {
        "seed": np.array(seed, np.int64),
        "num_samples": np.array(num_samples, np.int64),
        "temperature": np.array(temperature, np.float32),
        **labels,
    }
    return session.run(["image", "z"], feeds)


def noise_graph(latent_dim):
    """The generator alone: its noise is the only output."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["noise"], ["z"])], "body", [], []
    )
    proto = helper.make_model(body)
    noise.prepend(proto, latent_dim, 0)
    inputs = {
        "seed": Value("int64", ()),
        "num_samples": Value("int64", ()),
        "temperature": Value("float32", ()),
    }
    outputs = {"z": Value("float32", ("num_samples", latent_dim))}
    return graph.tidy(proto, inputs, outputs, noise.OPSET)


@pytest.mark.parametrize("latent_dim", [1, 2, 7, 40])
def test_noise_is_that_of_numpy(latent_dim):
    proto = noise_graph(latent_dim)
    operators = graph.check(proto, noise.OPERATORS)
    assert sum(operators.values()) <= 140
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    for seed in (0, 1, 2**32 - 1, 2**32, 2**40 + 3, MAX_SEED):
        for rows in (0, 1, 65):
            feeds = {
                "seed": np.array(seed, np.int64),
                "num_samples": np.array(rows, np.int64),
                "temperature": np.array(0.5, np.float32),
            }
            (z,) = session.run(None, feeds)
            expected = normals(seed, rows, latent_dim)
            assert z.shape == expected.shape
            np.testing.assert_allclose(z, expected, rtol=0, atol=5e-7)


def test_random_operators_are_allowed_in_samplers_alone():
    with pytest.raises(export.ExportError, match="BitShift"):
        graph.check(noise_graph(2))


@pytest.mark.parametrize("num_samples", [0, 1, 3, 100])
@pytest.mark.parametrize("seed", [0, 2**33 + 5])
def test_a_seed_means_the_same_everywhere(model, folder, sampler, num_samples, seed):
    image, z = run(folder / "sampler.onnx", num_samples, seed, 0.7)
    assert image.shape == (num_samples, 16, 12, 3)
    expected = np.float32(0.7) * normals(seed, num_samples, 6)
    np.testing.assert_allclose(z, expected, rtol=1e-6, atol=1e-6)
    for other in (sampler, model):
        np.testing.assert_allclose(
            image, other.sample(num_samples, temperature=0.7, seed=seed), atol=1e-5
        )


def test_first_samples_stay_when_more_are_drawn(folder):
    many, many_z = run(folder / "sampler.onnx", 70, 3)
    few, few_z = run(folder / "sampler.onnx", 4, 3)
    np.testing.assert_array_equal(few_z, many_z[:4])
    np.testing.assert_allclose(few, many[:4], atol=1e-6)
    cold, _ = run(folder / "sampler.onnx", 3, 9, temperature=0.0)
    assert np.ptp(cold, axis=0).max() < 1e-6  # the mode, whatever the seed


def test_file_is_plain_standard_onnx(exports):
    for report in exports.values():
        entry = report.files["sampler.onnx"]
        assert entry.opset == 18
        assert entry.latent_error <= 1e-6
        proto = onnx.load(entry.path)
        onnx.checker.check_model(proto, full_check=True)
        assert [(o.domain, o.version) for o in proto.opset_import] == [("", 18)]
        assert proto.ir_version <= 10
        stored = {entry.key: entry.value for entry in proto.metadata_props}
        assert stored["kind"] == "sampler"
        assert stored["generator"] == '"threefry2x32-20"'
        scalars = list(proto.graph.input)[:3]
        assert [value.name for value in scalars] == [
            "seed",
            "num_samples",
            "temperature",
        ]
        kinds = [value.type.tensor_type.elem_type for value in scalars]
        assert kinds == [TensorProto.INT64, TensorProto.INT64, TensorProto.FLOAT]


def test_quantized_sampler_draws_the_same_latents(exports):
    z = [run(r.files["sampler.onnx"].path, 5, 1)[1] for r in exports.values()]
    np.testing.assert_array_equal(z[0], z[1])
    np.testing.assert_array_equal(z[0], z[2])
    sizes = [r.files["sampler.onnx"].bytes for r in exports.values()]
    assert sizes[0] > sizes[1] > sizes[2]


def test_it_is_not_a_decoder(folder):
    with pytest.raises(export.RuntimeModelError, match="must be a decoder"):
        export.Sampler(folder / "sampler.onnx")


def test_damage_is_noticed_by_verify(folder, tmp_path):
    copied = shutil.copytree(folder, tmp_path / "copied")
    content = bytearray((copied / "sampler.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (copied / "sampler.onnx").write_bytes(content)
    sampler = export.Sampler(copied)
    assert len(sampler.sample(2)) == 2  # which needs the decoder alone
    with pytest.raises(export.RuntimeModelError, match="its SHA-256 differs"):
        sampler.verify()


def test_latents_that_differ_are_refused():
    errors = {"ordinary": 0.0, "extreme": 0.0, "latents": 1e-6}
    pipeline.check("sampler.onnx", errors, "int8", priors.standard_normal.RECORD)
    errors["latents"] = 1.1e-6
    with pytest.raises(export.ExportError, match="by 1.1e-06 in its latents, more"):
        pipeline.check("sampler.onnx", errors, "int8", priors.standard_normal.RECORD)
