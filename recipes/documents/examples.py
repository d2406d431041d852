"""What a model of texts writes: samples, reconstructions, texts between two others."""

import numpy as np

from zoo.vocabulary import END

# How many of each, and texts between two with both ends.
SAMPLES, RECONSTRUCTIONS, PATHS, STEPS = 10, 8, 4, 6
# Of tables of texts.
HEADINGS = {
    "samples": ("samples",),
    "reconstructions": ("text", "reconstruction"),
    "interpolations": ("from one text to another",),
}


def text_examples(model, tokens, labels=None, seed=0):
    """Texts that a model writes: none of them is selected.

    Args:
        model: of texts, with a vocabulary.
        tokens: test texts (N, T), of which some are taken at random.
        labels: (N,), for models that take them.
        seed: fixes which, and the samples.

    Returns:
        dict of JSON values: "samples", texts; "reconstructions", pairs of a text and
        what is most probable at its posterior mean; "interpolations", lists of texts
        from one to another.
    """
    from zoo.applications import interpolate

    chosen = np.random.default_rng(seed).permutation(len(tokens))
    shown = np.sort(chosen[:RECONSTRUCTIONS])
    given = None if labels is None else labels[shown]
    found = {
        "reconstructions": [
            list(pair)
            for pair in zip(
                model.to_texts(tokens[shown]),
                model.to_texts(model.reconstruct(tokens[shown], given)),
                strict=True,
            )
        ]
    }
    if model.can_sample:
        count = getattr(model, "num_classes", None)
        drawn = np.arange(SAMPLES) % count if count else None
        if drawn is None and model.label_dim:  # attributes: those of texts
            drawn = labels[np.resize(chosen, SAMPLES)]
        texts = model.to_texts(model.sample(SAMPLES, drawn, seed=seed))
        found = {"samples": texts, **found}
    if len(tokens) > 1:
        ends = chosen[: 2 * min(PATHS, len(tokens) // 2)].reshape(2, -1)
        between = interpolate(
            model,
            tokens[ends[0]],
            tokens[ends[1]],
            STEPS,
            labels=None if labels is None else labels[ends[0]],
        )
        found["interpolations"] = model.to_texts(between)
    return found


def example_rows(examples):
    """Tables of what `text_examples` gave: (name, headings, rows)."""
    for name, headings in HEADINGS.items():
        if examples.get(name):
            rows = examples[name]
            if name == "samples":
                rows = [[text] for text in rows]
            if name == "interpolations":  # a path below another, with a line between
                rows = [[text] for path in rows for text in [*path, ""]][:-1]
            yield name, headings, rows


def surprises(model, tokens, labels=None):
    """-log p of each token, given those before it and the posterior mean.

    Args:
        model, tokens, labels: as for `text_examples`.

    Returns:
        float array (N, T), in nats: 0 behind the ends.
    """

    def surprise(x, labels=None):
        mean = model.make_posterior(model.encode_parameters(x, labels)).mean
        logits = model.logits(x, mean[None], labels)
        return -model.likelihood.log_prob_per_dim(x, logits)[0]

    labels = model.known_labels(tokens, labels, prior=False)
    return model.inference.batched("surprise", surprise, tokens, labels)


def pieces_of(vocabulary, row, nats):
    """A text in pieces that can be read, each with the nats of its tokens.

    Bytes that are no character by themselves go with those after them.

    Args:
        vocabulary: `zoo.vocabulary.Vocabulary`.
        row: tokens (T,).
        nats: of each, (T,).

    Returns:
        list of (text, nats); the end has the text "".
    """
    pieces, tokens, total = [], [], 0.0
    for token, value in zip(row.tolist(), nats.tolist(), strict=True):
        if token == END:
            pieces.append(("", value))
            break
        tokens.append(token)
        total += value
        text = vocabulary.text_of(tokens)
        if not text.endswith("\N{REPLACEMENT CHARACTER}"):
            if vocabulary.kind == "words" and pieces:
                text = f" {text}"
            pieces.append((text, total))
            tokens, total = [], 0.0
    if tokens:
        pieces.append((vocabulary.text_of(tokens), total))
    return pieces
