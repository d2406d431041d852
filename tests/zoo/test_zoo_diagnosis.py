"""Posterior collapse in words, and the KL of each latent that it is told from."""

import numpy as np
import pytest
from zoo_helpers import SHAPE

import zoo
from zoo.evaluation.diagnosis import diagnose_codes, diagnose_latents
from zoo.evaluation.latents import kl_per_latent


@pytest.mark.parametrize(
    ("kl", "words"),
    [
        ([0.0, 0.001, 0.002], "Posterior collapse: no latent"),
        ([9.0, 0.0, 0.0, 0.0], "Partial collapse: only 1 of 4 latents is in use"),
        ([3.0, 2.0, 0.0], "No collapse: 2 of 3 latents are in use, with 5.0 nats"),
        ([3.0, 2.0, 0.0], "The other 1 follows the prior: superfluous"),
        ([3.0, 2.0], "Every latent is used"),
        ([6.0, 2.0, 2.0, 1.0], "The busiest 1 holds half"),
        ([3.0, 3.0, 3.0, 3.0], "The busiest 2 hold half"),
    ],
)
def test_latents_in_words(kl, words):
    assert words in " ".join(diagnose_latents(kl))


def test_codes_in_words():
    assert "only 10.0% of the 512 codes" in diagnose_codes(0.1, 20.0, 512)[0]
    healthy = " ".join(diagnose_codes(1.0, 91.6, 128))
    assert "No collapse: 100.0%" in healthy and "92 equally frequent" in healthy


def test_kl_of_latents_adds_up_to_that_of_the_elbo():
    model = zoo.DenseVAE(SHAPE, 3, hidden_units=(8,), seed=0)
    x = np.random.default_rng(0).random((20, *SHAPE), dtype="float32")
    kl = kl_per_latent(model, x)
    assert kl.shape == (3,) and np.all(kl >= 0)
    assert kl.sum() == pytest.approx(np.mean(model.elbo(x, seed=0)["kl"]), rel=1e-5)
