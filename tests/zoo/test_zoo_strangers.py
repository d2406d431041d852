"""Presets of strangers: what they name is not run, read, written or imported."""

import json
import sys

import h5py
import keras
import numpy as np
import pytest
from zoo_helpers import SHAPE, resigned

import zoo
from zoo.presets import files

pytestmark = pytest.mark.one_backend("files are judged before any backend computes")

layers = keras.layers


def with_config(folder, config):
    """Puts another config into a preset, with the digest that belongs to it."""
    (folder / "config.json").write_text(json.dumps(config))
    resigned(folder)


def vae_of(*encoder, **options):
    """A VAE of somebody's own encoder, whose last layer is added here."""
    decoder = keras.Sequential([layers.Dense(64), layers.Reshape(SHAPE)])
    encoder = keras.Sequential([*encoder, layers.Flatten(), layers.Dense(4)])
    return zoo.VAE(encoder, decoder, SHAPE, latent_dim=2, seed=0, **options)


# What would run, read, write or import something if it were handed to Keras.


def entry(class_name, config=None, module="keras.layers", registered=None, **more):
    return {
        "class_name": class_name,
        "config": config or {},
        "module": module,
        "registered_name": registered,
        **more,
    }


def function(name, module="builtins", registered=None):
    return entry("function", name, module, registered or name)


CANARY = "stranger_canary"  # a module beside the test, which says if it is imported
GALLERY = function("plot_image_gallery", "keras.visualization")
DENSE = {"units": 4}
HOSTILE = {
    # Code.
    "lambda layer": entry("Lambda", {"function": function("relu")}),
    "lambda with an argument": entry(
        "Lambda", {"function": GALLERY, "arguments": {"path": "PATH"}}
    ),
    "lambda elsewhere": entry("Lambda", {"function": GALLERY}, "keras.src.layers"),
    "lambda by its file": entry("Lambda", {}, "keras.src.layers.core.lambda_layer"),
    "marshalled": entry("__lambda__", {"value": "4wEAAAA="}),
    "marshalled activation": entry("Dense", {**DENSE, "activation": {
        "class_name": "__lambda__", "config": {"value": "4wEAAAA="}}}),
    "lambda without module": {"class_name": "Lambda", "config": {"function": GALLERY}},
    "legacy": {"class_name": "TFSMLayer", "config": {"filepath": "PATH"}},
    "legacy within": entry("Sequential", {"name": "x", "layers": [
        {"class_name": "StringLookup", "config": {"vocabulary": "PATH"}}]}, "keras"),
    # Functions.
    "gallery": GALLERY,
    "gallery as activation": entry("Dense", {**DENSE, "activation": GALLERY}),
    "plot": function("plot_model", "keras.utils"),
    "get_file": function("get_file", "keras.utils"),
    "load_model": function("load_model", "keras.saving"),
    "load_img": entry("ReLU", {"x": function("load_img", "keras.utils")}),
    "system": function("system", "os"),
    "eval": function("eval"),
    "unknown function": function("nothing"),
    "function by a number": entry("function", 3, "builtins"),
    "function of a module": function("run", CANARY),
    "relu from elsewhere": function("relu", CANARY),
    "loss": function("mean_squared_error", "keras.losses"),
    # Files.
    "saved model": entry("TFSMLayer", {"filepath": "PATH"}),
    "vocabulary": entry("StringLookup", {"vocabulary": "PATH"}),
    "integers": entry("IntegerLookup", {"vocabulary": "PATH"}),
    "text": entry("TextVectorization", {"vocabulary": "PATH"}),
    "feature space": entry("FeatureSpace", {}, "keras.utils"),
    "torch": entry("TorchModuleWrapper", {"module": "PATH"}),
    "jax": entry("JaxLayer", {"call_fn": GALLERY}),
    "flax": entry("FlaxLayer", {"module": "PATH"}),
    "pretrained": entry("ResNet50", {"weights": "PATH"}, "keras.applications"),
    "checkpoint": entry("ModelCheckpoint", {"filepath": "PATH"}, "keras.callbacks"),
    "csv": entry("CSVLogger", {"filename": "PATH"}, "keras.callbacks"),
    "wrapped": entry("TimeDistributed", {"layer": entry("TFSMLayer", {})}),
    "bidirectional": entry("Bidirectional", {"layer": entry("Lambda", {})}),
    "spectral": entry("SpectralNormalization", {"layer": GALLERY}),
    # Modules.
    "class of a module": entry("Layer", {}, CANARY),
    "registered nowhere": entry("Layer", {}, CANARY, "stranger>Layer"),
    "submodule of Keras": entry("Layer", {}, f"keras.{CANARY}"),
    "hub": entry("Backbone", {}, "keras_hub"),
    "layer by its file": entry("Dense", DENSE, "keras.src.layers.core.dense"),
    "zoo by its module": entry("DenseVAE", {}, "zoo.models.dense_vae"),
    "module is no text": entry("Dense", DENSE, ["keras.layers"]),
    "name is no text": entry(["Dense"], DENSE),
    "name is null": entry(None, DENSE),
    "registered name is no text": entry("Dense", DENSE, registered=3),
    "typespec": entry("__typespec__", ["x"], CANARY, spec_name="TensorSpec"),
    "array of objects": {"class_name": "__numpy__",
                         "config": {"value": [1], "dtype": "object"}},
    "slice with a module": {"class_name": "__slice__", "config": {}, "module": CANARY},
    "tensor": {"class_name": "__tensor__", "config": {"value": [1], "dtype": "int32"}},
    "bytes": {"class_name": "__bytes__", "config": {"value": "x"}},
    "optimizer": entry("Adam", {}, "keras.optimizers"),
    "base layer": entry("Layer", {}),
    "wrapper": entry("Wrapper", {"layer": entry("Dense", DENSE)}),
    "metric": entry("MeanMetricWrapper", {"fn": GALLERY}, "keras.metrics"),
    "map": entry("Map", {"f": GALLERY}, "keras.src.ops.core", "Map"),
}  # fmt: skip


