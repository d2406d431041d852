"""A HierarchicalVAE whose log p(x) is known: all its layers are linear.

On a grid of 1 x 1 lies z_1, on one of 2 x 2 a z_2 for each quarter of the image, given
z_1. All of an image is linear in them, so that p(x) = N(b, J J^T + sigma^2 I), and as
quarters do not overlap, the exact q(z_1|x) and q(z_2|x, z_1) are diagonal: the weights
of the encoder and of the posteriors are set to them.
"""

import math

import numpy as np
import pytest
from keras import ops
from test_zoo_exact_likelihood import SIGMA, LinearGaussian
from zoo_helpers import array

import zoo

SHAPE, LATENTS, COARSE, FINE = (8, 8, 1), 5, 2, 3
RNG = np.random.default_rng(0)
HEAD = 0.1 * RNG.standard_normal((FINE, 16))  # a quarter's 16 pixels of its state
UP = RNG.standard_normal((COARSE, 4 * FINE))
# Of each group: what its prior says, and how the state takes it up.
MEAN, LOG_VARS = 0.3, (0.5, -0.4)
SLOPE = np.array([0.4, -0.2, 0.3])  # of the mean of z_2, by the state
PROJECT = np.array([0.8, -0.5]), np.array([1.0, 0.7, -0.6])
NOISE = RNG.standard_normal((30, LATENTS))
# Antithetic points with the mean 0 and the covariance I of the noise.
SIGMA_POINTS = math.sqrt(LATENTS) * np.concatenate([np.eye(LATENTS), -np.eye(LATENTS)])


def squeezed(log_var):
    return 10 * np.tanh(log_var / 10)


def unsqueezed(log_var):
    return 10 * np.arctanh(log_var / 10)


def quarters(pixels):
    """(64, ...) as (2, 2, 16, ...)."""
    pixels = pixels.reshape(2, 4, 2, 4, *pixels.shape[1:])
    return np.moveaxis(pixels, 2, 1).reshape(2, 2, 16, *pixels.shape[4:])


