"""An adversary of images, as an option of the models: VAE/GAN and VQ-GAN."""

import json

import keras
import numpy as np
import pytest
from numpy_reference import (
    Layers,
    bernoulli_log_prob,
    dense_networks,
    noise_of,
    sigmoid,
    softplus,
)
from zoo_helpers import (
    LOGS,
    SHAPE,
    array,
    first_everywhere,
    losses_after,
    make_dense,
    quick_compile,
    random_weights,
)

import zoo
from zoo.schedules import LinearWarmup

once = pytest.mark.one_backend("the losses are those of NumPy on every backend")

SGD, Adam = keras.optimizers.SGD, keras.optimizers.Adam
JUDGED = {"adversarial_loss", "feature_loss", "discriminator_loss"}


def judge(**options):
    return zoo.Adversary(**{"filters": (5, 4), "seed": 0, **options})


def test_same_weights_and_noise_give_the_losses_of_numpy():
    adversary = judge(
        gamma=LinearWarmup(4, end=2.0), feature_weight=3, pixel_weight=0.5
    )
    model = make_dense(beta=0.7, adversary=adversary)
    weights = random_weights(model, seed=5, scale=0.3)
    x = np.random.default_rng(3).random((6, *SHAPE), dtype="float32")
    noise = noise_of(7, len(x), 2)
    losses, of_adversary = losses_after(3, model, x, noise)

    encode, decode = dense_networks(weights, SHAPE, 1, False, "relu")
    mean, log_var = np.split(encode(x.astype("float64")), 2, axis=-1)
    logits = decode(mean + np.exp(log_var / 2) * noise)
    kl = 0.5 * np.sum(np.exp(log_var) + mean**2 - 1 - log_var, axis=-1)
    layers = Layers(weights)

    def judged(images):
        h = 2 * images - 1
        for stage in ("stage_0", "stage_1"):
            h = layers.conv(f"adversary/{stage}", h, stride=2)
            h = np.where(h > 0, h, 0.2 * h)
        return layers.conv("adversary/head", h).reshape(len(images), -1), h

    (real, of_x), (fake, of_decoded) = judged(x), judged(sigmoid(logits))
    assert real.shape == (6, 4)
    distance = 0.5 * np.sum((of_x - of_decoded) ** 2, axis=(1, 2, 3))
    expected = (
        -0.5 * bernoulli_log_prob(x, logits)
        + 0.7 * kl
        + 1.5 * softplus(-fake).sum(axis=1)
        + 3 * distance
    )
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    logged = {metric.name: float(metric.result()) for metric in model.metrics}
    assert logged["adversarial_loss"] == pytest.approx(softplus(-fake).mean(), rel=1e-4)
    assert logged["feature_loss"] == pytest.approx(distance.mean(), rel=1e-4)
    cross_entropy = 0.5 * (softplus(-real) + softplus(fake)).mean(axis=1)
    np.testing.assert_allclose(of_adversary, cross_entropy, rtol=1e-4)


@once
def test_what_pixels_blur_an_adversary_sharpens():
    """Latents tell nothing: pixels are best guessed grey, images are black and white.

    Stripes of two phases, of which each pixel is the mean. An adversary knows grey.
    """
    stripes = np.indices(SHAPE).sum(axis=0) % 4 < 2
    x = np.stack([stripes, ~stripes] * 64).astype("float32")
    blurred = make_dense(likelihood="gaussian", beta=100.0)
    quick_compile(blurred, Adam(0.02))
    blurred.fit(x, batch_size=16, epochs=10, verbose=0)
    sharp = make_dense(
        likelihood="gaussian",
        beta=100.0,
        adversary=judge(gamma=3.0, pixel_weight=0.0, feature_weight=0.0),
    )
    quick_compile(sharp, Adam(0.02), auxiliary_optimizer=Adam(0.005, beta_1=0.5))
    sharp.fit(x, batch_size=16, epochs=10, verbose=0)
    grey, contrast = (
        float(np.abs(model.sample(16, seed=0) - 0.5).mean())
        for model in (blurred, sharp)
    )
    assert grey < 0.1 and contrast > 0.3, (grey, contrast)


