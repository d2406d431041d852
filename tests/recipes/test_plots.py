"""Every kind of plot for every kind of subject, and the mathematics beneath."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_helpers import fail, run, succeed
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import zoo
from recipes import plots
from recipes.common.histories import read_histories, write_histories
from recipes.plots import codes, paths, ranking, style, tiles
from recipes.plots import training_curves as training
from recipes.plots.latents import close_up
from recipes.plots.subjects import ImageSet, Subject

ROOT = Path(__file__).resolve().parents[2]
EPOCHS = 8


class LinearSubject(Subject):
    """A model whose images are linear in its latents, and which encodes exactly.

    Args:
        weights: (latent_dim, H * W).
        prior: "standard_normal", or another name for one of deviation 3.
    """

    def __init__(self, weights, prior="standard_normal", images=None, classes=None):
        side = int(weights.shape[1] ** 0.5)
        facts = {
            "image_shape": (side, side, 1),
            "latent_dim": len(weights),
            "prior": prior,
            "num_classes": classes,
        }
        super().__init__("linear", facts)
        self.weights, self._test = weights, images

    @property
    def can_encode(self):
        return self._test is not None

    def decode(self, z, labels=None):
        flat = 0.5 + np.asarray(z) @ self.weights
        return flat.reshape(-1, *self.image_shape).astype(np.float32)

    def draw_latents(self, count, labels=None, seed=0):
        scale = 1 if self.prior == "standard_normal" else 3
        draws = np.random.default_rng(seed).standard_normal((count, self.latent_dim))
        return np.float32(scale * draws)

    def sample(self, count, labels=None, temperature=1.0, seed=0):
        return self.decode(temperature * self.draw_latents(count, labels, seed))

    def encode(self, images, labels=None):
        flat = images.reshape(len(images), -1) - 0.5
        mean = flat @ np.linalg.pinv(self.weights)
        return mean, np.full_like(mean, -4)

    def kl_per_latent(self):
        return np.var(self.encodings[0], axis=0)

    def load_images(self):
        labels = np.arange(len(self._test)) % (self.num_classes or 3)
        return ImageSet(self._test, labels, None, "the images", "images")


def linear_subject(latents=4, count=30, **options):
    rng = np.random.default_rng(0)
    weights = 0.1 * rng.standard_normal((latents, 64))
    images = LinearSubject(weights).sample(count, seed=1)
    return LinearSubject(weights, images=images, **options)


# The mathematics.


def test_quantiles_are_those_of_the_prior():
    p = paths.equal_probabilities(4)
    assert p.tolist() == [0.125, 0.375, 0.625, 0.875]
    normal = paths.quantiles(linear_subject(), p)
    assert normal.shape == (4, 4)
    np.testing.assert_allclose(normal[:, 0], [-1.1503, -0.3186, 0.3186, 1.1503], 1e-3)
    learned = paths.quantiles(linear_subject(prior="flow"), p)
    np.testing.assert_allclose(learned, 3 * normal, atol=0.35)
    steps = paths.steps_between(linear_subject(), 3)
    np.testing.assert_allclose(steps[:, 1], [-2.3263, 0, 2.3263], atol=1e-3)


@pytest.mark.parametrize("latents", [3, 2000])
def test_ranking_of_a_linear_decoder_is_the_norm_of_its_columns(latents):
    rng = np.random.default_rng(3)
    weights = rng.standard_normal((latents, 64)) * rng.random((latents, 1))
    found = ranking.rank(LinearSubject(weights))
    assert found.images is None and found.label(2) == "z 2"
    # Moved by its deviation to both sides: variance of w z is the mean of w^2.
    wanted = np.mean(weights**2, axis=1) * 0.99446**2
    np.testing.assert_allclose(found.values, wanted, rtol=1e-3, atol=1e-6)
    assert found.order[0] == np.argmax(wanted)


def test_ranking_prefers_the_kl():
    found = linear_subject().ranking
    assert found.images == "the images" and "KL over the images" in found.words
    assert np.all(np.diff(found.values[found.order]) <= 0)


def test_perplexity_and_brightness_of_places():
    assert codes.perplexity(np.full(8, 3)) == pytest.approx(8)
    assert codes.perplexity(np.array([5, 0])) == pytest.approx(1)
    image = np.arange(36.0).reshape(1, 6, 6, 1)
    wanted = image.reshape(1, 2, 3, 3, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(codes.mean_of_places(image, 2, 3), wanted)
    assert codes.mean_of_places(image, 4, 4).shape == (1, 4, 4)


def test_axes_leave_out_the_first_epochs():
    low, high = training.settled_range([np.array([-900.0, *np.linspace(-99, -90, 19)])])
    assert -101 < low < -98 and -90 < high < -88
    assert training.settled_range([np.array([np.nan])]) == (0, 1)
    low, high = training.settled_range([np.array([5.0])])
    assert low < 5 < high


# Pictures.


@given(st.integers(1, 9), st.integers(1, 4), st.integers(8, 300), st.integers(8, 90))
def test_enlarged_tiles_keep_their_pixels(count, columns, height, width):
    images = np.random.default_rng(0).random((count, height, width, 1))
    grid = tiles.in_rows(images, columns)
    assert grid.shape[:2] == (-(-count // columns), columns)
    assert np.isnan(grid).sum() == (grid.shape[0] * columns - count) * height * width
    large = tiles.enlarge(grid)
    scale = large.shape[2] / height
    assert large.shape[3] / width == scale or scale < 1
    assert large.shape[3] * columns <= 1.6 * tiles.WIDTH or scale <= 1
    assert large.shape[2] * len(grid) <= 2.1 * tiles.WIDTH or scale <= 1
    if scale >= 1:
        step = int(scale)
        np.testing.assert_array_equal(large[:, :, ::step, ::step], grid)


def test_a_plot_shows_every_pixel_as_a_square():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)) / 255
    with style.look():
        figure = tiles.draw_tiles("title", image[None, None], row_labels=["row"])
        pixels = style.to_pixels(figure)
    left = tiles.MARGIN + style.text_width("row") + tiles.LABEL_GAP
    side = tiles.LARGEST // 8
    shown = pixels[-tiles.MARGIN - 128 : -tiles.MARGIN, left : left + 128]
    np.testing.assert_allclose(
        shown[side // 2 :: side, side // 2 :: side], np.round(255 * image), atol=1
    )


def size_of(content, form):
    """(width, height, frames) of a picture, in pixels or points."""
    if form == "svg":
        import xml.etree.ElementTree as trees

        root = trees.fromstring(content)
        return (*(float(root.get(a)[:-2]) for a in ("width", "height")), 1)
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()
        assert picture.format.lower() == form
        return (*picture.size, getattr(picture, "n_frames", 1))


def check_plot(kind, subject, form=None, **options):
    """Draws a plot, checks that it is one, and returns its bytes."""
    form = form or plots.KINDS[kind].forms[0]
    content = plots.render(kind, subject, form, **options)
    width, height, frames = size_of(content, form)
    assert 100 < width < 2400 and 100 < height < 2400, (kind, width, height)
    assert (frames > 10) == plots.KINDS[kind].animated
    if form != "svg":
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    words = plots.caption(kind, subject, **options)
    assert words.endswith(".") and len(words.splitlines()) == 1 and "  " not in words
    return content


# Presets.

DIGITS = {"name": "digits", "binarized": True, "training_images": 1500}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("subjects")


@pytest.fixture(scope="module")
def images():
    from recipes.data import load_images

    return load_images("digits", splits="test")


@pytest.fixture(scope="module")
def dense(folder):
    import zoo

    model = zoo.DenseVAE((28, 28, 1), 3, hidden_units=(8,), seed=0)
    metadata = {"dataset": DIGITS, "metrics": {"kl_per_latent": [1.5, 0.001, 3.0]}}
    model.save_to_preset(folder / "dense", metadata=metadata)
    return folder / "dense"


@pytest.fixture(scope="module")
def conditional(folder):
    import zoo

    model = zoo.ConditionalVAE((28, 28, 1), 2, 10, hidden_units=(8,), seed=0)
    model.save_to_preset(folder / "conditional", metadata={"dataset": DIGITS})
    return folder / "conditional"


@pytest.fixture(scope="module")
def ladder(folder):
    import zoo

    model = zoo.HierarchicalVAE(
        (28, 28, 1), levels=((4, 2, 1),), filters=4, blocks_per_level=0, seed=0
    )
    model.save_to_preset(folder / "ladder", metadata={"dataset": DIGITS})
    return folder / "ladder"


@pytest.fixture(scope="module")
def coded(folder, images):
    import zoo

    model = zoo.VQVAE(
        (28, 28, 1),
        8,
        4,
        filters=(4, 8),
        blocks_per_stage=0,
        prior=zoo.CodePrior(8, (7, 7), width=8, num_layers=1, num_heads=1, seed=0),
        seed=0,
    )
    model.fit_prior(images.test[:32], epochs=1, verbose=0)
    model.save_to_preset(folder / "coded", metadata={"dataset": DIGITS})
    return folder / "coded"


@pytest.fixture(scope="module")
def exported(dense, folder):
    import export
    import zoo

    export.export_model(zoo.from_preset(dense), folder / "exported")
    return folder / "exported"


def history(*names):
    """A history of `EPOCHS` epochs."""
    values = np.linspace(-200, -100, EPOCHS).tolist()
    return {n: values for name in names for n in (name, f"val_{name}")}


OF_VECTORS = ["samples", "reconstructions", "traversal", "animation", "interpolation"]
OF_VECTORS += ["manifold", "scatter", "clusters", "nearest", "units"]
FITTING = {
    "dense": [*OF_VECTORS[:-1], "attribute", "units"],
    "conditional": [*OF_VECTORS[:-1], "styles", "units"],
    "ladder": ["samples", "reconstructions", "levels", *OF_VECTORS[-3:-1], "attribute"],
    "coded": ["samples", "reconstructions", "codebook", "codes"],
}


@pytest.mark.parametrize("name", FITTING)
def test_every_kind_that_fits_a_preset_is_drawn(name, request):
    subject = plots.open_subject(request.getfixturevalue(name))
    assert plots.kinds_for(subject) == FITTING[name]
    for kind in plots.KINDS:
        if kind in FITTING[name]:
            check_plot(kind, subject)
        else:
            reason = plots.why_not(kind, subject)
            assert reason.endswith(".") and len(reason.splitlines()) == 1
            with pytest.raises(ValueError) as caught:
                plots.render(kind, subject)
            assert str(caught.value) == reason


def test_stored_kl_ranks_the_latents_of_a_preset(dense, images):
    subject = plots.open_subject(dense)
    assert subject.ranking.order.tolist() == [2, 0, 1]
    assert subject.ranking.label(2) == "z 2, 3.00 nats"
    assert "all test images" in plots.caption("units", subject)
    # Of other images than those it was scored on it is computed.
    other = plots.open_subject(dense, data=(images.test[:60], images.test_labels[:60]))
    assert other.ranking.values[0] != 1.5 and "images" in other.ranking.words


def test_images_are_binarized_as_the_evaluation_does(dense, images):
    from recipes.data import binarize

    subject = plots.open_subject(dense)
    np.testing.assert_array_equal(subject.images.images, binarize(images.test))
    assert subject.images.words == "all 297 binarized test images of digits"
    chosen = subject.pick(9, seed=4)
    assert len(set(chosen.tolist())) == 9
    assert chosen.tolist() != subject.pick(9, seed=5).tolist()


def test_samples_are_those_of_the_model(conditional):
    import zoo

    subject = plots.open_subject(conditional)
    wanted = zoo.from_preset(conditional).sample(4, labels=3, seed=7)
    np.testing.assert_allclose(subject.sample(4, 3, seed=7), wanted, atol=1e-6)
    latents = subject.draw_latents(4, 3, seed=7)
    np.testing.assert_allclose(subject.decode(latents, 3), wanted, atol=1e-6)
    assert "8 for each label" in plots.caption("samples", subject)
    words = plots.caption("samples", subject, label=3, temperature=0.5, num_samples=4)
    assert "4 latents of label '3'" in words and "temperature 0.5" in words
    check_plot("samples", subject, label=3, num_samples=4)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("interpolation", {"method": "linear", "num_samples": 1, "seed": 3}),
        ("traversal", {"num_samples": 2, "label": 4}),
        ("scatter", {"method": "tsne"}),
        ("styles", {"num_samples": 3}),
        ("clusters", {"num_samples": 4, "method": "gaussian_mixture"}),
        ("nearest", {"num_samples": 3, "seed": 5}),
    ],
)
def test_options_change_what_is_drawn(kind, options, conditional):
    subject = plots.open_subject(conditional)
    assert check_plot(kind, subject, **options) != plots.render(kind, subject)


def test_same_plot_same_bytes(dense):
    for form, kind in (("png", "scatter"), ("svg", "scatter"), ("svg", "traversal")):
        contents = [check_plot(kind, plots.open_subject(dense), form) for _ in range(2)]
        assert contents[0] == contents[1]
        assert b"<dc:date>" not in contents[0]


def test_state_of_matplotlib_is_left_alone(dense, monkeypatch):
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "font.size", 31.0)
    small = plots.render("units", plots.open_subject(dense))
    assert matplotlib.rcParams["font.size"] == 31.0
    monkeypatch.undo()
    assert plots.render("units", plots.open_subject(dense)) == small


@pytest.mark.slow  # it compiles itself, for a minute
def test_umap_of_the_extra(dense):
    pytest.importorskip("umap")
    check_plot("scatter", plots.open_subject(dense), method="umap")


def test_umap_is_an_extra(dense, monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r'pip install "vae-zoo\[umap\]"'):
        plots.render("scatter", plots.open_subject(dense), method="umap")

    class FirstTwo:
        def __init__(self, **options):
            assert options["random_state"] == 5

        def fit_transform(self, points):
            return points[:, :2]

    class Module:
        UMAP = FirstTwo

    monkeypatch.setitem(sys.modules, "umap", Module)
    check_plot("scatter", plots.open_subject(dense), method="umap", seed=5)


# Any model.


def test_grid_of_many_latents_has_a_traversal_and_no_manifold():
    subject = linear_subject(latents=1200)
    assert "1,200 latents" in plots.why_not("manifold", subject)
    check_plot("traversal", subject, num_samples=3)
    assert "the 3 x 3 pixels around it" in plots.caption("traversal", subject)
    check_plot("units", subject)


@pytest.mark.parametrize("place", [(0, 0), (5, 9), (15, 31), (8, 0)])
def test_close_up_holds_what_changes(place):
    images = np.random.default_rng(0).random((1, 2, 16, 32, 3)).repeat(4, axis=0)
    images[:, 1, *place] = np.linspace(2, 3, 4)[:, None]
    near = close_up(images)
    assert near.shape == (4, 2, 6, 12, 3)
    np.testing.assert_array_equal(near[:, 1].max(axis=(1, 2, 3)), np.linspace(2, 3, 4))
    row, column = np.argwhere(near[0, 1, ..., 0] == 2)[0]
    if place == (5, 9):  # away from the edges, in the middle
        assert row in (2, 3) and column in (5, 6)


@pytest.mark.parametrize("shape", [(1, 64), (2, 64), (70, 64), (3, 150 * 150)])
def test_plots_of_other_sizes(shape):
    weights = 0.1 * np.random.default_rng(0).standard_normal(shape)
    images = LinearSubject(weights).sample(5, seed=1)
    subject = LinearSubject(weights, images=images)
    assert ("manifold" in plots.kinds_for(subject)) == (shape[0] > 1)
    for kind in ("samples", "interpolation", "traversal", "units"):
        check_plot(kind, subject)


@pytest.mark.parametrize("classes", [30, 300])
def test_many_classes(classes):
    subject = linear_subject(count=400, classes=classes)
    for kind in ("samples", "styles", "scatter"):
        check_plot(kind, subject)
    assert "first 20 labels" in plots.caption("styles", subject)


def test_learned_prior_of_labels_keeps_the_noise():
    subject = linear_subject(classes=3, prior="label_normal")
    check_plot("styles", subject)
    assert "draw from the prior" in plots.caption("styles", subject)
    check_plot("traversal", subject)


def test_clusters_and_neighbours_of_clouds_that_lie_apart():
    weights = np.eye(4, 64)
    z = np.eye(4)[np.arange(60) % 3] + 0.02 * np.random.default_rng(0).random((60, 4))
    images = LinearSubject(weights).decode(z)
    subject = LinearSubject(weights, images=images)
    check_plot("clusters", subject)
    words = plots.caption("clusters", subject)
    assert words.startswith("3 clusters of") and "100 % of the images" in words
    check_plot("nearest", subject)
    assert "100 % of these have its label" in plots.caption("nearest", subject)


def test_attribute_takes_an_image_to_its_class():
    subject = linear_subject()
    check_plot("attribute", subject, label=1)
    assert "other labels than '1'" in plots.caption("attribute", subject, label=1)
    subject.images.labels[:] = 2
    assert "have one label alone" in plots.why_not("attribute", subject)


def test_single_images_have_no_neighbours():
    assert "one test image alone" in plots.why_not("nearest", linear_subject(count=1))


# Runs.


@pytest.fixture
def unfinished(tmp_path):
    state = {"history": history("elbo", "reconstruction", "kl"), "epochs_done": EPOCHS}
    np.savez(tmp_path / "checkpoint.npz", state=np.array(json.dumps(state)))
    return tmp_path


def test_unfinished_run_has_training_curves_alone(unfinished):
    subject = plots.open_subject(unfinished)
    assert plots.kinds_for(subject) == ["training"]
    check_plot("training", subject)
    assert f"{EPOCHS} epochs" in plots.caption("training", subject)
    for kind in ("samples", "units", "codebook"):
        assert "is not finished" in plots.why_not(kind, subject)


def test_finished_run_has_all(unfinished, dense):
    shutil.copytree(dense, unfinished / "preset")
    prior = {"history": history("loss")}
    np.savez(unfinished / "prior_checkpoint.npz", state=np.array(json.dumps(prior)))
    subject = plots.open_subject(unfinished)
    assert {"training", "units", "samples"} <= set(plots.kinds_for(subject))
    four = check_plot("training", subject)
    assert f"for {EPOCHS} more" in plots.caption("training", subject)
    (unfinished / "prior_checkpoint.npz").unlink()
    three = check_plot("training", plots.open_subject(unfinished))
    # In two rows, and in one.
    assert size_of(four, "png")[1] > 1.5 * size_of(three, "png")[1]


def test_preset_keeps_its_history(dense, tmp_path):
    preset = shutil.copytree(dense, tmp_path / "preset")
    assert "no training history" in plots.why_not(
        "training", plots.open_subject(preset)
    )
    kept = {"model": history("elbo", "kl"), "prior": history("loss")}
    write_histories(preset, kept)
    assert read_histories(preset) == kept
    check_plot("training", plots.open_subject(preset))


@pytest.mark.parametrize("how", ["truncated", "other"])
def test_damaged_histories_are_told(how, unfinished, dense, tmp_path):
    path = unfinished / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:90] if how == "truncated" else b"other")
    assert "cannot be read" in fail("plot", "training", unfinished)
    preset = shutil.copytree(dense, tmp_path / "preset")
    broken = '{"model": {"elbo"' if how == "truncated" else '{"model": {"elbo": ["x"]}}'
    (preset / "history.json").write_text(broken)
    path.unlink()
    assert "history.json' is damaged" in fail("plot", "training", preset)


def test_pictures_left_out_are_said_or_refused(dense, images, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, image in enumerate(images.test[:40, ..., 0]):
        Image.fromarray((255 * image).astype("uint8")).save(folder / f"{i:02}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    asked = ("reconstructions", dense, "--data", folder, "--out")
    result = run("plot", *asked, tmp_path / "a.png")
    assert result.exit_code == 0 and "broken.png" in result.stderr
    assert "broken.png" in fail("plot", *asked, tmp_path / "b.png", "--strict")
    result = run("report", dense, "--data", folder, "--out", tmp_path / "a.html")
    assert result.exit_code == 0 and "broken.png" in result.stderr
    strict = ("--out", tmp_path / "b.html", "--strict")
    assert "broken.png" in fail("report", dense, "--data", folder, *strict)
    assert "looks at no images" in fail("plot", "samples", dense, "--data", folder)


# Exported files.

WITHOUT_KERAS = """
import json, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("keras", "tensorflow", "jax", "torch", "onnx"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from recipes import plots
answer = {}
for source, data in json.loads(sys.argv[1]):
    subject = plots.open_subject(source, data=data)
    kinds = plots.kinds_for(subject)
    answer[f"{source} {bool(data)}"] = {
        kind: len(plots.render(kind, subject, plots.KINDS[kind].forms[0]))
        for kind in kinds
    }
print(json.dumps(answer))
"""


def test_exported_files_need_no_keras(exported, images, tmp_path):
    data = tmp_path / "images.npz"
    np.savez(data, images=np.repeat(images.test[:100, ..., 0], 5, axis=0))
    decoder = exported / "decoder.onnx"
    sources = [(str(decoder), None), (str(exported), str(data))]
    process = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS, json.dumps(sources)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    alone, with_images = json.loads(process.stdout).values()
    of_decoder = ["samples", "traversal", "animation", "interpolation", "manifold"]
    assert list(alone) == of_decoder == plots.kinds_for(plots.open_subject(exported))
    assert list(with_images) == OF_VECTORS
    assert all(size > 1000 for size in with_images.values())


def test_exported_is_the_preset(dense, exported, images):
    few = (images.test[:50], images.test_labels[:50])
    preset = plots.open_subject(dense, data=few)
    other = plots.open_subject(exported, data=few)
    assert other.name == "exported" and other.latent_dim == 3
    np.testing.assert_allclose(
        preset.draw_latents(5, seed=2), other.draw_latents(5, seed=2), atol=1e-5
    )
    assert other.images.short == "test images of arrays"
    assert other.stored_kl() is None
    # Of a shipped preset's own weights it would know how they are to be seen.
    other = plots.open_subject(exported, data=few)
    other.preset = preset.preset
    x = preset.images.images
    np.testing.assert_array_equal(x, other.images.images)
    for ours, theirs in zip(preset.encode(x), other.encode(x), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
    np.testing.assert_allclose(
        preset.kl_per_latent(), other.kl_per_latent(), rtol=1e-3, atol=1e-5
    )
    other.data = None
    assert other.stored_kl().tolist() == [1.5, 0.001, 3.0]


# The command line.


def test_plot_writes_a_file_and_says_what_is_seen(dense, tmp_path):
    for name in ("units.png", "units.svg"):
        said = succeed("plot", "units", dense, "--out", tmp_path / name)
        assert "averaged over all test images, largest first" in " ".join(said.split())
        size_of((tmp_path / name).read_bytes(), name[-3:])
    out = tmp_path / "units.png"
    assert "exists already" in fail("plot", "units", dense, "--out", out)
    succeed("plot", "units", dense, "--out", out, "--overwrite")


def test_plot_draws_without_keras_from_the_command_line(
    exported, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    succeed("plot", "animation", exported / "decoder.onnx", "--seed", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["animation.gif"]


def test_help_names_every_kind():
    text = " ".join(succeed("plot", "--help").split())
    for kind in plots.KINDS:
        assert kind in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sampels", "DENSE"), "Did you mean samples"),
        (("samples", "tini"), "There is no preset 'tini'"),
        (("samples", "no/such/folder"), "no preset folder"),
        (("samples", "EMPTY"), "is not a preset"),
        (("samples", "DENSE", "--out", "s.jpg"), "written as .png or .svg"),
        (("animation", "DENSE", "--out", "s.png"), "written as .gif"),
        (("samples", "DENSE", "--out", "none/s.png"), "there is no folder 'none'"),
        (("training", "DENSE"), "has no training history"),
        (("codes", "DENSE"), "and this is of codes"),
        (("styles", "DENSE"), "decodes without labels"),
        (("scatter", "CODED"), "has codes for latents"),
        (("units", "DENSE", "--seed", "1"), "takes no --seed; it takes no options"),
        (("scatter", "DENSE", "--label", "1"), "takes no --label"),
        (("scatter", "DENSE", "--method", "lda"), "no method 'lda'"),
        (("clusters", "DENSE", "-n", "300"), "as many clusters as there are images"),
        (("attribute", "DENSE", "--label", "11"), "must be one that the"),
        (("attribute", "CONDITIONAL"), "see the plot of styles"),
        (("nearest", "CODED"), "has codes for latents"),
        (("samples", "DENSE", "--label", "1"), "takes no labels"),
        (("samples", "CONDITIONAL", "--label", "10"), "must be from 0 to 9"),
        (("samples", "DENSE", "-n", "1000"), "must be from 1 to 400"),
        (("reconstructions", "DENSE", "--data", "no/such"), "no data set 'no/such'"),
        (("reconstructions", "ONNX"), "is a decoder alone"),
        (("samples", "BROKEN"), "is damaged"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    arguments, words, dense, conditional, coded, exported, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    places = {
        "DENSE": dense,
        "CONDITIONAL": conditional,
        "CODED": coded,
        "ONNX": exported / "decoder.onnx",
        "EMPTY": "empty",
    }
    if "BROKEN" in arguments:
        places["BROKEN"] = shutil.copytree(dense, tmp_path / "broken")
        (tmp_path / "broken" / "model.weights.h5").write_bytes(b"")
    assert words in fail("plot", *(places.get(word, word) for word in arguments))
    assert {path.name for path in tmp_path.iterdir()} <= {"empty", "broken"}


def test_wrong_usage_is_exit_code_2():
    assert run("plot", "samples").exit_code == 2
    assert run("plot", "samples", "x", "-n", "0").exit_code == 2


def test_without_images_what_needs_none_is_still_drawn(dense, tmp_path, monkeypatch):
    preset = shutil.copytree(dense, tmp_path / "preset")
    dataset = zoo.preset_info(preset)["dataset"]
    zoo.presets.update_metadata(preset, dataset={**dataset, "name": "mnist"})
    subject = plots.open_subject(preset, data_dir=tmp_path / "nowhere")
    assert plots.kinds_for(subject) == [
        kind
        for kind in OF_VECTORS
        if kind not in ("reconstructions", "scatter", "clusters", "nearest")
    ]
    assert "mnist" in plots.why_not("reconstructions", subject)
    assert "drawn from the prior with seed 0" in plots.caption("traversal", subject)


def test_without_matplotlib_it_says_what_to_install(exported, tmp_path):
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from recipes.commands.cli import main; main()"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, "plot", "samples", exported / "decoder.onnx"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    assert 'pip install "vae-zoo[plots]"' in process.stderr
    assert len(process.stderr.splitlines()) == 1 and not list(tmp_path.iterdir())
