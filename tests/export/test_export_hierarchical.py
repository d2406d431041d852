"""Files of a ladder: all groups of latents are one row of standard normal numbers."""

import json

import numpy as np
import pytest
from explorer_pages import write_page

import export
import zoo
from export.runtime.metadata import FORMAT, parse
from recipes import plots
from zoo import threefry

SHAPE = (9, 10, 3)
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


# Which level does what.


def test_files_say_which_groups_the_row_is_made_of(ladder):
    model, _, folder = ladder
    metadata = export.Sampler(folder / "decoder.onnx").metadata
    groups = [(group["name"], tuple(group["shape"])) for group in metadata["latents"]]
    assert groups == [(spec.name, spec.shape) for spec in model.latents]
    told = {name: metadata[name] for name in ("image_shape", "latent_dim", "latents")}
    stored = {name: json.dumps(value) for name, value in told.items()}
    stored |= {"format": FORMAT, "kind": "decoder", "golden": "{}"}
    assert parse(stored, ("decoder",), "decoder.onnx")["latents"] == told["latents"]
    stored["latent_dim"] = str(ROW - 1)
    with pytest.raises(export.RuntimeModelError, match="its metadata must give"):
        parse(stored, ("decoder",), "decoder.onnx")


@pytest.mark.parametrize("of_images", [False, True], ids=("file", "preset"))
def test_plot_redraws_one_level_and_keeps_the_others(ladder, tmp_path, of_images):
    model, _, folder = ladder
    data = None
    if of_images:
        folder, labels = tmp_path / "preset", np.array(LABELS)
        data = {"x_train": X, "y_train": labels, "x_test": X, "y_test": labels}
        model.save_to_preset(folder)
    subject = plots.open_subject(folder, data)
    kinds = plots.kinds_for(subject)
    assert "levels" in kinds and "traversal" not in kinds
    decoded, decode = [], subject.decode
    subject.decode = lambda z, label: decoded.append(z) or decode(z, label)
    for method, sizes in (("level", (18, 72)), ("group", (18, 36, 36))):
        options = {"num_samples": 2, "method": method, "label": 1, "seed": 4}
        assert plots.render("levels", subject, **options)[:4] == b"\x89PNG"
        z = decoded.pop().reshape(2, len(sizes), -1, ROW)
        start = threefry.normals(4, 2, ROW)
        if of_images:
            start = subject.encode(X[subject.pick(2, 4, 1)], np.int32([1, 1]))[0]
        np.testing.assert_allclose(z[:, 0, 0], start, atol=1e-5)
        # Of each row, all columns but the first; of these, its own latents alone.
        changed = z != z[:, :1, :1]
        parts = np.repeat(np.arange(len(sizes)), sizes)
        own = np.arange(len(sizes))[:, None] == parts
        wanted = own[None, :, None] & (np.arange(z.shape[2]) > 0)[:, None]
        np.testing.assert_array_equal(changed, np.broadcast_to(wanted, z.shape))
    words = plots.caption("levels", subject, **options)
    assert "one group of the latents" in words
    assert ("posterior means" in words) == of_images


@pytest.fixture(scope="module")
def far_prior(tmp_path_factory):
    """A ladder whose first group lies far from 0 under its prior, and its folder."""
    model = zoo.HierarchicalVAE(
        SHAPE,
        LEVELS,
        filters=(4, 3),
        blocks_per_level=1,
        prior=zoo.priors.Mixture(18, 3),
        seed=0,
    )
    rng = np.random.default_rng(0)
    model.set_weights(
        [
            np.float32(0.4 * rng.standard_normal(w.shape)) if w.ndim > 1 else w
            for w in model.get_weights()
        ]
    )
    model.prior.means.assign(model.prior.means + 9)
    folder = tmp_path_factory.mktemp("far") / "far"
    export.export_model(model, folder)
    return model, folder


