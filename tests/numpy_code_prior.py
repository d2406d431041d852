"""The transformer over codes in NumPy float64, without a cache: what files must draw.

Nothing here imports the zoo or the exporter: agreement is of two implementations.
"""

import numpy as np


class NumpyCodePrior:
    """p(code|codes before it, label), from a prior's weights alone.

    Args:
        weights: {path below the prior: array}.
        codebook_size, num_heads: of the prior.
        depth: codes at each position.
    """

    def __init__(self, weights, codebook_size, num_heads, depth=1):
        self.weights = {k: np.asarray(v, np.float64) for k, v in weights.items()}
        self.codebook_size, self.num_heads = codebook_size, num_heads
        self.depth = depth
        self.num_layers = sum("attend_norm/gamma" in name for name in weights)

    @classmethod
    def of(cls, prior):
        """The twin of a `zoo.CodePrior`."""
        names = [w.path.split(f"{prior.name}/", 1)[1] for w in prior.weights]
        values = prior.get_weights()
        return cls(
            dict(zip(names, values, strict=True)),
            prior.codebook_size,
            prior.transformer.num_heads,
            prior.depth,
        )

    def _dense(self, name, x):
        return x @ self.weights[f"{name}/kernel"] + self.weights[f"{name}/bias"]

    def _norm(self, name, x):
        centered = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-5)
        gamma, beta = self.weights[f"{name}/gamma"], self.weights[f"{name}/beta"]
        return gamma * centered / scale + beta

    def _block(self, name, x):
        """(T, width) to the same."""
        length, width = x.shape
        qkv = self._dense(f"{name}/qkv", self._norm(f"{name}/attend_norm", x))
        query, key, value = np.split(qkv, 3, axis=-1)
        attended = np.zeros_like(x)
        size = width // self.num_heads
        for head in range(self.num_heads):
            part = slice(head * size, (head + 1) * size)
            scores = query[:, part] @ key[:, part].T / np.sqrt(size)
            scores[np.triu_indices(length, 1)] = -np.inf
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            weights = scores / scores.sum(-1, keepdims=True)
            attended[:, part] = weights @ value[:, part]
        x = x + self._dense(f"{name}/mix", attended)
        h = self._dense(f"{name}/up", self._norm(f"{name}/think_norm", x))
        inner = np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)
        return x + self._dense(f"{name}/down", 0.5 * h * (1 + np.tanh(inner)))

    def logits(self, codes, label=None):
        """Logits (n + 1, K) of n codes of an image and of the next, n < T."""
        x = [self.weights["start"][label or 0]]
        for i, code in enumerate(codes):
            x.append(
                self.weights["tokens"][code + self.codebook_size * (i % self.depth)]
            )
        x = np.array(x) + self.weights["places"][: len(x)]
        for layer in range(self.num_layers):
            x = self._block(f"transformer/block_{layer}", x)
        return self._dense("head", self._norm("norm", x))

    def draw(self, uniforms, temperature=1.0, labels=None):
        """Codes int32 (N, T) of uniforms (N, T), each by a forward pass of its own."""
        labels = [None] * len(uniforms) if labels is None else labels
        drawn = []
        for row, label in zip(uniforms, labels, strict=True):
            codes = []
            for u in row:
                logits = self.logits(codes, label)[-1] / max(temperature, 1e-6)
                p = np.exp(logits - logits.max())
                codes.append(int((np.cumsum(p / p.sum())[:-1] <= u).sum()))
            drawn.append(codes)
        return np.array(drawn, np.int32).reshape(len(uniforms), -1)
