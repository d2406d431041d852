"""Presets: everything comes back, whole or not at all."""

import json
import shutil

import h5py
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo_helpers import SHAPE, make_dense, quick_compile, random_weights, resigned

import zoo
from zoo import presets
from zoo.likelihoods import Gaussian
from zoo.objectives import ELBO, ImportanceWeighted
from zoo.presets import files
from zoo.presets import folder as folder_module
from zoo.schedules import CyclicalWarmup, LinearWarmup

FILES = ("config.json", "metadata.json", "model.weights.h5")


def custom_vae(**options):
    encoder = keras.Sequential(
        [keras.layers.Flatten(), keras.layers.Dense(5, "tanh"), keras.layers.Dense(4)]
    )
    decoder = keras.Sequential([keras.layers.Dense(64), keras.layers.Reshape(SHAPE)])
    return zoo.VAE(encoder, decoder, SHAPE, latent_dim=2, **options)


def conv(**options):
    options = {"filters": (3, 4), "hidden_units": 5, **options}
    return zoo.ConvVAE(options.pop("image_shape", SHAPE), 2, **options)


MODELS = {
    "dense": make_dense,
    "dense gated": lambda: make_dense(gated=True, hidden_units=[5, 3]),
    "dense tanh": lambda: make_dense(activation="tanh", image_shape=[9, 8, 3]),
    "no hidden layer": lambda: make_dense(hidden_units=()),
    "beta": lambda: make_dense(beta=4.0),
    "warm-up": lambda: make_dense(beta=LinearWarmup(7, 0.1, 2.0)),
    "cyclical": lambda: make_dense(beta=CyclicalWarmup(7, 3, 0.2, 0.1, 0.9)),
    "free bits": lambda: make_dense(objective=ELBO(LinearWarmup(5), free_bits=0.3)),
    "iwae": lambda: make_dense(objective=ImportanceWeighted(3, LinearWarmup(5))),
    "iwae by name": lambda: make_dense(objective="importance_weighted"),
    "gaussian": lambda: make_dense(likelihood="gaussian"),
    "gaussian fixed": lambda: make_dense(likelihood=Gaussian(scale=0.1)),
    "gaussian per pixel": lambda: make_dense(likelihood=Gaussian("per_pixel")),
    "flow": lambda: make_dense(prior="flow"),
    "flow with options": lambda: make_dense(prior=zoo.priors.Flow(2, 3, 4, seed=1)),
    "binarized": lambda: make_dense(dynamic_binarization=True, seed=None),
    "bfloat16": lambda: make_dense(dtype="mixed_bfloat16", name="half"),
    "conv plain": lambda: conv(block="plain", image_shape=(9, 11, 3)),
    "conv residual": lambda: conv(block="residual", blocks_per_stage=1),
    "conv gated": lambda: conv(activation="relu", dtype="mixed_bfloat16"),
    "conv gaussian": lambda: conv(likelihood=Gaussian("per_pixel"), filters=[2]),
    "conv without blocks": lambda: conv(blocks_per_stage=0, filters=(2, 2, 2)),
    "custom networks": custom_vae,
    "custom, gaussian": lambda: custom_vae(likelihood="gaussian", beta=LinearWarmup(3)),
}


