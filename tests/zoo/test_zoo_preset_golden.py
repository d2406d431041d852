"""Shipped presets compute what they did before the house was rebuilt, on any backend.

`presets_golden.json` was written then, on TensorFlow; of presets that were trained anew
since, `preset_probes.write_golden` has written theirs.
"""

import base64
import json

import keras
import numpy as np
import preset_probes
import pytest

import zoo
from zoo.applications import decompress

GOLDEN = json.loads(preset_probes.GOLDEN.read_text())

TOLERANCES = {
    "elbo": {"rtol": 1e-4},
    "samples": {"rtol": 0, "atol": 1e-5},
    # Of images far from any that the model has seen: logits are in the hundreds.
    "reconstructions": {"rtol": 0, "atol": 3e-5},
}


def test_all_presets_are_compared():
    assert set(GOLDEN) == set(zoo.list_presets())


@pytest.mark.parametrize("name", GOLDEN)
def test_figures_samples_and_reconstructions_stay(name):
    measured = preset_probes.measure(zoo.from_preset(name))
    for what, array in measured.items():
        np.testing.assert_allclose(
            array, GOLDEN[name][what], **TOLERANCES[what], err_msg=f"{name}: {what}"
        )


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="takes a minute to compile them"
)
@pytest.mark.parametrize("name", preset_probes.COMPRESSED)
def test_files_that_were_compressed_before_are_read(name):
    """On TensorFlow, by version 1 of the format."""
    model = zoo.from_preset(name)
    images = decompress(model, base64.b64decode(GOLDEN[name]["compressed"]))
    np.testing.assert_array_equal(images, preset_probes.to_compress(model))