def test_files_draw_the_first_group_from_its_prior(far_prior):
    model, folder = far_prior
    sampler = export.Sampler(folder)
    for temperature in (1.0, 0.3):
        expected = model.sample(4, None, temperature, seed=3)
        images = sampler.sample(4, None, temperature, seed=3)
        np.testing.assert_allclose(images, expected, atol=1e-5)
    from export.runtime.session import Session

    feeds = {"seed": np.array(3), "num_samples": np.array(4)}
    feeds["temperature"] = np.array(1, "f4")
    z = Session(folder / "sampler.onnx", "sampler").run(feeds)["z"]
    assert z[:, :18].mean() > 7
    np.testing.assert_allclose(z[:, 18:], threefry.normals(3, 4, ROW)[:, 18:])
    np.testing.assert_allclose(sampler.decode(z), model.sample(4, seed=3), atol=1e-5)
    with pytest.raises(export.RuntimeModelError, match="gives no latents"):
        sampler.draw_latents(4, seed=3)


def test_page_draws_the_first_level_from_its_prior(far_prior, visit, tmp_path):
    _, folder = far_prior
    made = write_page(tmp_path, folder)
    seen = visit(made.path)
    sampled = seen.latent()
    assert sampled[:18].mean() > 7 and abs(sampled[18:].mean()) < 1
    seen.page.locator("#levels-list button").first.click()
    z = seen.latent()
    assert np.abs(z - sampled)[:18].min() > 0 and z[:18].mean() > 7
    np.testing.assert_array_equal(z[18:], sampled[18:])
    assert not seen.complaints


def test_page_draws_and_scales_each_level(ladder, visit, tmp_path):
    _, _, folder = ladder
    made = write_page(tmp_path, folder)
    assert made.description["latents"] is None
    seen = visit(made.path)
    assert "90 latents on 2 levels" in seen.page.text_content(".facts")
    assert not seen.page.is_visible("#latents")
    labels = seen.page.locator("#levels-list label").all_text_contents()
    assert [label.strip() for label in labels] == ["3 × 3", "6 × 6 2 groups"]

    def check(z):
        np.testing.assert_allclose(seen.latent(), z, atol=1e-5)
        expected = made.sampler.decode(np.float32(z[None]), 0)[0]
        np.testing.assert_allclose(seen.image(), expected, atol=1e-4)

    sampled = seen.latent()
    np.testing.assert_allclose(sampled, threefry.normals(0, 1, ROW)[0], atol=1e-5)
    draws = seen.page.locator("#levels-list button")
    draws.last.click()
    z = seen.latent()
    assert np.abs(z - sampled)[18:].min() > 0 and 0.6 < np.std(z[18:]) < 1.4
    np.testing.assert_array_equal(z[:18], sampled[:18])
    check(z)
    seen.set_range("#levels-list input >> nth=0", 0.5)
    check(np.concatenate([0.5 * z[:18], z[18:]]))
    draws.first.click()  # at the factor that is set
    half = seen.latent()
    assert np.abs(half - 0.5 * z)[:18].min() > 0
    check(np.concatenate([half[:18], z[18:]]))
    seen.page.click("#undo-levels")
    check(sampled)
    assert seen.page.input_value("#levels-list input >> nth=0") == "1"

    # What is asked for while a draw runs is the newer.
    def while_drawing(script):
        seen.page.evaluate(
            """async (script) => {
                document.querySelector("#levels-list button").click();
                for (let i = 0; i < 3; i++) await Promise.resolve();
                new Function("find", script)((name) => document.querySelector(name));
            }""",
            script,
        )

    while_drawing(
        "find('#seed').value = '7'; find('#seed').dispatchEvent(new Event('input'))"
    )
    of_seed_7 = threefry.normals(7, 1, ROW)[0]
    check(of_seed_7)
    while_drawing("find('#undo-levels').click()")
    check(of_seed_7)
    while_drawing(
        "const factor = find('#levels-list > :last-child input'); factor.value = '0.5';"
        "factor.dispatchEvent(new Event('input'))"
    )
    z = seen.latent()
    assert np.abs(z - of_seed_7)[:18].min() > 0
    np.testing.assert_allclose(z[18:], 0.5 * of_seed_7[18:], atol=1e-6)
    check(z)
    # The other panels, which begin when they are seen.
    for panel in ("#blend", "#wall"):
        seen.page.locator(panel).scroll_into_view_if_needed()
    for busy in ("#pad", "#wall-grid"):
        seen.page.wait_for_selector(f"{busy}[aria-busy=false]")
    before = seen.latent()
    seen.page.focus("#pad")
    seen.page.keyboard.press("ArrowRight")
    assert np.abs(seen.latent() - before).max() > 0.1
    assert not seen.page.is_visible("#problem") and not seen.complaints
