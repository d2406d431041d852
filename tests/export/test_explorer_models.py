"""The explorer's page shows what Python shows: all kinds of models, in a browser."""

import functools

import numpy as np
import pytest
from explorer_pages import write_page
from test_export_codes import make_model, trained_prior

import export
import zoo

TOLERANCE = 1e-4
SEEDS = (0, 7, 2**40 + 3)


def random_weights(weights, scale, seed=0):
    rng = np.random.default_rng(seed)
    for weight in weights:
        weight.assign(scale * rng.standard_normal(weight.shape))


def classes():
    model = zoo.ConditionalVAE(
        (16, 12, 1),
        latent_dim=5,
        num_classes=3,
        class_names=["cat", "dog & <fox>", "owl"],
        hidden_units=(24,),
        prior="label_normal",
        seed=0,
    )
    random_weights((model.prior.mean_kernel, model.prior.log_var_kernel), 1)
    return model


def attributes():
    model = zoo.ConditionalVAE(
        (12, 16, 3),
        latent_dim=4,
        num_attributes=3,
        hidden_units=(24,),
        prior="label_normal",
        seed=0,
    )
    random_weights((model.prior.mean_kernel, model.prior.log_var_kernel), 1)
    return model


def flow():
    prior = zoo.priors.Flow(5, hidden_units=16, mixing=True, label_dim=3)
    model = zoo.ConditionalVAE((8, 8, 1), 5, 3, hidden_units=(24,), prior=prior, seed=0)
    random_weights(prior.trainable_variables, 0.15)
    return model


def residual_codes():
    return make_model("residual", trained_prior((3, 3, 2), num_classes=4))


def codes_without_prior():
    return make_model("ema")


MODELS = {
    make.__name__: make
    for make in (
        classes,
        attributes,
        flow,
        residual_codes,
        codes_without_prior,
    )
}


@pytest.fixture(scope="module")
def pages(digits_folder, tmp_path_factory):
    """A function from a model's name to its page, made when it is first asked for.

    With `alone` it is the page of decoder.onnx, which draws by numbers of its own.
    """

    @functools.cache
    def export_once(name):
        if name == "digits":
            return digits_folder
        exported = tmp_path_factory.mktemp("exported") / name
        export.export_model(MODELS[name](), exported)
        return exported

    @functools.cache
    def page_of(name, alone=False):
        exported = export_once(name)
        source = exported / "decoder.onnx" if alone else exported
        return write_page(tmp_path_factory.mktemp("page"), source)

    return page_of


def closeness(got, expected):
    """The largest difference, printed for whoever reads the log."""
    error = float(np.abs(got - expected).max())
    print(f"largest difference from Python: {error:.1e}")
    return error


@pytest.mark.parametrize("alone", (False, True), ids=("folder", "decoder"))
def test_seed_shows_what_python_shows(pages, visit, alone):
    made = pages("digits", alone)
    seen = visit(made.path)
    for seed in SEEDS:
        seen.page.fill("#seed", str(seed))
        expected = made.sampler.sample(1, seed=seed)[0]
        assert closeness(seen.image(), expected) <= TOLERANCE
    seen.set_range("#temperature", 0.6)
    expected = made.sampler.sample(1, seed=SEEDS[-1], temperature=0.6)[0]
    assert closeness(seen.image(), expected) <= TOLERANCE
    # The pixels on the screen are these numbers, rounded.
    shown = seen.canvas("#image")[..., :1]
    assert np.abs(shown - 255 * expected).max() <= 0.51
    seen.check_quiet()


def test_page_agrees_with_the_preset_itself(pages, visit):
    model = zoo.from_preset("dense_vae_digits")
    seen = visit(pages("digits").path)
    seen.page.fill("#seed", "11")
    assert closeness(seen.image(), model.sample(1, seed=11)[0]) <= TOLERANCE
    code = 'zoo.from_preset("dense_vae_digits").sample(1, seed=11)[0]'
    assert seen.page.text_content("#python") == code


