"""What priors over latents share, and how they get their names."""

import keras

_BY_NAME = {}


def register(name, of_images=False):
    """Makes a prior known by a name, as in `zoo.DenseVAE(..., prior=name)`.

    Args:
        name: what users write.
        of_images: whether the constructor takes `image_shape` first.

    Returns:
        A decorator of a `Prior` subclass whose constructor takes `latent_dim` first,
        or `image_shape`, and `seed`; or of a function that does and returns one.
    """

    def keep(make):
        _BY_NAME[name] = make, of_images
        return make

    return keep


def registered():
    """{name: (what makes a prior, whether of `image_shape`)} of those with a name."""
    return dict(_BY_NAME)


class Prior(keras.layers.Layer):
    """Base of the priors p(z) over real latent vectors: a layer, which may learn.

    A subclass must have `log_prob`, for the ELBO, and `from_noise`, for sampling; it
    adds its weights in `build`, which is given None. Optional are

    - a rule for the KL of a posterior to it (`zoo.distributions.kl_rule`): without,
      the KL is estimated at the posterior's draws, and objectives that count the KL of
      each latent refuse the prior;
    - `num_uniforms`, how many uniform numbers `from_noise` wants beside the normal
      ones: one, say, to choose a component of a mixture;
    - `label_dim` and `given`, for a p(z|y): see `LabelNormal`;
    - `made_of_posteriors` and `of_posteriors`, for one that the model's encoder is a
      part of: see `Vamp`. It then needs neither `log_prob` nor `from_noise` itself.

    Every prior is exported: generator.onnx and sampler.onnx run its `from_noise`.

    Example:

    >>> import keras, zoo
    >>> from keras import ops
    >>> class Wide(zoo.priors.Prior):  # N(0, exp(2 s) I), s learned
    ...     def build(self, input_shape=None):
    ...         self.log_scale = self.add_weight(shape=(), initializer="zeros")
    ...         self.built = True
    ...     def log_prob(self, z):
    ...         scaled = z * ops.exp(-self.log_scale)
    ...         log_prob = zoo.priors.StandardNormal().log_prob(scaled)
    ...         return log_prob - z.shape[-1] * self.log_scale
    ...     def from_noise(self, noise, uniforms=None):
    ...         return noise * ops.exp(self.log_scale)
    >>> model = zoo.DenseVAE((8, 8, 1), 2, hidden_units=(8,), prior=Wide())
    >>> model.sample(3, seed=0).shape
    (3, 8, 8, 1)
    """

    num_uniforms = 0
    # How many numbers about its label p(z|y) sees; 0 for a prior without labels.
    label_dim = 0
    # Whether the prior is what `of_posteriors` returns.
    made_of_posteriors = False

    def log_prob(self, z):
        """log p(z) in nats: (..., D) -> (...)."""
        raise NotImplementedError

    def from_noise(self, noise, uniforms=None):
        """z (..., D) from random numbers.

        Args:
            noise: standard normal (..., D), whose scale is the temperature.
            uniforms: in [0, 1), (..., num_uniforms); None if the prior wants none.
        """
        raise NotImplementedError

    def given(self, label_vectors):
        """p(z|y) of labels (N, label_dim): the prior itself if it sees no labels."""
        return self

    def of_posteriors(self, posterior_of):
        """p(z) of a model's encoder: the prior itself if it needs none.

        Args:
            posterior_of: function of images (M, H, W, C) to q(z|x) of each.
        """
        return self
