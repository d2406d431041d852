"""Presets and exported folders changed at random: refused in a sentence, or opened."""

import json
import os
import subprocess
import sys
from pathlib import Path

import fuzzing
import numpy as np
import pytest

import zoo

# Of `metadata.json`, as a training leaves it.
RECORDED = ("anchors", "dataset", "metrics", "summary", "training")


def recorded():
    info = zoo.preset_info("conditional_vae_mnist")
    return {name: info[name] for name in RECORDED}


@pytest.mark.parametrize("signed", [False, True])
def test_changed_exports_are_refused_or_opened(folder, signed):
    result = fuzzing.fuzz(fuzzing.Exports, [folder], 100, seed=0, signed=signed)
    assert not result["faults"]
    assert result["outcomes"]["refused"] >= (30 if signed else 90)


@pytest.mark.parametrize("signed", [False, True])
def test_changed_presets_are_refused_or_loaded(model, signed, tmp_path):
    model.save_to_preset(tmp_path / "preset", metadata=recorded())
    sources = [tmp_path / "preset"]
    result = fuzzing.fuzz(fuzzing.Presets, sources, 60, seed=0, signed=signed)
    assert not result["faults"]
    assert result["outcomes"]["refused"] >= (15 if signed else 50)


@pytest.fixture(scope="module")
def kinds_of_models(tmp_path_factory):
    """Small models of each kind of latents and prior, as presets and exported."""
    import export

    shape = (8, 8, 1)
    codes = zoo.VQVAE(
        shape, 4, 2, filters=(2,), prior="autoregressive", seed=0, quantizer="ema"
    )
    images = np.random.default_rng(0).random((8, *shape), dtype="float32")
    codes.compile("adam")
    codes.fit(images, epochs=1, verbose=0)
    codes.fit_prior(images, epochs=1, verbose=0)
    labels = {"num_classes": 3, "class_names": ["a", "b", "c"]}
    models = {
        "dense": zoo.DenseVAE(shape, 2, hidden_units=(4,), seed=0),
        "flow": zoo.ConvVAE(shape, 2, filters=(2,), prior="flow", seed=0),
        "labels": zoo.ConditionalVAE(
            shape, 2, **labels, hidden_units=(4,), prior="label_normal", seed=0
        ),
        "codes": codes,
    }
    out = tmp_path_factory.mktemp("kinds")
    (out / "exports").mkdir()
    for name, model in models.items():
        model.save_to_preset(out / "presets" / name, metadata=recorded())
        export.export_model(model, out / "exports" / name)
    return out


@pytest.mark.slow  # a quarter of an hour each
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("kind", ["exports", "presets"])
def test_ten_thousand_changes(kinds_of_models, kind, signed, tmp_path):
    """And none takes 10 seconds, nor the process 2 GB."""
    process = subprocess.run(
        [
            *(sys.executable, fuzzing.__file__, kind, kinds_of_models / kind),
            *("--mutations", "10000", *(["--signed"] if signed else [])),
        ],
        env={
            **os.environ,
            "KERAS_BACKEND": "torch",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "FUZZING_LOG": str(tmp_path / "last"),
        },
        capture_output=True,
        text=True,
    )
    last = (tmp_path / "last").read_text()
    assert process.returncode == 0, (last, process.stderr[-3000:])
    result = json.loads(process.stdout.splitlines()[-1])
    assert sum(result["outcomes"].values()) == 10_000
    assert result["memory"] < fuzzing.MOST_BYTES
