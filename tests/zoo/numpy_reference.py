"""The models of the zoo in NumPy float64, written from their papers and docstrings.

Nothing here imports the zoo: agreement with it is agreement of two implementations.
"""

import numpy as np


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def softplus(x):
    return np.logaddexp(0, x)


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "silu": lambda x: x * sigmoid(x),
}


def noise_of(seed, count, latent_dim):
    """The first draw (count, latent_dim): one generator an image, spawned by `seed`."""
    streams = np.random.SeedSequence(seed).spawn(count)
    draws = [
        np.random.default_rng(s).standard_normal(latent_dim, dtype=np.float32)
        for s in streams
    ]
    return np.stack(draws).astype(np.float64)


def gaussian_log_prob(x, mean, log_var):
    """Summed over the last axis."""
    squared = (x - mean) ** 2 / np.exp(log_var)
    return -0.5 * np.sum(squared + log_var + np.log(2 * np.pi), axis=-1)


def gaussian_kl(mean, log_var):
    """KL(N(mean, exp(log_var)) || N(0, 1)), summed over the last axis."""
    return 0.5 * np.sum(mean**2 + np.exp(log_var) - 1 - log_var, axis=-1)


def flow_log_prob(weights, name, z, num_layers):
    """log p(z) of a RealNVP: the digits of a dimension's index say when it moves."""
    layers, latent_dim = Layers(weights), z.shape[-1]
    digits = int(np.ceil(np.log2(latent_dim)))
    log_det = np.zeros(z.shape[:-1])
    for i in reversed(range(num_layers)):
        digit = (np.arange(latent_dim) >> (i // 2 % digits)) % 2
        moves = digit != i % 2
        hidden = layers.dense(f"{name}/coupling_{i}/hidden", np.where(moves, 0, z))
        raw = layers.dense(f"{name}/coupling_{i}/head", np.maximum(hidden, 0))
        log_scale, shift = np.split(np.where(np.tile(moves, 2), raw, 0), 2, axis=-1)
        log_scale = np.tanh(log_scale)
        z = (z - shift) / np.exp(log_scale)
        log_det -= log_scale.sum(axis=-1)
    return log_det + gaussian_log_prob(z, 0, np.zeros(latent_dim))


def bernoulli_log_prob(x, logits):
    """Pixel by pixel: x log p + (1 - x) log(1 - p)."""
    return np.sum(
        -x * softplus(-logits) - (1 - x) * softplus(logits), axis=(-3, -2, -1)
    )


def pixel_gaussian_log_prob(x, mean, log_scale):
    standardized = (x - mean) / np.exp(log_scale)
    density = -0.5 * standardized**2 - log_scale - 0.5 * np.log(2 * np.pi)
    return np.sum(density, axis=(-3, -2, -1))


class Layers:
    """Layers by name over a dictionary {path: weights}."""

    def __init__(self, weights):
        self.weights = {k: v.astype(np.float64) for k, v in weights.items()}

    def dense(self, name, x):
        kernel, bias = self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]
        return x @ kernel + bias

    def conv(self, name, x, stride=1):
        """Zero-padded so that the output has size ceil(size / stride)."""
        kernel, bias = self.weights[f"{name}/kernel"], self.weights[f"{name}/bias"]
        size = kernel.shape[0]
        out = [-(-n // stride) for n in x.shape[1:3]]
        padding = []
        for n, o in zip(x.shape[1:3], out, strict=True):
            total = max((o - 1) * stride + size - n, 0)
            padding.append((total // 2, total - total // 2))
        x = np.pad(x, [(0, 0), *padding, (0, 0)])
        y = np.zeros((len(x), *out, kernel.shape[3])) + bias
        height, width = ((o - 1) * stride + 1 for o in out)
        for i in range(size):
            for j in range(size):
                y += (
                    x[:, i : i + height : stride, j : j + width : stride] @ kernel[i, j]
                )
        return y


def dense_networks(weights, image_shape, num_layers, gated, activation):
    """(encode, decode) of a DenseVAE."""
    layers = Layers(weights)

    def stack(name, h):
        for i in range(num_layers):
            h = layers.dense(f"{name}/stack/hidden_{i}", h)
            if gated:
                value, gate = np.split(h, 2, axis=-1)
                h = value * sigmoid(gate)
            else:
                h = ACTIVATIONS[activation](h)
        return layers.dense(f"{name}/head", h)

    def encode(x):
        return stack("encoder", x.reshape(len(x), -1))

    def decode(z):
        return stack("decoder", z).reshape(len(z), *image_shape[:2], -1)

    return encode, decode


def discriminator(weights, num_layers):
    """The log-odds that the discriminator of a model gives to latents (N, D): (N,)."""
    layers = Layers(weights)

    def log_odds(h):
        for i in range(num_layers):
            h = layers.dense(f"discriminator/stack/hidden_{i}", h)
            h = np.where(h > 0, h, 0.2 * h)
        return layers.dense("discriminator/head", h)[:, 0]

    return log_odds


class ConvStages:
    """The halving and doubling stages that the convolutional networks share."""

    def __init__(self, layers, image_shape, num_stages, num_blocks, kind, activation):
        self.layers, self.kind = layers, kind
        self.num_stages, self.num_blocks = num_stages, num_blocks
        self.act = ACTIVATIONS[activation]
        self.sizes = [image_shape[:2]]  # finest first
        for _ in range(num_stages):
            self.sizes.append(tuple(-(-n // 2) for n in self.sizes[-1]))

    def _block(self, name, x):
        if self.kind == "plain":
            return self.act(self.layers.conv(f"{name}/mix", x))
        h = self.layers.conv(f"{name}/reduce", self.act(x))
        h = self.layers.conv(f"{name}/mix", self.act(h))
        h = self.layers.conv(f"{name}/expand", self.act(h))
        if self.kind == "gated":
            value, gate = np.split(h, 2, axis=-1)
            h = value * sigmoid(gate)
        return x + h

    def _blocks(self, name, stage, x):
        for i in range(self.num_blocks):
            x = self._block(f"{name}/stage_{stage}_block_{i}", x)
        return x

    def halve(self, x):
        for i in range(self.num_stages):
            x = x if i == 0 else self.act(x)
            x = self.layers.conv(f"encoder/down_{i}", x, stride=2)
            x = self._blocks("encoder", i, x)
        return self.act(x)

    def double(self, x):
        for i in range(self.num_stages):
            x = self.act(self._blocks("decoder", i, x))
            x = self.layers.conv(f"decoder/up_{i}", x)
            n, height, width, channels = x.shape
            # Channels 0..3 of each group of outputs are the pixels of a 2x2 square.
            up = np.zeros((n, 2 * height, 2 * width, channels // 4))
            for corner in range(4):
                group = x[
                    ..., corner * (channels // 4) : (corner + 1) * (channels // 4)
                ]
                up[:, corner // 2 :: 2, corner % 2 :: 2] = group
            height, width = self.sizes[self.num_stages - 1 - i]
            x = up[:, :height, :width]
        return x


def conv_networks(weights, image_shape, num_stages, num_blocks, kind, activation):
    """(encode, decode) of a ConvVAE."""
    layers = Layers(weights)
    stages = ConvStages(layers, image_shape, num_stages, num_blocks, kind, activation)

    def encode(x):
        x = stages.halve(x).reshape(len(x), -1)
        return layers.dense(
            "encoder/head", stages.act(layers.dense("encoder/hidden", x))
        )

    def decode(z):
        z = stages.act(layers.dense("decoder/hidden", z))
        x = layers.dense("decoder/project", z)
        return stages.double(x.reshape(len(z), *stages.sizes[-1], -1))

    return encode, decode


def grid_networks(weights, image_shape, num_stages, num_blocks, kind, activation):
    """(encode, decode) of a VQVAE: images to features of a grid, and back."""
    layers = Layers(weights)
    stages = ConvStages(layers, image_shape, num_stages, num_blocks, kind, activation)

    def encode(x):
        return layers.conv("encoder/head", stages.halve(x))

    def decode(features):
        return stages.double(layers.conv("decoder/stem", features))

    return encode, decode


def nearest_codes(features, codebook):
    """The index of the codebook's row closest to each feature vector."""
    return ((features[..., None, :] - codebook) ** 2).sum(-1).argmin(-1)


def elbo_of(encode, decode, log_prob, x, noise):
    """{"elbo", "log_likelihood", "kl"} (N,) with one draw an image."""
    mean, log_var = np.split(encode(x.astype(np.float64)), 2, axis=-1)
    z = mean + np.exp(0.5 * log_var) * noise
    log_likelihood = log_prob(x.astype(np.float64), decode(z))
    kl = gaussian_kl(mean, log_var)
    return {
        "elbo": log_likelihood - kl,
        "log_likelihood": log_likelihood,
        "kl": kl,
    }
