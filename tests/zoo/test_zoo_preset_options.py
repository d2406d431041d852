"""What a preset keeps beside weights, and in which dtype it comes back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from zoo_helpers import SHAPE, array, make_dense, quick_compile

import zoo
from zoo.presets import files

ROOT = Path(__file__).resolve().parents[2]


def custom_vae(last_dtype=None, **options):
    layers = keras.layers
    dtype = options.get("dtype")
    encoder = keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Flatten(dtype=dtype),
            layers.Dense(5, dtype=dtype),
            layers.Dense(4, dtype=dtype),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [layers.Dense(64, dtype=last_dtype or dtype), layers.Reshape(SHAPE)]
    )
    return zoo.VAE(encoder, decoder, SHAPE, latent_dim=2, seed=0, **options)


def vq_vae(**options):
    prior = zoo.CodePrior(5, (2, 2), width=8, num_layers=1, num_heads=2, seed=0)
    return zoo.VQVAE(
        SHAPE, 5, 3, "gradient", (4, 4), blocks_per_stage=1, prior=prior, **options
    )


# What is trainable.


def freeze(model, *parts):
    for part in parts:
        part.trainable = False


def thaw_head(model):
    freeze(model, model.encoder)
    model.encoder.head.trainable = True


FROZEN = {
    "nothing": (make_dense, lambda m: None, {}),
    "model": (make_dense, lambda m: freeze(m, m), {".": False}),
    "encoder": (make_dense, lambda m: freeze(m, m.encoder), {"encoder": False}),
    "all of it but the head": (
        make_dense,
        thaw_head,
        {"encoder": False, "encoder.head": True},
    ),
    "first layer": (
        lambda: make_dense(hidden_units=(4, 3)),
        lambda m: freeze(m, m.encoder.stack.hidden[0]),
        {"encoder.stack.hidden.0": False},
    ),
    "likelihood and flow": (
        lambda: make_dense(likelihood="gaussian", prior="flow"),
        lambda m: freeze(m, m.likelihood, m.prior),
        {"likelihood": False, "prior": False},
    ),
    "layer of a custom network": (
        custom_vae,
        lambda m: freeze(m, m.encoder.layers[1]),
        {"encoder.layers.1": False},
    ),
    "quantizer": (
        vq_vae,
        lambda m: freeze(m, m.quantizer),
        {"prior": False, "quantizer": False},
    ),
}


def trains(model):
    """Of each weight, whether `fit` would train it."""
    trained = {id(variable) for variable in model.trainable_variables}
    return [id(weight) in trained for weight in model.weights]


def part_of(model, path):
    for step in path.split(".") if path != "." else ():
        model = model[int(step)] if step.isdigit() else getattr(model, step)
    return model


@pytest.mark.parametrize("name", FROZEN)
def test_what_is_frozen_stays_frozen(name, tmp_path):
    make, change, told = FROZEN[name]
    model, thawed = make(), make()
    change(model)
    model.save_to_preset(tmp_path / "preset", metadata={"trainable": {"x": False}})
    assert zoo.preset_info(tmp_path / "preset").get("trainable", {}) == told
    loaded = zoo.from_preset(tmp_path / "preset")
    assert trains(loaded) == trains(model)
    for path, trainable in told.items():
        assert part_of(loaded, path).trainable == trainable
    # It is not only the variables that are: Keras on TensorFlow would not thaw those.
    for m in (loaded, thawed):
        for path in told:
            part_of(m, path).trainable = True
    assert trains(loaded) == trains(thawed)
    assert bool(told) == (trains(model) != trains(thawed))


def test_frozen_parts_of_a_compiled_model_are_kept_and_not_trained(tmp_path, images):
    model = make_dense(likelihood="gaussian")
    thaw_head(model)
    quick_compile(model)
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset")
    before = {w.path: np.array(array(w)) for w in loaded.weights}
    quick_compile(loaded, keras.optimizers.Adam(0.1))
    loaded.fit(images, verbose=0)
    moved = {w.path for w in loaded.weights if np.any(array(w) != before[w.path])}
    assert moved == {w.path for w in loaded.trainable_variables} | {"vae/steps"}
    assert not any("encoder/stack" in path for path in moved)


def test_frozen_part_that_is_not_there_is_named(tmp_path):
    make_dense().save_to_preset(tmp_path / "preset")
    zoo.presets.update_metadata(tmp_path / "preset", trainable={"encoder.x": False})
    with pytest.raises(ValueError, match="whether 'encoder.x' is trainable, but "):
        zoo.from_preset(tmp_path / "preset")


# Its dtype.


def test_dtype_is_that_of_the_networks(tmp_path, grey):
    make_dense(likelihood="gaussian", prior="flow").save_to_preset(tmp_path / "preset")
    plain = zoo.from_preset(tmp_path / "preset")
    assert plain.dtype_policy.name == plain.encoder.dtype_policy.name == "float32"
    mixed = zoo.DenseVAE.from_preset(tmp_path / "preset", dtype="mixed_bfloat16")
    for part in (mixed, mixed.encoder, mixed.decoder.head):
        assert part.dtype_policy.name == "mixed_bfloat16"
    for part in (mixed.prior, mixed.likelihood):
        assert part.dtype_policy.name == "float32"
    computed = keras.backend.standardize_dtype(mixed.encoder(grey).dtype)
    assert computed == "bfloat16"
    assert {keras.backend.standardize_dtype(w.dtype) for w in mixed.weights} == {
        "float32",
        keras.backend.standardize_dtype(mixed.steps_trained.dtype),
    }
    given, expected = (m.elbo(grey, seed=0)["elbo"] for m in (mixed, plain))
    assert given.dtype == np.float32
    np.testing.assert_allclose(given, expected, rtol=0.02)
    # And back: what is saved says so itself.
    mixed.save_to_preset(tmp_path / "mixed")
    assert zoo.from_preset(tmp_path / "mixed").dtype_policy.name == "mixed_bfloat16"
    again = zoo.from_preset(tmp_path / "mixed", dtype=keras.DTypePolicy("float32"))
    np.testing.assert_array_equal(again.elbo(grey, seed=0)["elbo"], expected)


def test_dtype_leaves_layers_that_had_another(tmp_path, grey):
    model = custom_vae(dtype="mixed_bfloat16", last_dtype="float32")
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset", dtype="mixed_float16")
    names = [layer.dtype_policy.name for layer in loaded.encoder.layers[1:]]
    assert names == ["mixed_float16"] * 2
    assert loaded.decoder.layers[0].dtype_policy.name == "float32"
    assert np.isfinite(loaded.elbo(grey, seed=0)["elbo"]).all()


def test_dtype_of_a_prior_over_codes_is_that_of_the_networks(tmp_path):
    vq_vae().save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset", dtype="mixed_bfloat16")
    assert loaded.prior.transformer.dtype_policy.name == "mixed_bfloat16"
    assert loaded.quantizer.dtype_policy.name == "float32"


@pytest.mark.parametrize("dtype", ["float31", "int8", "", 3, "int8_from_float32"])
def test_unknown_dtype_is_one_sentence(dtype):
    with pytest.raises(ValueError) as caught:
        zoo.from_preset("dense_vae_digits", load_weights=False, dtype=dtype)
    assert str(caught.value).startswith("`dtype` must be a floating dtype or dtype pol")
    assert str(caught.value).endswith(f"got {dtype!r}.")


# Its latents.


def test_latents_are_told_without_loading(tmp_path):
    codes = {"name": "codes", "shape": [7, 7], "codebook_size": 128}
    assert zoo.preset_info("vq_vae_mnist")["latents"] == [codes]
    ladder = zoo.preset_info("hierarchical_vae_cifar10")["latents"]
    assert [(spec["name"], spec["shape"]) for spec in ladder] == [
        *((f"z_4x4_{i}", [4, 4, 8]) for i in (1, 2)),
        *((f"z_8x8_{i}", [8, 8, 8]) for i in (1, 2, 3)),
        *((f"z_16x16_{i}", [16, 16, 8]) for i in (1, 2, 3, 4)),
    ]
    for name in zoo.list_presets():
        info = zoo.preset_info(name)
        if name.startswith(("vq_vae", "hierarchical_vae", "semi_supervised")):
            continue
        expected = [{"name": "z", "shape": [info["latent_dim"]], "codebook_size": None}]
        assert info["latents"] == expected
    vq_vae().save_to_preset(tmp_path / "preset", metadata={"latents": "x"})
    codes = {"name": "codes", "shape": [2, 2], "codebook_size": 5}
    assert zoo.preset_info(tmp_path / "preset")["latents"] == [codes]


# What else could change it.

ELSEWHERE = """
import sys
import keras
import numpy as np