def into(place, config, hostile):
    """A configuration with something in it, where layers are or where nobody looks."""
    inside = config["config"]
    if place == "layer":
        inside["encoder"]["config"]["layers"].insert(0, hostile)
    elif place == "initializer":
        inside["decoder"]["config"]["layers"][0]["config"]["kernel_initializer"] = (
            hostile
        )
    elif place == "likelihood":
        inside["likelihood"] = hostile
    else:
        inside["encoder"]["config"]["layers"][1]["name"] = [{"deep": [hostile]}]
    return config


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A preset of somebody's own networks, and its configuration."""
    folder = tmp_path_factory.mktemp("stranger") / "preset"
    vae_of().save_to_preset(folder)
    zoo.from_preset(folder)  # what the zoo imports on its first call is no stranger's
    return folder, (folder / "config.json").read_text()


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_runs_reads_writes_or_is_imported(name, preset, tmp_path, monkeypatch):
    folder, config = preset
    (tmp_path / f"{CANARY}.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    text = json.dumps(HOSTILE[name]).replace("PATH", str(tmp_path / "private"))
    events = watched(folder)
    for place in ("layer", "initializer", "likelihood", "elsewhere"):
        with_config(folder, into(place, json.loads(config), json.loads(text)))
        with events, pytest.raises(ValueError, match="holds what no preset may") as no:
            zoo.from_preset(folder, load_weights=False)
        assert "\n" not in str(no.value) and str(no.value).endswith(".")
        assert len(str(no.value)) < 500 + len(str(folder))
    assert not events.seen
    assert CANARY not in sys.modules
    assert [path.name for path in tmp_path.iterdir()] == [f"{CANARY}.py"]


class watched:
    """Notes what is executed and imported, and files outside of a folder, while on."""

    on = None  # an audit hook cannot be removed

    def __init__(self, folder):
        self.folder, self.seen = str(folder), []
        if watched.on is None:
            watched.on = []
            sys.addaudithook(
                lambda name, args: watched.on and watched.on[-1](name, args)
            )

    def __enter__(self):
        watched.on.append(self)

    def __exit__(self, *error):
        watched.on.pop()

    def __call__(self, name, args):
        if name in ("exec", "compile", "import", "marshal.loads", "os.system"):
            self.seen.append((name, args))
        elif name == "open" and not str(args[0]).startswith(self.folder):
            self.seen.append((name, args))


# What people have of their own.


@keras.saving.register_keras_serializable(package="strangers")
class Doubled(layers.Layer):
    def call(self, x):
        return 2 * x


class Unregistered(Doubled):
    pass


def functional():
    x = keras.Input(SHAPE)
    y = layers.Normalization(mean=[0.5], variance=[0.25])(x)
    y = layers.Conv2D(2, 3, kernel_regularizer="l2", bias_constraint="non_neg")(y)
    y = keras.ops.reshape(y, (-1, 72))[:, ::2]
    y = keras.ops.relu(keras.ops.cast(y * 2.0 + 1.0, "float32"))
    return keras.Model(x, layers.Concatenate()([y, keras.activations.tanh(y)]))


def compiled():
    inner = keras.Sequential([layers.Flatten(), layers.Dense(3)])
    inner.compile("adam", "mse", metrics=["mae"])
    return inner


OWN = {
    "functional": functional,
    "registered": lambda: Doubled(),
    "compiled": compiled,
    "convolutions": lambda: keras.Sequential(
        [layers.Conv2D(2, 3, padding="same", activation=keras.activations.gelu),
         layers.BatchNormalization(), layers.LeakyReLU(), layers.MaxPooling2D(),
         layers.SpectralNormalization(layers.Conv2D(2, 3)), layers.Dropout(0.1)]
    ),
    "attention": lambda: keras.Sequential(
        [layers.Reshape((8, 8)), layers.LSTM(3, return_sequences=True),
         layers.TimeDistributed(layers.Dense(3, kernel_initializer="orthogonal"))]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_networks_of_ones_own_load(name, tmp_path, grey):
    model = vae_of(OWN[name]())
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(
        loaded.reconstruct(grey), model.reconstruct(grey), atol=1e-6
    )


@pytest.mark.parametrize(
    ("own", "given"),
    [
        (lambda: Unregistered(), {"Unregistered": Unregistered}),
        (lambda: layers.RandomInvert(0.5), {"RandomInvert": layers.RandomInvert}),
    ],
)
def test_others_load_where_the_program_gives_them(own, given, tmp_path):
    with pytest.warns(UserWarning, match="Others will not load this preset as it is"):
        vae_of(own()).save_to_preset(tmp_path / "preset")
    name = next(iter(given))
    with pytest.raises(ValueError, match=rf"'{name}'.*custom_object_scope\({{'{name}"):
        zoo.from_preset(tmp_path / "preset")
    with keras.saving.custom_object_scope(given):
        zoo.from_preset(tmp_path / "preset")


def test_a_registered_activation_loads(tmp_path, grey):
    @keras.saving.register_keras_serializable(package="strangers")
    def halved(x):
        return x / 2

    model = vae_of(layers.Dense(3, activation=halved))
    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset")
    np.testing.assert_allclose(
        loaded.reconstruct(grey), model.reconstruct(grey), atol=1e-6
    )


def test_layers_that_do_not_fit_when_called_are_one_sentence(tmp_path):
    folder = tmp_path / "preset"
    zoo.ConvVAE((8, 8, 1), 2, filters=(2,)).save_to_preset(folder)
    config = json.loads((folder / "config.json").read_text())
    config["config"]["activation"] = entry("Flatten")
    with_config(folder, config)
    with pytest.raises(ValueError, match=r"config.json in .* makes no model") as info:
        zoo.from_preset(folder)
    assert str(info.value).isprintable()


@pytest.mark.parametrize("name", ["config.json", "metadata.json"])
def test_json_is_a_regular_file_of_a_bounded_size(name, tmp_path, monkeypatch):
    vae_of().save_to_preset(tmp_path / "preset")
    path = tmp_path / "preset" / name
    path.write_text("[" * 100_000)  # deeper than the parser goes
    with pytest.raises(ValueError, match=f"{name} in the preset .* is damaged"):
        files.read_json(path.parent, name)
    monkeypatch.setattr(files, "MOST_JSON", 1000)
    with pytest.raises(ValueError, match=f"{name} .* 100,000 bytes, more than the 1"):
        files.read_json(path.parent, name)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=f"it has no {name}"):
        files.read_json(path.parent, name)


def soft(file):
    file["soft"] = h5py.SoftLink("/decoder")


def external(file):
    file["far"] = h5py.ExternalLink("/etc/other.h5", "/x")


def itself(file):
    file["again"] = file["/"]


def twice(file):
    file["again"] = next(iter(file.values()))


def compressed(file):
    file.create_dataset("zeros", (10**9,), "float32", chunks=(10**6,), compression=9)


def elsewhere(file):
    file.create_dataset("x", (4,), "float32", external=[("/etc/passwd", 0, 16)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "x", (4,))
    file.create_virtual_dataset("x", layout)


def unwritten(file):
    file.create_dataset("zeros", (10**9,), "float32")


def kind(file):
    file["kind"] = np.dtype("float32")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (soft, "a link to another place"),
        (external, "a link to another place"),
        (itself, "a part in two places"),
        (twice, "a part in two places"),
        (compressed, "compressed, or lies elsewhere"),
        (elsewhere, "compressed, or lies elsewhere"),
        (virtual, "compressed, or lies elsewhere"),
        (unwritten, "more numbers than it has room for"),
        (kind, "no array"),
    ],
)
def test_weights_hold_numbers_and_nothing_else(change, words, tmp_path):
    folder = tmp_path / "preset"
    vae_of().save_to_preset(folder)
    with h5py.File(folder / "model.weights.h5", "a") as file:
        change(file)
    resigned(folder)
    with pytest.raises(ValueError, match=f"model.weights.h5 in the .* holds .*{words}"):
        zoo.from_preset(folder)


def test_weights_that_are_no_hdf5_are_refused(tmp_path):
    folder = tmp_path / "preset"
    vae_of().save_to_preset(folder)
    (folder / "model.weights.h5").write_bytes(b"no HDF5 at all" * 100)
    resigned(folder)
    with pytest.raises(ValueError, match="what HDF5 cannot read"):
        zoo.from_preset(folder)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"hidden_units": [10**6, 10**6]}, "it asks for more numbers than a model of"),
        ({"hidden_units": [1] * 2000}, "it asks for more (arrays|layers|numbers) than"),
        ({"latent_dim": 10**7}, "it asks for more numbers than a model of"),
        ({"latent_dim": "2"}, "config.latent_dim is '2', but"),
        ({"num_classes": 0}, "config.num_classes is 0, but"),
        ({"prior": {"class_name": "Flow"}}, "config.prior.*, but"),
    ],
)
def test_models_are_no_larger_than_their_weights(change, why, tmp_path):
    folder = tmp_path / "preset"
    zoo.DenseVAE(SHAPE, latent_dim=2, hidden_units=(4,), seed=0).save_to_preset(folder)
    config = json.loads((folder / "config.json").read_text())
    config["config"].update(change)
    before = layers.Layer.add_weight, layers.Layer.__init__
    with_config(folder, config)
    with pytest.raises(ValueError, match=why) as refused:
        zoo.from_preset(folder)
    assert "config.json in the preset" in str(refused.value)
    assert (layers.Layer.add_weight, layers.Layer.__init__) == before