def dataset_contents(folder):
    """{path: array} of the weights file."""
    contents = {}
    with h5py.File(folder / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: (
                contents.update({name: item[()]})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return contents


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A preset with random weights."""
    model = make_dense(likelihood="gaussian")
    random_weights(model, seed=0)
    path = tmp_path_factory.mktemp("presets") / "small"
    model.save_to_preset(path, metadata={"metrics": {"elbo": -1.5}, "dataset": {}})
    return path


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copied")


@pytest.mark.parametrize("name", MODELS)
def test_round_trip_keeps_configuration_and_weights(name, tmp_path):
    model = MODELS[name]()
    random_weights(model, seed=1)
    model.steps_trained.assign(5)
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(str(tmp_path / "preset"))
    assert type(loaded) is type(model)
    # JSON both: lists and tuples are one.
    config, loaded_config = (
        json.dumps(m.get_config(), sort_keys=True) for m in (model, loaded)
    )
    assert loaded_config == config
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert int(loaded.steps_trained) == 5
    assert loaded.preset_name == "preset"
    if name in ("gaussian", "conv plain", "custom, gaussian"):
        np.testing.assert_allclose(
            loaded.sample(3, seed=0), model.sample(3, seed=0), atol=1e-6
        )
    if "gaussian" in name and "fixed" not in name and "per pixel" not in name:
        scale = getattr(loaded.likelihood, "log_scale", None)
        assert scale is None or float(scale) == float(model.likelihood.log_scale) != 0


def test_options_reach_the_loaded_model(tmp_path):
    model = make_dense(
        objective=ELBO(CyclicalWarmup(7, 3, 0.2, 0.1, 0.9), free_bits=0.3),
        likelihood=Gaussian(scale=0.1),
        dynamic_binarization=True,
        seed=12,
        dtype="mixed_bfloat16",
    )
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.DenseVAE.from_preset(tmp_path / "preset")
    assert vars(loaded.objective.beta) == {
        "period": 7,
        "cycles": 3,
        "rise": 0.2,
        "start": 0.1,
        "end": 0.9,
    }
    assert loaded.objective.free_bits == 0.3
    assert loaded.likelihood.scale == 0.1
    assert loaded.dynamic_binarization is True
    assert loaded.seed == 12
    assert loaded.dtype_policy.name == "mixed_bfloat16"
    assert loaded.image_shape == SHAPE
    assert not loaded.compiled


def test_keras_file_round_trip(tmp_path, grey):
    model = make_dense(likelihood="gaussian", beta=LinearWarmup(5))
    random_weights(model, seed=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.elbo(grey, seed=0)["elbo"], model.elbo(grey, seed=0)["elbo"]
    )


def test_folder_holds_three_files_and_what_is_known(folder):
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
    info = zoo.preset_info(folder)
    assert info["model"] == "DenseVAE"
    assert info["preset"] == "small"
    assert info["image_shape"] == list(SHAPE)
    assert info["latent_dim"] == 2
    assert info["metrics"] == {"elbo": -1.5}
    # Encoder 64-4-4, decoder 2-4-64, one scale; the step counter is no parameter, but
    # Keras counts it.
    weights = (65 * 4 + 5 * 4) + (3 * 4 + 5 * 64) + 1
    assert info["parameters"] in (weights, weights + 1)
    config = json.loads((folder / "config.json").read_text())
    assert not {"compile_config", "build_config"} & set(config)
    assert (folder.stat().st_mode & 0o777) == 0o755


@pytest.mark.parametrize("beyond", (False, True))
def test_rounded_weights_take_half_the_file_and_come_back_exactly(tmp_path, beyond):
    model = make_dense(hidden_units=(256, 256), prior="flow")
    random_weights(model, seed=0)
    before = model.get_weights()
    if beyond:  # one number that half precision does not have: all stay as they are
        next(array for array in before if array.ndim == 2)[0, 0] = 1e6
        model.set_weights(before)
    model.save_to_preset(tmp_path / "whole")
    presets.round_to_half(model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, rtol=2**-11, atol=2**-24)
    model.save_to_preset(tmp_path / "rounded")
    whole, rounded = (
        (tmp_path / name / "model.weights.h5").stat().st_size
        for name in ("whole", "rounded")
    )
    assert (rounded == whole) if beyond else (rounded < 0.65 * whole)
    assert presets.preset_info(tmp_path / "rounded").get("half_precision") == (
        None if beyond else True
    )
    loaded = zoo.from_preset(tmp_path / "rounded")
    for mine, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        assert theirs.dtype == mine.dtype
        np.testing.assert_array_equal(theirs, mine)


def test_metadata_cannot_replace_what_the_format_needs(tmp_path):
    model = make_dense()
    model.save_to_preset(
        tmp_path / "p", metadata={"format_version": 0, "sha256": {}, "model": "x"}
    )
    assert zoo.preset_info(tmp_path / "p")["model"] == "DenseVAE"
    zoo.from_preset(tmp_path / "p")


def test_compiled_and_trained_models_save_what_uncompiled_ones_do(tmp_path, images):
    trained = make_dense(likelihood="gaussian", seed=None)
    quick_compile(trained, keras.optimizers.Adam(use_ema=True))
    trained.fit(images, validation_data=images, verbose=0)
    plain = make_dense(likelihood="gaussian", seed=None)
    plain.set_weights(trained.get_weights())
    trained.save_to_preset(tmp_path / "trained")
    plain.save_to_preset(tmp_path / "plain")
    one, other = (dataset_contents(tmp_path / n) for n in ("trained", "plain"))
    assert set(one) == set(other)
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])
    configs = [
        (tmp_path / n / "config.json").read_bytes() for n in ("trained", "plain")
    ]
    assert configs[0] == configs[1]


# Renaming any of these makes every preset that was ever saved unreadable.
DENSE_PATHS = """
    decoder/head/vars/0 decoder/head/vars/1
    decoder/stack/hidden/dense/vars/0 decoder/stack/hidden/dense/vars/1
    decoder/stack/hidden/dense_1/vars/0 decoder/stack/hidden/dense_1/vars/1
    encoder/head/vars/0 encoder/head/vars/1
    encoder/stack/hidden/dense/vars/0 encoder/stack/hidden/dense/vars/1
    encoder/stack/hidden/dense_1/vars/0 encoder/stack/hidden/dense_1/vars/1
    layers/gaussian/vars/0 vars/0
"""


def test_weight_paths_of_dense_vae_are_frozen(tmp_path):
    make_dense(likelihood="gaussian", hidden_units=(4, 3)).save_to_preset(
        tmp_path / "p"
    )
    assert sorted(dataset_contents(tmp_path / "p")) == sorted(DENSE_PATHS.split())


def test_weight_paths_of_conv_vae_are_frozen(tmp_path):
    conv(blocks_per_stage=2).save_to_preset(tmp_path / "p")
    layers = ["encoder/hidden", "encoder/head", "decoder/hidden", "decoder/project"]
    for stage in ("", "_1"):
        layers += [f"encoder/downs/conv2d{stage}", f"decoder/ups/conv2d{stage}"]
        for network in ("encoder", "decoder"):
            for block in ("", "_1"):
                # Keras' names for a list in a list, and for the class.
                path = f"{network}/stages/container{stage}/conv_block{block}"
                layers += [f"{path}/{layer}" for layer in ("reduce", "mix", "expand")]
    expected = [f"{layer}/vars/{i}" for layer in layers for i in (0, 1)] + ["vars/0"]
    assert sorted(dataset_contents(tmp_path / "p")) == sorted(expected)


def test_weight_paths_of_a_flow_are_frozen(tmp_path):
    make_dense(prior=zoo.priors.Flow(2, num_layers=2)).save_to_preset(tmp_path / "p")
    expected = {
        f"layers/flow/couplings/affine_coupling{which}/{layer}/vars/{i}"
        for which in ("", "_1")
        for layer in ("hidden", "head")
        for i in (0, 1)
    }
    assert {path for path in dataset_contents(tmp_path / "p") if "flow" in path} == (
        expected
    )


def test_load_without_weights_gives_a_fresh_model(folder):
    (folder / FILES[2]).rename(folder / "away")  # not even read
    try:
        fresh = zoo.from_preset(folder, load_weights=False)
    finally:
        (folder / "away").rename(folder / FILES[2])
    new = make_dense(likelihood="gaussian")
    for one, other in zip(fresh.get_weights(), new.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_loaded_model_trains_further(folder, images):
    loaded = zoo.from_preset(folder)
    quick_compile(loaded, keras.optimizers.Adam(0.01))
    history = loaded.fit(images, batch_size=16, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


# What may not happen.


@pytest.mark.parametrize("stage", ["config", "weights", "metadata"])
@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_failed_save_leaves_nothing(tmp_path, monkeypatch, stage, error):
    model = make_dense()

    def fail(*args, **kwargs):
        raise error

    if stage == "weights":
        monkeypatch.setattr(type(model), "save_weights", fail)
    else:
        write = files.write_bytes

        def write_bytes(path, content):
            fail() if path.name == f"{stage}.json" else write(path, content)

        monkeypatch.setattr(files, "write_bytes", write_bytes)
    with pytest.raises(type(error)) as caught:
        model.save_to_preset(tmp_path / "new" / "preset")
    assert list((tmp_path / "new").iterdir()) == []
    if isinstance(error, OSError):
        assert "Cannot write a preset to" in str(caught.value)
        assert "No space left" in str(caught.value)


def test_full_disk_while_weights_are_written_is_one_sentence(tmp_path):
    resource = pytest.importorskip("resource")
    model = make_dense(hidden_units=(64,))
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    # More than the JSON has, less than the weights: the write then fails half way.
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, unlimited[1]))
    try:
        with pytest.raises(OSError) as caught:
            model.save_to_preset(tmp_path / "new" / "preset")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert str(caught.value).startswith("Cannot write a preset to ")
    assert "model.weights.h5: File too large." in str(caught.value)
    assert list((tmp_path / "new").iterdir()) == []


def test_existing_folder_is_not_overwritten(folder):
    before = (folder / FILES[2]).read_bytes()
    with pytest.raises(FileExistsError, match="exists already: give a new folder"):
        make_dense().save_to_preset(folder)
    assert (folder / FILES[2]).read_bytes() == before


def test_unwritable_parent_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="^Cannot write a preset to '.*': .+[.]$"):
        make_dense().save_to_preset(tmp_path / "file" / "preset")


def damaged_load(folder):
    """Loads a damaged preset: the error's message, or None if it loads."""
    try:
        loaded = zoo.from_preset(folder)
    except ValueError as error:
        message = str(error)
        assert "\n" not in message
        assert str(folder) in message
        return message
    reference = make_dense(likelihood="gaussian")
    random_weights(reference, seed=0)
    for one, other in zip(loaded.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    return None


@settings(max_examples=40)
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_flipped_bit_never_loads_a_wrong_model(folder, name, place, bit):
    path = folder / name
    content = path.read_bytes()
    damaged = bytearray(content)
    damaged[int(place * len(content))] ^= 1 << bit
    try:
        path.write_bytes(damaged)
        message = damaged_load(folder)
    finally:
        path.write_bytes(content)
    # A flip in its name takes the digest of metadata.json away: older ones have none.
    if name != "metadata.json" or message is not None:
        assert message is not None and name in message and "damaged" in message


@settings(max_examples=25)
@given(st.sampled_from(FILES), st.floats(0, 1, exclude_max=True))
def test_truncated_file_never_loads(folder, name, share):
    path = folder / name
    content = path.read_bytes()
    # The last byte of JSON is a newline, which nobody misses.
    kept = min(int(share * len(content)), len(content) - 2)
    try:
        path.write_bytes(content[:kept])
        assert "damaged" in damaged_load(folder)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("name", ["metadata.json", "model.weights.h5"])
def test_missing_file_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(ValueError, match=f"incomplete: it has no {name}"):
        zoo.from_preset(copied)


def test_folder_without_config_is_no_preset(copied):
    (copied / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match="is not a preset: it has no config"):
        zoo.from_preset(copied)


@pytest.mark.parametrize("name", ["config.json", "metadata.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b'{"a": 1', b"{}", b"1"])
def test_other_content_is_refused_by_every_reader(copied, name, content):
    (copied / name).write_bytes(content)
    with pytest.raises(ValueError, match="preset"):
        zoo.from_preset(copied)
    if not (name == "metadata.json" and content == b"{}"):
        with pytest.raises(ValueError, match=f"{name} in the preset .* is damaged"):
            zoo.preset_info(copied)


def test_files_of_two_presets_do_not_mix(copied, tmp_path):
    other = make_dense(likelihood="gaussian", seed=1)
    other.save_to_preset(tmp_path / "other")
    shutil.copy(tmp_path / "other" / FILES[2], copied / FILES[2])
    with pytest.raises(ValueError, match="model.weights.h5 .* is damaged"):
        zoo.from_preset(copied)


def test_other_format_versions_are_refused(copied):
    resigned(copied, format_version=9)
    with pytest.raises(ValueError, match="format version 9; this release reads"):
        zoo.from_preset(copied)


def test_preset_of_another_class_is_refused(folder):
    with pytest.raises(ValueError, match="is a DenseVAE, not a ConvVAE: load it with"):
        zoo.ConvVAE.from_preset(folder)
    assert isinstance(zoo.VAE.from_preset(folder), zoo.DenseVAE)


def rewritten(folder, config):
    """Puts another config into a preset, with the digest that belongs to it."""
    (folder / "config.json").write_text(json.dumps(config))
    resigned(folder)


def test_preset_that_is_no_vae_is_refused(copied):
    rewritten(copied, keras.saving.serialize_keras_object(keras.layers.Dense(2)))
    with pytest.raises(ValueError, match="holds a Dense, not a model of the zoo"):
        zoo.from_preset(copied)


# Names.


@pytest.fixture
def shipped(folder, tmp_path, monkeypatch):
    """Two presets that ship."""
    for name in ("dense_vae_mnist", "conv_vae_mnist"):
        shutil.copytree(folder, tmp_path / "shipped" / name)
    (tmp_path / "shipped" / "half_written").mkdir()
    monkeypatch.setattr(folder_module, "SHIPPED", tmp_path / "shipped")


def test_shipped_presets_are_listed_and_loaded_by_name(shipped):
    assert zoo.list_presets() == ["conv_vae_mnist", "dense_vae_mnist"]
    assert zoo.from_preset("dense_vae_mnist").latent_dim == 2
    assert zoo.preset_info("conv_vae_mnist")["model"] == "DenseVAE"


@pytest.mark.parametrize(
    "name, suggestion",
    [
        ("dense_vae_mnst", "Did you mean dense_vae_mnist"),
        ("Conv_VAE_mnist", "Did you mean conv_vae_mnist"),
        ("zzz", "Shipped presets: conv_vae_mnist, dense_vae_mnist"),
    ],
)
def test_unknown_preset_suggests_close_names(shipped, name, suggestion):
    for read in (zoo.from_preset, zoo.preset_info, zoo.DenseVAE.from_preset):
        with pytest.raises(
            ValueError, match=f"There is no preset '{name}'.*{suggestion}"
        ):
            read(name)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no preset folder"):
        zoo.from_preset(tmp_path / "nowhere")


def test_update_metadata_sets_entries_and_keeps_the_rest(copied):
    presets.update_metadata(copied, metrics={"nll": 2.0})
    info = zoo.preset_info(copied)
    assert info["metrics"] == {"nll": 2.0}
    assert info["model"] == "DenseVAE"
    assert sorted(p.name for p in copied.iterdir()) == sorted(FILES)
    zoo.from_preset(copied)