keras.config.set_image_data_format("channels_first")
keras.config.set_dtype_policy("mixed_float16")
keras.config.enable_unsafe_deserialization()
from zoo import presets

for folder in sys.argv[1:3]:
    model = presets.from_preset(folder)
    np.save(f"{folder}/samples.npy", model.reconstruct(np.load(f"{folder}/x.npy")))
try:
    presets.from_preset(sys.argv[3], load_weights=False)
except ValueError as error:
    print(error)
"""


def with_config(folder, config):
    """Puts another config into a preset, with the digest that belongs to it."""
    (folder / "config.json").write_text(json.dumps(config))
    digests = {
        name: files.digest(folder / name)
        for name in ("config.json", "model.weights.h5")
    }
    zoo.presets.update_metadata(folder, sha256=digests)


def moved(value):
    """A config as of a release whose modules lay elsewhere."""
    if isinstance(value, list):
        return [moved(item) for item in value]
    if not isinstance(value, dict):
        return value
    value = {key: moved(item) for key, item in value.items()}
    if str(value.get("module")).startswith("zoo."):
        value["module"] = "zoo.long_gone"
    return value


@pytest.mark.cross_backend
def test_neither_settings_nor_moved_modules_change_a_preset(tmp_path, grey):
    models = {
        "conv": zoo.ConvVAE(
            SHAPE, 2, (3, 4), prior="flow", blocks_per_stage=1, hidden_units=5, seed=0
        ),
        "vq": vq_vae(likelihood="gaussian"),
        "code": custom_vae(),
    }
    for name, model in models.items():
        folder = tmp_path / name
        model.save_to_preset(folder)
        config = moved(json.loads((folder / "config.json").read_text()))
        if name == "code":
            layer = keras.saving.serialize_keras_object(keras.layers.Lambda(abs))
            config["config"]["encoder"]["config"]["layers"].insert(1, layer)
        with_config(folder, config)
        np.save(folder / "x.npy", grey)
    process = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *(str(tmp_path / name) for name in models)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    for name in ("conv", "vq"):
        samples = np.load(tmp_path / name / "samples.npy")
        np.testing.assert_allclose(samples, models[name].reconstruct(grey), atol=1e-5)
    assert "A Lambda is Python code, which no preset holds" in process.stdout