def test_new_sample_and_its_line_of_python(pages, visit):
    made = pages("digits")
    seen = visit(made.path)
    before = seen.image()
    seen.page.click("#new-sample")
    after = seen.image()
    seed = int(seen.page.input_value("#seed"))
    assert np.abs(after - before).max() > 0.01
    assert closeness(after, made.sampler.sample(1, seed=seed)[0]) <= TOLERANCE
    assert f"seed={seed}" in seen.page.text_content("#python")
    assert f"seed {seed}" in seen.page.text_content("#status")


def test_sliders_decode(pages, visit):
    made = pages("digits")
    seen = visit(made.path)
    z = seen.latent()
    sliders = seen.page.locator("#sliders input")
    assert sliders.count() == 8  # all there are
    first = int(seen.page.locator("#sliders label").first.text_content().split()[1])
    value = float(sliders.first.get_attribute("max"))
    seen.set_range("#sliders input", value)
    z[first] = value
    expected = made.sampler.decode(z[None])[0]
    assert closeness(seen.image(), expected) <= TOLERANCE
    assert "by hand" in seen.page.text_content("#status")
    seen.page.click("#unedit")
    assert closeness(seen.image(), made.sampler.sample(1, seed=0)[0]) <= TOLERANCE
    seen.page.click("#to-centre")
    seen.settle()
    centre = made.description["latents"]["centre"]
    assert np.abs(seen.latent() - centre).max() < 0.1


def test_sliders_come_by_importance(pages):
    made = pages("digits")
    order = made.description["latents"]["order"]
    z = made.sampler.draw_latents(200, seed=1)
    changes = []
    for i in range(8):
        ends = []
        for end in (-1, 1):
            moved = z.copy()
            moved[:, i] = z[:, i].mean() + end * z[:, i].std()
            ends.append(made.sampler.decode(moved))
        changes.append(np.mean((ends[1] - ends[0]) ** 2))
    # Measured on other draws: the same latents lead.
    assert set(order[:2]) <= set(np.argsort(changes)[::-1][:4])


def test_labels_of_a_conditional_model(pages, visit):
    made = pages("classes")
    seen = visit(made.path)
    names = seen.page.locator("#label option").all_text_contents()
    assert names == ["cat", "dog & <fox>", "owl"]
    for seed in (0, 5):
        seen.page.fill("#seed", str(seed))
        for label in (2, 1):
            seen.page.select_option("#label", str(label))
            expected = made.sampler.sample(1, labels=label, seed=seed)[0]
            assert closeness(seen.image(), expected) <= TOLERANCE
    # What was set by hand stays when the label changes.
    seen.set_range("#sliders input", 0.5)
    z = seen.latent()
    seen.page.select_option("#label", "0")
    expected = made.sampler.decode(z[None], labels=0)[0]
    assert closeness(seen.image(), expected) <= TOLERANCE
    seen.check_quiet()


@pytest.mark.parametrize("name", ("classes", "attributes", "flow"))
def test_decoder_alone_draws_from_its_learned_prior(pages, visit, name):
    made = pages(name, alone=True)
    seen = visit(made.path)
    labels = None
    if name in ("classes", "flow"):
        seen.page.select_option("#label", "2")
        labels = 2
    elif name == "attributes":
        labels = np.array([0.25, 0, 1])
        for i, value in enumerate(labels):
            seen.set_range(f"#attribute-{i}", value)
    for seed in SEEDS:
        seen.page.fill("#seed", str(seed))
        expected = made.sampler.sample(1, labels=labels, seed=seed)[0]
        assert closeness(seen.image(), expected) <= TOLERANCE
    assert not seen.page.is_visible("#own")  # there is no encoder
    seen.check_quiet()


