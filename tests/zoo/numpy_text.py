"""Models of texts in NumPy float64, written from their papers, Keras' documentation of
its recurrent layers and the docstrings of the zoo.

Nothing here imports the zoo: agreement with it is agreement of two implementations.
"""

import numpy as np
from numpy_reference import sigmoid


class NumpyText:
    """Encoder and decoder of a model, from its weights alone.

    Args:
        weights: {path without the model's name: array}.
        kind: "gru", "lstm" or "transformer".
        vocabulary_size, num_layers, num_heads: of the model.
    """

    def __init__(self, weights, kind, vocabulary_size, num_layers=1, num_heads=1):
        self.weights = {k: np.asarray(v, np.float64) for k, v in weights.items()}
        self.kind, self.vocabulary_size = kind, vocabulary_size
        self.num_layers, self.num_heads = num_layers, num_heads

    def dense(self, name, x):
        return x @ self.weights[f"{name}/kernel"] + self.weights[f"{name}/bias"]

    def norm(self, name, x):
        centered = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-5)
        gamma, beta = self.weights[f"{name}/gamma"], self.weights[f"{name}/beta"]
        return gamma * centered / scale + beta

    def cell(self, name, x, state):
        """One step of a recurrent layer: its output and new state."""
        path = f"{name}/{self.kind}_cell"
        kernel, recurrent, bias = (
            self.weights[f"{path}/{part}"]
            for part in ("kernel", "recurrent_kernel", "bias")
        )
        if self.kind == "lstm":
            h, c = state
            i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            return h, (h, c)
        (h,) = state
        of_x, of_h = x @ kernel + bias[0], h @ recurrent + bias[1]
        update, reset = (
            sigmoid(a + b)
            for a, b in zip(np.split(of_x, 3)[:2], np.split(of_h, 3)[:2], strict=True)
        )
        proposed = np.tanh(np.split(of_x, 3)[2] + reset * np.split(of_h, 3)[2])
        h = update * h + (1 - update) * proposed
        return h, (h,)

    def run(self, name, rows, state):
        """All outputs of a recurrent layer over rows (T, features)."""
        outputs = []
        for x in rows:
            output, state = self.cell(name, x, state)
            outputs.append(output)
        return np.array(outputs).reshape(len(rows), self.units(name))

    def attend(self, part, x, causal):
        for layer in range(self.num_layers):
            x = self.block(f"{part}/transformer/block_{layer}", x, causal)
        return self.norm(f"{part}/norm", x)

    def block(self, name, x, causal):
        length, width = x.shape
        qkv = self.dense(f"{name}/qkv", self.norm(f"{name}/attend_norm", x))
        query, key, value = np.split(qkv, 3, axis=-1)
        attended, size = np.zeros_like(x), width // self.num_heads
        for head in range(self.num_heads):
            part = slice(head * size, (head + 1) * size)
            scores = query[:, part] @ key[:, part].T / np.sqrt(size)
            if causal:
                scores[np.triu_indices(length, 1)] = -np.inf
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            attended[:, part] = scores / scores.sum(-1, keepdims=True) @ value[:, part]
        x = x + self.dense(f"{name}/mix", attended)
        h = self.dense(f"{name}/up", self.norm(f"{name}/think_norm", x))
        inner = np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)
        return x + self.dense(f"{name}/down", 0.5 * h * (1 + np.tanh(inner)))

    def encode(self, tokens, label=()):
        """(mean, log_var) of a text, a list of its tokens."""
        x = self.weights["encoder/embedding"][tokens]
        if self.kind == "transformer":
            x = self.dense("encoder/widen", x)
            x = x + self.weights["encoder/places"][: len(tokens)]
            features = np.zeros(x.shape[1])
            if len(tokens):
                features = self.attend("encoder", x, causal=False).mean(axis=0)
        else:
            for i in range(self.num_layers):
                both = []
                for name, step in (("forwards", 1), ("backwards", -1)):
                    path = f"encoder/{name}_{i}"
                    out = self.run(path, x[::step], self.zeros(path))
                    both.append(out[::step])
                x = np.concatenate(both, axis=-1)
            units = x.shape[-1] // 2
            features = np.zeros(2 * units)
            if len(tokens):
                features = np.concatenate([x[-1, :units], x[0, units:]])
        described = self.dense("encoder/describe", np.concatenate([features, label]))
        return np.split(described, 2)

    def units(self, path):
        return self.weights[f"{path}/{self.kind}_cell/recurrent_kernel"].shape[0]

    def zeros(self, path):
        return [np.zeros(self.units(path))] * (2 if self.kind == "lstm" else 1)

    def logits(self, tokens, z, label=()):
        """Logits (len + 1, V) of each of a text's tokens, and of what follows them."""
        context = np.concatenate([z, label])
        before = [self.vocabulary_size, *tokens]
        x = self.weights["decoder/embedding"][before]
        within, beyond = np.split(self.dense("decoder/inform", context), 2)
        x = x + within
        if self.kind == "transformer":
            x = self.dense("decoder/widen", x)
            x = x + self.weights["decoder/places"][: len(before)]
            x = self.attend("decoder", x, causal=True)
        else:
            states = np.tanh(self.dense("decoder/begin_with", context))
            of_each = 2 if self.kind == "lstm" else 1
            states = np.split(states, self.num_layers * of_each)
            for i in range(self.num_layers):
                state = states[i * of_each : (i + 1) * of_each]
                x = self.run(f"decoder/layer_{i}", x, state)
        vectors = self.weights["decoder/embedding"][: self.vocabulary_size]
        features = self.dense("decoder/narrow", x) + beyond
        return features @ vectors.T + self.weights["decoder/bias"]

    def log_prob(self, tokens, z, max_length, label=()):
        """log p of a text, a list of tokens without an end."""
        told = [*tokens, 0][:max_length]
        logits = self.logits(tokens[: max_length - 1], z, label)[: len(told)]
        logits = logits - logits.max(-1, keepdims=True)
        log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        return sum(row[token] for row, token in zip(log_probs, told, strict=True))
