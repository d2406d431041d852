"""Posterior collapse in words, and the KL of each latent that it is told from."""

import keras
import numpy as np
import pytest
from zoo_helpers import SHAPE

import zoo
from zoo.evaluation.diagnosis import diagnose_codes, diagnose_groups, diagnose_latents
from zoo.evaluation.information import mutual_information
from zoo.evaluation.latents import kl_per_latent

pytestmark = pytest.mark.one_backend("sentences and figures of NumPy")


@pytest.mark.parametrize(
    ("kl", "words"),
    [
        ([0.0, 0.001, 0.002], "Posterior collapse: no latent"),
        ([9.0, 0.0, 0.0, 0.0], "Partial collapse: only 1 of 4 latents is in use"),
        ([3.0, 2.0, 0.0], "No collapse: 2 of 3 latents are in use, with 5.0 nats"),
        ([3.0, 2.0, 0.0], "The other 1 follows the prior: superfluous"),
        ([3.0, 2.0], "Every latent is used"),
        ([3.0, 0.05, 0.02], "The faintest 2 tell less than 0.1 nats each"),
        ([6.0, 2.0, 2.0, 1.0], "The busiest 1 holds half"),
        ([3.0, 3.0, 3.0, 3.0], "The busiest 2 hold half"),
    ],
)
def test_latents_in_words(kl, words):
    assert words in " ".join(diagnose_latents(kl))


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        # Worse than the mean image, whatever the KL is.
        ({"active": 6, "error": 1.2}, "no better than the mean image (1.20 times its"),
        ({"active": 6, "error": 1.2}, "6 of 40 active units"),
        # Means that vary little where a learned prior is narrow.
        ({"active": 0, "information": (3.0, 6.9)}, "No collapse: 40 of 40"),
        # A KL that is the same for every image.
        ({"active": 0, "error": 0.9}, "Posterior collapse: the 20.0 nats of KL"),
        ({"active": 40, "information": (0.001, 6.9)}, "are the same for every image"),
        ({"active": 6, "error": 0.9}, "Partial collapse: only 6 of 40 latents are in"),
        ({"active": 6, "error": 0.9}, "34 are the same for every image, what"),
        ({"active": 40, "error": 0.1, "information": (6.5, 6.9)}, "No collapse: 40 of"),
        ({"active": 40, "information": (6.5, 6.9)}, "6.5 nats, and so many images can"),
    ],
)
def test_kl_is_not_information(figures, words):
    said = " ".join(diagnose_latents([0.5] * 40, **figures))
    assert words in said
    assert ("No collapse" in said) == words.startswith(("No collapse", "6.5 nats"))


@pytest.mark.parametrize("labelled", [False, True])
def test_mutual_information_never_exceeds_its_bound(labelled):
    shape, x = SHAPE, np.random.default_rng(0).random((30, *SHAPE), dtype="float32")
    model = zoo.ConditionalVAE(shape, 3, num_classes=2, hidden_units=(8,), seed=0)
    labels = np.arange(30) % 2
    if not labelled:
        model, labels = zoo.DenseVAE(shape, 3, hidden_units=(8,), seed=0), None
    encoder = model.encoder
    estimate, bound = mutual_information(model, x, labels)
    assert bound == pytest.approx(np.log(15 if labelled else 30))
    assert -0.5 < estimate < bound
    # Posteriors that hardly overlap: each draw names its image.
    encoder.set_weights([1000 * weight for weight in encoder.get_weights()])
    estimate, bound = mutual_information(model, x, labels)
    assert 0.5 * bound < estimate <= bound + 1e-6


def test_sum_of_a_learned_prior_is_told_apart_from_its_parts():
    said = diagnose_latents([30.0, 5.0, 5.0, 4.0], total=27.2)
    assert "4 of 4 latents are in use, with 27.2 nats" in said[0]
    assert "The busiest 1 holds half" in said[-1]


@pytest.mark.parametrize(
    ("kl", "error", "words"),
    [
        ([9.0, 2.0, 0.1], 0.5, "No collapse: all 3 groups of latents are in use. Nats"),
        ([9.0, 0.09, 0.0], 0.5, "2 of 3 groups of latents are dead: z_6x6_1, z_6x6_2."),
        ([0.02, 9.0, 9.0], 0.5, "1 of 3 groups of latents is dead: z_3x3_1. Less"),
        ([0.02, 9.0, 9.0], 0.5, "free_bits_of='group') or a KL warm-up"),
        ([0.0, 0.05, 0.01], 0.5, "Posterior collapse: none of 3 groups of latents"),
        ([0.0, 0.05, 0.01], 0.5, "an image: z_3x3_1 0.0, z_6x6_1 0.1, z_6x6_2 0.0."),
        ([9.0, 2.0, 0.1], 1.2, "no better than the mean image (1.20 times its"),
    ],
)
def test_groups_in_words(kl, error, words):
    names = ("z_3x3_1", "z_6x6_1", "z_6x6_2")
    said = diagnose_groups(dict(zip(names, kl, strict=True)), error=error)
    assert words in " ".join(said)
    assert ("No collapse" in said[0]) == (min(kl) >= 0.1 and error < 1)


def test_codes_in_words():
    assert "only 10.0% of the 512 codes" in diagnose_codes(0.1, 20.0, 512)[0]
    healthy = " ".join(diagnose_codes(1.0, 91.6, 128))
    useless = " ".join(diagnose_codes(1.0, 91.6, 128, error=1.5))
    assert "No collapse" not in useless and "1.50 times" in useless
    assert "No collapse: 100.0%" in healthy and "92 equally frequent" in healthy


def test_kl_of_latents_adds_up_to_that_of_the_elbo():
    model = zoo.DenseVAE(SHAPE, 3, hidden_units=(8,), seed=0)
    x = np.random.default_rng(0).random((20, *SHAPE), dtype="float32")
    kl = kl_per_latent(model, x)
    assert kl.shape == (3,) and np.all(kl >= 0)
    assert kl.sum() == pytest.approx(np.mean(model.elbo(x, seed=0)["kl"]), rel=1e-5)


def test_latents_of_a_learned_prior_are_told_from_their_own_moments():
    model = zoo.DenseVAE(SHAPE, 3, hidden_units=(8,), prior="flow", seed=0)
    x = np.random.default_rng(0).random((20, *SHAPE), dtype="float32")
    posterior = model.encode(x)
    mean = np.asarray(keras.ops.convert_to_numpy(posterior.mean), np.float64)
    log_var = np.asarray(keras.ops.convert_to_numpy(posterior.log_var), np.float64)

    def divergence(moved, scale):
        """KL of each latent to N(moved, scale), averaged over images."""
        squares = np.exp(log_var) + (mean - moved) ** 2
        return 0.5 * np.mean(squares / scale - 1 + np.log(scale) - log_var, axis=0)

    centre = mean.mean(axis=0)
    spread = np.exp(log_var).mean(axis=0) + mean.var(axis=0)
    kl = kl_per_latent(model, x)
    np.testing.assert_allclose(kl, divergence(centre, spread), rtol=1e-5, atol=1e-7)
    for other in ((0.0, 1.0), (centre + 0.1, spread), (centre, 1.1 * spread)):
        assert np.all(kl < divergence(*other))
