"""A HierarchicalVAE in NumPy float64, written from its docstrings.

Nothing here imports the zoo: agreement with it is agreement of two implementations.
"""

import numpy as np
from numpy_reference import ACTIVATIONS, Layers, gaussian_kl, sigmoid


def ladder_elbo(weights, x, noise, log_prob, levels, options):
    """{"elbo", "log_likelihood", "kl", "kl_<group>"} (N,) with one draw an image.

    Args:
        weights: {path: weights}.
        x: images (N, H, W, C).
        noise: (N, latents of all groups), in the groups' order.
        log_prob: of images and parameters.
        levels: (divisor, groups, channels) of each, coarsest first.
        options: dict of `blocks`, `gated`, `activation`, `labels` (N, classes) or None.
    """
    ladder = _Ladder(Layers(weights), levels, **options)
    features = ladder.up(x.astype(np.float64))
    parameters, kls = ladder.down(features, noise, len(x))
    log_likelihood = log_prob(x, parameters[:, : x.shape[1], : x.shape[2]])
    kl = sum(kls.values())
    terms = {"elbo": log_likelihood - kl, "log_likelihood": log_likelihood, "kl": kl}
    return terms | {f"kl_{name}": value for name, value in kls.items()}


class _Ladder:
    def __init__(self, layers, levels, blocks, gated, activation, labels):
        self.layers, self.levels, self.blocks = layers, levels, blocks
        self.gated, self.act, self.labels = gated, ACTIVATIONS[activation], labels

    def _cell(self, name, x, image=None):
        h = self.layers.conv(f"{name}/reduce", self.act(x))
        if image is not None:
            h = h + self.layers.conv(f"{name}/reduce_image", self.act(image))
        h = self.layers.conv(f"{name}/mix", self.act(h))
        return self.layers.conv(f"{name}/expand", self.act(h))

    def _block(self, name, x):
        update = self._cell(name, x)
        if self.gated:
            value, gate = np.split(update, 2, axis=-1)
            update = value * sigmoid(gate)
        return x + update

    def up(self, x):
        """Features of each level, coarsest first."""
        whole = self.levels[0][0]
        pad = [(0, -n % whole) for n in x.shape[1:3]]
        x = _to_depth(np.pad(x, [(0, 0), *pad, (0, 0)]), self.levels[-1][0])
        x, features = self.layers.conv("encoder/stem", x), []
        for i, (divisor, _, _) in enumerate(reversed(self.levels)):
            for j in range(self.blocks):
                x = self._block(f"encoder/level_{i}_block_{j}", x)
            features.insert(0, x)
            if i + 1 < len(self.levels):
                factor = self.levels[-2 - i][0] // divisor
                x = self.layers.conv(f"encoder/down_{i}", x, stride=factor)
        return features

    def down(self, features, noise, count):
        """(parameters of the padded image, {group: KL (N,)})."""
        start = self.layers.weights["decoder/start"]
        state = np.broadcast_to(start, (count, *start.shape))
        if self.labels is not None:
            told = self.layers.dense("decoder/label", self.labels)
            state = state + told[:, None, None]
        kls, done = {}, 0
        for i, (divisor, groups, channels) in enumerate(self.levels):
            if i:
                factor = self.levels[i - 1][0] // divisor
                state = self.layers.conv(f"decoder/up_{i - 1}", self.act(state))
                state = _from_depth(state, factor)
            height, width = state.shape[1:3]
            for j in range(groups):
                name = f"decoder/level_{i}_group_{j}"
                size = height * width * channels
                eps = noise[:, done : done + size].reshape(-1, height, width, channels)
                state, kl = self._group(name, state, features[i], eps, channels)
                kls[f"z_{height}x{width}_{j + 1}"], done = kl, done + size
        state = self.act(self._block("decoder/last", state))
        state = self.layers.conv("decoder/head", state)
        return _from_depth(state, self.levels[-1][0]), kls

    def _group(self, name, state, image, eps, channels):
        """Told with units, as the paper does: p(z|above) and q(z|above, x)."""
        p = self._cell(f"{name}/prior", state)
        p_mean, p_log_var, update = np.split(p, [channels, 2 * channels], axis=-1)
        p_log_var = _squeezed(p_log_var)
        q = self._cell(f"{name}/posterior", state, image)
        q_mean = p_mean + q[..., :channels]
        q_log_var = p_log_var + _squeezed(q[..., channels:])
        z = q_mean + np.exp(0.5 * q_log_var) * eps
        state = state + update + self.layers.conv(f"{name}/project", z)
        moved = (q_mean - p_mean) / np.exp(0.5 * p_log_var)
        ratio = q_log_var - p_log_var
        kl = gaussian_kl(moved.reshape(len(z), -1), ratio.reshape(len(z), -1))
        return self._block(f"{name}/block", state), kl


def _squeezed(log_var):
    return 10 * np.tanh(log_var / 10)


def _to_depth(x, factor):
    """Pixels of a square, row by row, one after another."""
    parts = [x[:, i::factor, j::factor] for i in range(factor) for j in range(factor)]
    return np.concatenate(parts, axis=-1)


def _from_depth(x, factor):
    n, height, width, channels = x.shape
    size = channels // factor**2
    out = np.zeros((n, height * factor, width * factor, size))
    for i in range(factor):
        for j in range(factor):
            at = (i * factor + j) * size
            out[:, i::factor, j::factor] = x[..., at : at + size]
    return out
