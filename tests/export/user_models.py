"""Models of a user's, in a module that the process which converts can import."""

import keras
from keras import ops

import zoo
from zoo.generation import scaled
from zoo.latents import LatentSpec, NoiseSpec
from zoo.objectives import LatentGroup


class Shifted(zoo.priors.Prior):
    """N(m, exp(2 s)), learned: never registered with Keras."""

    def build(self, input_shape=None):
        self.mean = self.add_weight(shape=(1,), initializer="ones", name="mean")
        self.log_scale = self.add_weight(shape=(1,), initializer="ones", name="scale")
        self.built = True

    def log_prob(self, z):
        z = (z - self.mean) * ops.exp(-self.log_scale)
        return zoo.priors.StandardNormal().log_prob(z) - z.shape[-1] * self.log_scale[0]

    def from_noise(self, noise, uniforms=None):
        return self.mean + ops.exp(self.log_scale) * noise


@keras.saving.register_keras_serializable(package="users")
class HookedVAE(zoo.DenseVAE):
    """Its `prior` says N(0, I); its hook draws from another."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.shifted = Shifted(name="shifted")
        self.shifted.build(None)

    def make_prior(self, labels=None):
        return self.shifted


class Halves(zoo.priors.Prior):
    """N(-2, I) or N(2, I), as a uniform number says."""

    num_uniforms = 1

    def log_prob(self, z):
        normal = zoo.priors.StandardNormal()
        return ops.logaddexp(normal.log_prob(z - 2), normal.log_prob(z + 2))

    def from_noise(self, noise, uniforms=None):
        return noise + ops.where(uniforms < 0.5, -2.0, 2.0)


class Half(zoo.objectives.Objective):
    """Of no interest to a file, and never registered."""

    def __call__(self, terms, step):
        return -0.5 * terms.elbo


class Doubtful(zoo.likelihoods.Bernoulli):
    """E[x|z] drawn towards grey."""

    def mean(self, parameters):
        return 0.25 + 0.5 * super().mean(parameters)


@keras.saving.register_keras_serializable(package="users")
def halved(x):
    """Of which Keras writes that it lies in `builtins`."""
    return x / 2


@keras.saving.register_keras_serializable(package="users")
class FullVAE(zoo.VAE):
    """A posterior whose latents depend on each other."""

    def make_posterior(self, parameters):
        return zoo.distributions.FullNormal.from_parameters(parameters)


def full_vae():
    """A model of a user's posterior, prior, likelihood and objective."""
    size = zoo.distributions.FullNormal.num_parameters(3)
    encoder = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(size)])
    pixels = keras.layers.Dense(64, activation=halved)
    decoder = keras.Sequential([pixels, keras.layers.Reshape((8, 8, 1))])
    return FullVAE(
        encoder,
        decoder,
        (8, 8, 1),
        3,
        likelihood=Doubtful(),
        prior=Halves(),
        objective=Half(),
    )


@keras.saving.register_keras_serializable(package="users")
class TwoLevel(zoo.Autoencoder):
    """z_2 ~ N(0, I), z_1 ~ N(f(z_2), I)."""

    def __init__(self, image_shape=(8, 8, 1), name=None):
        pixels = keras.layers.Dense(64)
        super().__init__(
            encoder=keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(12)]),
            decoder=keras.Sequential([pixels, keras.layers.Reshape((8, 8, 1))]),
            image_shape=image_shape,
            name=name,
        )
        self.top_down = keras.layers.Dense(4, activation="tanh")
        self.complete()

    @property
    def latents(self):
        return LatentSpec("z_2", (2,)), LatentSpec("z_1", (4,))

    @property
    def noise(self):
        return NoiseSpec(normals=6)

    def draw_latents(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        noise = scaled(noise, temperature)
        top = noise[:, :2]
        return {"z_2": top, "z_1": 3 * self.top_down(top) + noise[:, 2:]}

    def decode_parameters(self, z, labels=None, training=False):
        return self.decoder(z["z_1"], training=training)

    def elbo_terms(self, x, labels=None, num_draws=1, noise=None, training=False):
        features = self.encoder(x, training=training)
        q2 = zoo.distributions.DiagonalNormal.from_parameters(features[:, :4])
        q1 = zoo.distributions.DiagonalNormal.from_parameters(features[:, 4:])
        if noise is None:
            shape = (num_draws, ops.shape(x)[0], 6)
            noise = keras.random.normal(shape, seed=self.seed_generator)
        z2, z1 = q2.from_noise(noise[..., :2]), q1.from_noise(noise[..., 2:])
        mean = 3 * self.top_down(z2)
        p1 = zoo.distributions.DiagonalNormal(mean, ops.zeros_like(mean))
        flat = self.decoder(ops.reshape(z1, (-1, 4)), training=training)
        parameters = ops.reshape(flat, (ops.shape(noise)[0], -1, *flat.shape[1:]))
        groups = (
            LatentGroup(self.latents[0], q2, zoo.priors.StandardNormal(), z2),
            LatentGroup(self.latents[1], q1, p1, z1),
        )
        log_likelihood = self.likelihood.log_prob(x, parameters)
        return zoo.objectives.ELBOTerms(log_likelihood, groups)

    def get_config(self):
        return {"image_shape": list(self.image_shape)}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


class Shouting(zoo.TextVAE):
    """Draws the last token first, whatever the decoder says: no file does."""

    def draw(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        tokens = super().draw(noise, uniforms, temperature, labels)
        last = ops.full_like(tokens[:, :1], self.event.vocabulary_size - 1)
        return ops.concatenate([last, tokens[:, :-1]], axis=1)


class HalfKnown(zoo.TextVAE):
    """Its decoder is told half of each latent, and its draws are shifted."""

    def context(self, z, labels=None):
        return super().context(0.5 * z, labels)

    def draw_latents(self, noise=None, uniforms=None, temperature=1.0, labels=None):
        return 1 + super().draw_latents(noise, uniforms, temperature, labels)
