"""Conditional models: labels as a second input of every file."""

import json

import numpy as np
import onnx
import onnxruntime
from keras import ops

import export
import zoo


def decoded(conditional, z, labels):
    return ops.convert_to_numpy(conditional.model.decode(z, labels))


def test_files_give_the_same_in_another_program(conditional, check_elsewhere):
    check_elsewhere(conditional.folder)


def test_files_take_labels(conditional):
    manifest = json.loads((conditional.folder / "manifest.json").read_text())
    classes = conditional.labels.ndim == 1
    for name, entry in manifest["files"].items():
        rows = "num_samples" if name == "sampler.onnx" else "batch"
        assert list(entry["inputs"])[-1] == "labels"
        assert entry["inputs"]["labels"] == {
            "dtype": "int32" if classes else "float32",
            "shape": [rows] if classes else [rows, 3],
        }
        assert "labels" in entry["golden"]["inputs"]
        onnx.checker.check_model(onnx.load(conditional.folder / name), full_check=True)
    metadata = conditional.sampler.metadata
    assert metadata["latent_prior"] == "label_normal"
    assert metadata["num_classes"] == (5 if classes else None)
    assert metadata["num_attributes"] == (None if classes else 3)
    names = ["zero", "one", "two", "3", "4"]
    assert metadata["class_names"] == (names if classes else None)
    assert manifest.get("class_names") == metadata["class_names"]
    assert "num_" in repr(conditional.sampler)


def test_decoder_agrees_with_keras(conditional):
    z = np.random.default_rng(0).standard_normal((9, 5), dtype=np.float32)
    got = conditional.sampler.decode(z, conditional.labels)
    np.testing.assert_allclose(
        got, decoded(conditional, z, conditional.labels), atol=1e-5
    )
    assert np.abs(got - conditional.sampler.decode(z, conditional.labels[0])).max() > 0


def test_encoder_agrees_with_keras(conditional):
    x = np.random.default_rng(0).random((9, 16, 12, 1), dtype=np.float32)
    mean, log_var = conditional.sampler.encode(x, conditional.labels)
    q = conditional.model.encode(x, conditional.labels)
    np.testing.assert_allclose(mean, ops.convert_to_numpy(q.mean), atol=1e-5)
    np.testing.assert_allclose(log_var, ops.convert_to_numpy(q.log_var), atol=1e-5)


def test_samples_of_a_learned_prior_are_the_models(conditional):
    options = {"temperature": 0.7, "seed": 2**40 + 1}
    expected = conditional.model.sample(9, conditional.labels, **options)
    alone = export.Sampler(conditional.folder / "decoder.onnx")
    for sampler in (conditional.sampler, alone):
        got = sampler.sample(9, conditional.labels, **options)
        np.testing.assert_allclose(got, expected, atol=1e-5)
    session = onnxruntime.InferenceSession(conditional.folder / "sampler.onnx")
    feeds = {
        "seed": np.array(options["seed"], np.int64),
        "num_samples": np.array(9, np.int64),
        "temperature": np.array(0.7, np.float32),
        "labels": conditional.onnx_labels,
    }
    image, z = session.run(["image", "z"], feeds)
    np.testing.assert_allclose(image, expected, atol=1e-5)
    # `z` is the latent itself: the decoder's input, whose prior is p(z|y).
    np.testing.assert_allclose(
        conditional.sampler.decode(z, conditional.labels), image, atol=1e-6
    )
    mode = conditional.sampler.sample(9, conditional.labels, temperature=0)
    prior = conditional.model.make_prior(conditional.onnx_labels)
    center = ops.convert_to_numpy(prior.from_noise(ops.zeros((9, 5))))
    assert np.abs(center).max() > 0.1
    np.testing.assert_allclose(
        mode, decoded(conditional, center, conditional.labels), atol=1e-5
    )


def test_one_label_serves_all(conditional):
    label = conditional.labels[1]
    many = np.stack([label] * 9)
    z = np.random.default_rng(0).standard_normal((9, 5), dtype=np.float32)
    x = np.random.default_rng(0).random((9, 16, 12, 1), dtype=np.float32)
    sampler = conditional.sampler
    for call, argument in (
        (sampler.sample, 9),
        (sampler.decode, z),
        (sampler.encode, x),
    ):
        for same in (label, label.tolist(), many.tolist()):
            np.testing.assert_array_equal(call(argument, same), call(argument, many))
    assert sampler.sample(0, label).shape == (0, 16, 12, 1)
    assert sampler.decode(z[:0], many[:0]).shape == (0, 16, 12, 1)


def test_a_column_of_classes_is_as_good_as_a_row():
    from export.runtime.labels import check_labels

    metadata = {"num_classes": 5}
    np.testing.assert_array_equal(check_labels([[1], [4]], 2, metadata), [1, 4])
    assert check_labels([1.0, 4.0], 2, metadata).dtype == np.int32


def test_chunks_and_threads_do_not_change_the_result(conditional):
    labels = np.resize(conditional.labels, (300, *conditional.labels.shape[1:]))
    images = conditional.sampler.sample(300, labels, seed=5)
    for n in (1, 2, 64, 65, 129):
        np.testing.assert_array_equal(
            conditional.sampler.sample(n, labels[:n], seed=5), images[:n]
        )
    for threads in (1, 3):
        other = export.Sampler(conditional.folder, threads=threads)
        np.testing.assert_array_equal(other.sample(300, labels, seed=5), images)


def test_golden_vectors_are_replayed_with_labels(conditional):
    report = conditional.sampler.verify()
    assert len(report["files"]) == 4
    assert report["max_abs_error"] <= 1e-5


def test_readme_of_the_folder_runs(conditional, monkeypatch):
    text = (conditional.folder / "README.md").read_text("utf-8")
    assert "The prior of `z` is learned for each label, and is not N(0, I)" in text
    code = text.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(conditional.folder)
    names = {}
    exec(code, names)
    expected = conditional.sampler.sample(16, names["labels"], seed=0)
    np.testing.assert_allclose(names["images"], expected, atol=1e-5)


def test_convolutional_model_with_a_plain_prior(tmp_path):
    model = zoo.ConditionalVAE(
        (8, 8, 1),
        latent_dim=2,
        num_classes=3,
        networks="conv",
        filters=(2, 3),
        blocks_per_stage=1,
        hidden_units=4,
        seed=0,
    )
    report = export.export_decoder(model, tmp_path / "decoder.onnx", quantize="int8")
    assert report.max_abs_error <= report.tolerance
    sampler = export.Sampler(report.path)
    assert sampler.metadata["latent_prior"] == "standard_normal"
    assert sampler.metadata["class_names"] is None
    labels = [0, 2, 1, 1]
    np.testing.assert_allclose(
        sampler.sample(4, labels, seed=3), model.sample(4, labels, seed=3), atol=0.05
    )