MODELS = {
    "conv": lambda **o: zoo.ConvVAE(SHAPE, 2, filters=(4,), **o),
    "conditional": lambda **o: zoo.ConditionalVAE(SHAPE, 2, 3, hidden_units=(4,), **o),
    "hierarchical": lambda **o: zoo.HierarchicalVAE(
        SHAPE, levels=((4, 1, 2), (2, 1, 1)), filters=4, **o
    ),
    "vq": lambda **o: zoo.VQVAE(SHAPE, 6, 2, filters=(4,), **o),
}


@pytest.mark.parametrize("kind", first_everywhere(MODELS, once))
def test_every_model_takes_one_and_each_optimizer_moves_its_own(kind, images, tmp_path):
    model = MODELS[kind](adversary=judge(gamma=LinearWarmup(8)), seed=0)
    quick_compile(model, SGD(0.0), auxiliary_optimizer=SGD(0.1))
    labels = [np.arange(len(images)) % 3] if kind == "conditional" else []
    before = [
        [np.array(w) for w in part.get_weights()]
        for part in (model.encoder, model.decoder, model.adversary)
    ]
    history = model.fit(images, *labels, batch_size=16, epochs=2, verbose=0).history
    assert JUDGED | (LOGS - {"active_units"}) <= set(history)
    assert np.isfinite(list(history.values())).all()
    after = [p.get_weights() for p in (model.encoder, model.decoder, model.adversary)]
    moved = [
        all(np.any(a != b) for a, b in zip(*pair, strict=True))
        for pair in zip(before, after, strict=True)
    ]
    assert moved == [False, False, True]

    model.save_to_preset(tmp_path / "preset")
    loaded = zoo.from_preset(tmp_path / "preset")
    one, other = (json.dumps(m.get_config(), sort_keys=True) for m in (model, loaded))
    assert one == other
    for given, wanted in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(given, wanted)
    quick_compile(loaded)
    loaded.fit(images, *labels, batch_size=16, verbose=0)
    assert int(loaded.steps_trained) == int(model.steps_trained) * 3 // 2
    for old, new in zip(model.trainable_weights, loaded.trainable_weights, strict=True):
        assert np.any(array(old) != array(new)), new.path


def test_name_makes_one_of_the_models_seed_and_dtype():
    one, other = (
        make_dense(adversary="patches", dtype="mixed_bfloat16") for _ in range(2)
    )
    for a, b in zip(
        one.adversary.get_weights(), other.adversary.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert one.adversary.stages[0].compute_dtype == "bfloat16"


@once
def test_figures_of_likelihood_come_with_a_remark(images):
    with pytest.warns(UserWarning, match="No likelihood .* follows an adversary"):
        make_dense(adversary="patches").elbo(images[:2], seed=0)


class Silent(zoo.DenseVAE):
    """Its terms do not say what they were decoded to."""

    def elbo_terms(self, *args, **options):
        terms = super().elbo_terms(*args, **options)
        return zoo.objectives.ELBOTerms(terms.log_likelihood, terms.groups)


def fit(model):
    quick_compile(model)
    model.fit(np.zeros((4, *SHAPE), "float32"), verbose=0)


IWAE = zoo.objectives.ImportanceWeighted(3)
BAD = {
    "name": (
        lambda: make_dense(adversary="gan"),
        "`adversary` must be one of 'patches'",
    ),
    "number": (
        lambda: make_dense(adversary=3.0),
        "`adversary` must be a name or an obj",
    ),
    "gamma": (lambda: judge(gamma=-1.0), "`gamma` must be .*>= 0; got -1"),
    "weight": (lambda: judge(pixel_weight=-1.0), "`pixel_weight` must be .*>= 0; got"),
    "filters": (lambda: judge(filters=(8, 0)), "`filters` must be .* >= 1; got 0"),
    "no stage": (lambda: judge(filters=()), "`filters` must name at least one stage"),
    "binarized": (
        lambda: make_dense(adversary="patches", dynamic_binarization=True),
        "leave out `dynamic_binarization`",
    ),
    "objective": (
        lambda: make_dense(objective=IWAE, adversary=judge(pixel_weight=0.0)),
        "`pixel_weight` .* ImportanceWeighted has none: leave it at 1",
    ),
    "terms": (
        lambda: fit(make_dense(Silent, adversary="patches")),
        "Silent.elbo_terms must give `images` and `parameters`",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_sentence(case):
    make, match = BAD[case]
    with pytest.raises((ValueError, TypeError), match=match) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_model_without_an_optimizer_is_refused():
    with pytest.raises(ValueError, match="`optimizer` must be a Keras .*; got None"):
        make_dense(adversary="patches").compile(None)