class Known:
    """The model, J (64, 5) and b (64,); q(z_1|x) off by `shift`, wider by `factor`."""

    def __init__(self, shift=0.0, factor=1.0):
        self.model = zoo.HierarchicalVAE(
            SHAPE,
            ((8, 1, 1), (4, 1, 1)),
            likelihood=LinearGaussian(),
            filters=(COARSE, FINE),
            blocks_per_level=0,
            block="residual",
            activation="linear",
            seed=0,
        )
        for weight in self.model.weights:
            weight.assign(np.zeros(weight.shape))
        self.set_prior()
        rows = np.concatenate([np.zeros((1, LATENTS)), np.eye(LATENTS)]).astype("f4")
        made = array(self.model.decode_parameters(ops.convert_to_tensor(rows)))
        made = made.reshape(LATENTS + 1, 64).astype(np.float64)
        self.b, self.jacobian = made[0], (made[1:] - made[0]).T
        self.set_posterior(shift, factor)

    def set(self, path, matrix, bias=None):
        """A convolution that is this matrix (in, out) at each place; or (h, w, ...)."""
        layer = self.model
        for name in path.split("/"):
            parts = layer.groups if name.isdigit() else None
            layer = parts[int(name)] if parts else getattr(layer, name)
        kernel, old = [np.zeros(weight.shape) for weight in layer.get_weights()]
        if np.ndim(matrix) == 4:
            kernel[:] = matrix
        else:
            middle = kernel.shape[0] // 2
            kernel[middle, middle] = matrix
        layer.set_weights([kernel, old if bias is None else old + np.asarray(bias)])

    def set_prior(self):
        of_state = np.zeros((1, 2 + FINE))
        of_state[0, 0] = 1
        self.set("decoder/0/prior/expand", 0, [MEAN, unsqueezed(LOG_VARS[0]), 0, 0])
        self.set("decoder/1/prior/reduce", SLOPE[:, None])
        self.set("decoder/1/prior/mix", 1)
        self.set(
            "decoder/1/prior/expand", of_state, [0, unsqueezed(LOG_VARS[1]), 0, 0, 0]
        )
        for number in (0, 1):
            self.set(f"decoder/{number}/project", PROJECT[number][None])
        self.model.decoder.ups[0].set_weights([UP[None, None], np.zeros(4 * FINE)])
        self.set("decoder/head", HEAD, 0.5)

    def set_posterior(self, shift, factor):
        deviations = np.exp(0.5 * np.array(LOG_VARS))
        self.set("encoder/stem", HEAD.T)
        # z_1: x = J_1 z_1 + b + noise of covariance J_2 J_2^T + sigma^2 I.
        first, rest = self.jacobian[:, 0], self.jacobian[:, 1:]
        to_mean = np.linalg.solve(rest @ rest.T + SIGMA**2 * np.eye(64), first)
        variance = 1 / (1 + first @ to_mean)
        to_mean *= variance
        of_features = quarters(to_mean) @ np.linalg.pinv(HEAD)  # (2, 2, FINE)
        np.testing.assert_allclose(of_features @ HEAD, quarters(to_mean), atol=1e-6)
        kernel = np.zeros((2, 2, FINE, COARSE))
        kernel[..., 0] = of_features
        moved = shift * math.sqrt(variance) - to_mean @ self.b
        self.model.encoder.downs[0].set_weights([kernel, np.array([moved, 0])])
        self.set("decoder/0/posterior/reduce_image", [[1.0], [0.0]])
        self.set("decoder/0/posterior/mix", 1)
        wide = unsqueezed(math.log(factor * variance))
        self.set("decoder/0/posterior/expand", [[deviations[0], 0]], [0, wide])
        # z_2 of a quarter: x - b = HEAD^T (h + PROJECT SLOPE h + PROJECT z_2).
        of_z = PROJECT[1] * deviations[1]
        precision = 1 + np.sum((of_z @ HEAD) ** 2) / SIGMA**2
        scale = 1 / SIGMA**2 / precision
        of_state = HEAD @ HEAD.T @ (np.eye(FINE) + np.outer(PROJECT[1], SLOPE))
        self.set("decoder/1/posterior/reduce_image", scale * of_z[:, None])
        bias = [-scale * 0.5 * (of_z @ HEAD).sum()]
        self.set(
            "decoder/1/posterior/reduce", -scale * (of_z @ of_state)[:, None], bias
        )
        self.set("decoder/1/posterior/mix", 1)
        wide = unsqueezed(-math.log(precision))
        self.set("decoder/1/posterior/expand", [[deviations[1], 0]], [0, wide])

    def images(self, count):
        rng = np.random.default_rng(1)
        x = self.b + rng.standard_normal((count, LATENTS)) @ self.jacobian.T
        x += SIGMA * rng.standard_normal((count, 64))
        return np.clip(x, 0, 1).astype("float32").reshape(count, *SHAPE)

    def log_likelihood(self, x):
        covariance = self.jacobian @ self.jacobian.T + SIGMA**2 * np.eye(64)
        centred = x.reshape(len(x), 64).astype(np.float64) - self.b
        squared = np.sum(centred * np.linalg.solve(covariance, centred.T).T, axis=1)
        return -0.5 * (squared + np.linalg.slogdet(2 * np.pi * covariance)[1])

    def terms(self, x, noise):
        noise = np.broadcast_to(noise[:, None], (len(noise), len(x), LATENTS))
        noise = ops.convert_to_tensor(noise.astype("f4"))
        return self.model.elbo_terms(ops.convert_to_tensor(x), noise=noise)


def test_every_draw_of_exact_posteriors_gives_the_likelihood():
    known = Known()
    assert np.abs(known.jacobian).max(axis=0).min() > 0.05  # all latents count
    x = known.images(6)
    terms = known.terms(x, NOISE)
    log_weights = array(terms.log_likelihood + terms.log_ratio)
    expected = np.broadcast_to(known.log_likelihood(x), log_weights.shape)
    np.testing.assert_allclose(log_weights, expected, atol=5e-3)


@pytest.mark.parametrize("shift, factor", [(0.7, 2.0), (0.0, 0.2)])
def test_elbo_is_the_likelihood_less_the_kl_to_the_posterior(shift, factor):
    known = Known(shift, factor)
    x = known.images(6)
    # Quadratic in the noise, so that the mean over these points is exact.
    elbo = array(known.terms(x, SIGMA_POINTS).elbo)
    lost = 0.5 * (factor + shift**2 - 1 - math.log(factor))
    np.testing.assert_allclose(elbo, known.log_likelihood(x) - lost, atol=5e-3)


def test_importance_weights_reach_the_likelihood():
    known = Known(0.7, 2.0)
    x = known.images(200)
    estimate = known.model.log_marginal_likelihood
    one, ten, many = (estimate(x, None, k, seed=0).mean() for k in (1, 10, 500))
    exact = known.log_likelihood(x).mean()
    assert one + 0.1 < ten < exact + 0.05
    assert many == pytest.approx(exact, abs=0.02)
