"""What the hub reads at the top of a preset's card."""

import json

CARD = "README.md"
_BEGIN = "---\n# Written by vae-zoo for the hub.\n"
_END = "<!-- End of what vae-zoo wrote for the hub. -->\n\n"
# The hub's names of data sets that presets are trained on.
DATASETS = {
    "cifar10": "uoft-cs/cifar10",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "mnist": "ylecun/mnist",
}
# Metrics of a preset, and what they are called beside others.
FIGURES = {
    "nll": "NLL, nats",
    "elbo": "ELBO, nats",
    "nll_bits_per_dim": "NLL, bits/dim",
    "elbo_bits_per_dim": "ELBO, bits/dim",
}


def with_front_matter(card: bytes, metadata, address: str, license=None) -> bytes:
    """A card with what the hub reads, and how to load the preset from there.

    Args:
        card: Markdown, b"" for none.
        metadata: of the preset.
        address: such as "hf://user/name".
        license: of the weights, or None.
    """
    card = without_front_matter(card)
    if card.startswith(b"---\n"):  # somebody's own
        return card
    name = metadata["preset"]
    # JSON is YAML, and quotes what others may have called a thing.
    facts = {
        "library_name": "vae-zoo",
        "tags": ["vae", "variational-autoencoder", "keras", metadata["model"]],
        "pipeline_tag": "unconditional-image-generation",
        **({"license": license} if license else {}),
        **_figures(name, metadata),
    }
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in facts.items())
    load = (
        "```python\n"
        "import zoo  # pip install vae-zoo[hub,tensorflow], or jax, or torch\n\n"
        f"model = zoo.from_preset({json.dumps(address)})\n"
        "```\n\n"
    )
    title = "" if card else f"# {name}\n\n{metadata.get('summary', '')}\n\n"
    return f"{_BEGIN}{lines}---\n\n{title}{load}{_END}".encode() + card


def without_front_matter(card: bytes) -> bytes:
    """A card as it was before `with_front_matter`, byte for byte."""
    if not card.startswith(_BEGIN.encode()):
        return card
    return card.partition(_END.encode())[2]


def _figures(name, metadata):
    """What the hub shows of a preset's data and figures."""
    dataset = (metadata.get("dataset") or {}).get("name")
    if not dataset:
        return {}
    known = DATASETS.get(dataset)
    metrics = metadata.get("metrics") or {}
    figures = [
        {"type": key, "name": title, "value": metrics[key]}
        for key, title in FIGURES.items()
        if isinstance(metrics.get(key), int | float)
    ]
    result = {
        "task": {"type": "unconditional-image-generation"},
        "dataset": {"name": dataset, "type": known or dataset, "split": "test"},
        "metrics": figures,
    }
    return {
        **({"datasets": [known]} if known else {}),
        **({"model-index": [{"name": name, "results": [result]}]} if figures else {}),
    }