def test_layers_are_no_more_than_belong_to_their_weights(tmp_path):
    zoo.ConvVAE(SHAPE, 2, filters=(2,), seed=0).save_to_preset(tmp_path / "preset")
    config = json.loads((tmp_path / "preset" / "config.json").read_text())
    config["config"]["blocks_per_stage"] = 10**6
    with_config(tmp_path / "preset", config)
    with pytest.raises(ValueError, match="it asks for more layers than a model of"):
        zoo.from_preset(tmp_path / "preset")


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"summary": 5}, "summary is 5, but input should be a valid string"),
        ({"metrics": {"elbo": "best"}}, "metrics.elbo.* is 'best', but"),
        (
            {"latents": [{"name": "../z", "shape": [2]}]},
            "latents.0.name is '../z', but",
        ),
        ({"preset": "a b"}, "preset is 'a b', but a name has letters"),
        ({"metrics": {"command": None}}, "metrics.command is None, but"),
        ({"anchors": [["alone"]]}, "anchors.0.*, but"),
        ({"training": []}, r"training is \[\], but"),
    ],
)
def test_metadata_of_other_types_are_refused(entry, why, tmp_path):
    vae_of().save_to_preset(tmp_path / "preset")
    resigned(tmp_path / "preset", **entry)
    for read in zoo.from_preset, zoo.preset_info:
        with pytest.raises(ValueError, match=f"metadata.json .* is damaged: {why}"):
            read(tmp_path / "preset")
    vae_of().save_to_preset(tmp_path / "other")
    before = (tmp_path / "other" / "metadata.json").read_text()
    with pytest.raises(ValueError, match=why):
        zoo.presets.update_metadata(tmp_path / "other", **entry)
    assert (tmp_path / "other" / "metadata.json").read_text() == before


def test_changed_metadata_are_noticed(tmp_path):
    """And changed by the function for it, they are not."""
    folder = tmp_path / "preset"
    vae_of().save_to_preset(folder, metadata={"metrics": {"elbo": -99.5}})
    path = folder / "metadata.json"
    path.write_text(path.read_text().replace("-99.5", "-79.5"))
    for read in zoo.from_preset, zoo.preset_info:
        with pytest.raises(ValueError, match="not what its SHA-256 was taken of"):
            read(folder)
    whole = path.read_text().replace("-79.5", "-99.5")
    path.write_text(whole.replace('"metadata.json"', '"metadatason"'))
    with pytest.raises(ValueError, match="sha256.metadatason.* is .*, but"):
        zoo.preset_info(folder)
    path.write_text(whole)
    zoo.presets.update_metadata(folder, metrics={"elbo": -98.5})
    assert zoo.preset_info(folder)["metrics"] == {"elbo": -98.5}