def test_codes_are_those_of_python(pages, visit):
    made = pages("residual_codes")
    seen = visit(made.path)
    assert not seen.page.is_visible("#latents")
    for seed in SEEDS:
        seen.page.fill("#seed", str(seed))
        seen.page.select_option("#label", "3")
        expected = made.sampler.sample(1, labels=3, seed=seed)[0]
        assert closeness(seen.image(), expected) <= TOLERANCE
        # One code after another comes to the same.
        codes = seen.latent()
        seen.page.click("#watch")
        seen.wait_until("explorer.shown.origin.kind === 'drawing'")
        assert closeness(seen.image(), expected) <= TOLERANCE
        np.testing.assert_array_equal(seen.latent(), codes)
    seen.check_quiet()


def test_codes_are_edited(pages, visit):
    made = pages("residual_codes")
    seen = visit(made.path)
    codes = seen.latent()
    seen.page.focus("#code-map")
    for key in ("ArrowDown", "ArrowRight"):
        seen.page.keyboard.press(key)
    assert seen.page.text_content("#code-place") == "Row 2, column 2, level 1"
    place = (1 * 3 + 1) * 2
    new = (codes[place] + 1) % 6
    seen.page.fill("#code", str(new))
    codes[place] = new
    expected = made.sampler.decode(codes.reshape(1, 3, 3, 2))[0]
    assert closeness(seen.image(), expected) <= TOLERANCE
    seen.page.fill("#code", "6")  # there are six
    assert seen.page.get_attribute("#code", "aria-invalid") == "true"
    np.testing.assert_array_equal(seen.latent(), codes)


def test_codes_without_a_prior_are_decoded_alone(pages, visit):
    made = pages("codes_without_prior")
    seen = visit(made.path)
    zeros = np.zeros((1, 3, 3), np.int32)
    assert closeness(seen.image(), made.sampler.decode(zeros)[0]) <= TOLERANCE
    for part in ("#sampling", "#blend", "#wall", "#watch"):
        assert not seen.page.is_visible(part)
    assert seen.page.is_visible("#own")
    seen.check_quiet()


@pytest.mark.parametrize("name", ("digits", "residual_codes"))
def test_wall_is_the_first_64_of_the_seed(pages, visit, name):
    made = pages(name)
    seen = visit(made.path)
    seen.page.fill("#seed", "3")
    seen.settle()
    seen.page.click("#draw-wall")
    seen.wait_until(
        "document.querySelector('#wall-status').textContent.includes('of seed 3')"
    )
    labels = None if name == "digits" else 0
    expected = made.sampler.sample(64, labels=labels, seed=3)
    for i in (0, 17, 63):
        shown = seen.canvas(f"#wall-grid button:nth-child({i + 1}) canvas")
        assert np.abs(shown[..., :1] - 255 * expected[i]).max() <= 0.6
    seen.page.click("#wall-grid button:nth-child(18)")
    assert closeness(seen.image(), expected[17]) <= TOLERANCE
    assert "[17]" in seen.page.text_content("#python")
    seen.check_quiet()


@pytest.mark.parametrize("name", ("digits", "residual_codes"))
def test_pad_blends_four_samples(pages, visit, name):
    made = pages(name)
    seen = visit(made.path)
    pad = seen.page.locator("#pad")
    pad.scroll_into_view_if_needed()
    shape = made.sampler.image_shape
    labels = None if name == "digits" else 0
    corners = made.sampler.sample(4, labels=labels, seed=0)
    seen.page.wait_for_selector("#pad[aria-busy=false]")
    pad.focus()
    seen.page.keyboard.press("Home")
    assert closeness(seen.image(), corners[0]) <= TOLERANCE
    seen.page.keyboard.press("End")
    assert closeness(seen.image(), corners[3]) <= TOLERANCE
    assert "100\xa0%\xa0bottom\xa0right" in pad.get_attribute("aria-valuetext")
    # The map behind it has the corners in its corners.
    shown = seen.canvas("#pad-map")
    assert shown.shape[:2] == (7 * shape[0], 7 * shape[1])
    top_right = shown[: shape[0], -shape[1] :, :1]
    assert np.abs(top_right - 255 * corners[1]).max() <= 0.6
    seen.check_quiet()
