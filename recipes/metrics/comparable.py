"""Whether the figures of two presets are about the same thing."""

import hashlib
import json

from recipes.common.events import are_texts, noun_of

# What figures of these likelihoods are logarithms of; others say their `num_levels`.
_OF = {
    "Gaussian": "a density of real pixels",
    "ContinuousBernoulli": "a density of pixels between 0 and 1",
    "Bernoulli": "a probability of binary pixels",
}


def what_is_scored(preset):
    """What the likelihoods of a preset are likelihoods of.

    Args:
        preset: a `recipes.common.presets.Preset`.

    Returns:
        dict of words: the shape of the images, the kind of likelihood, whether images
        are binarized; of texts, which are taken and in which tokens; and what it is
        conditioned on. Nats of presets whose words differ cannot be compared.
    """
    info = preset.info
    if are_texts(preset.config):
        return {
            "what a text is": f"up to {preset.config['max_length']} tokens",
            "the vocabulary": _vocabulary(preset.config.get("vocabulary")),
            "what is scored": _given(info),
        }
    return {
        "image_shape": "x".join(map(str, info["image_shape"])),
        "likelihood": _likelihood(preset.config.get("likelihood")),
        "binarized": str(bool(preset.entry("dataset").get("binarized"))),
        "what is scored": _given(info),
    }


def check_comparable(first, second):
    """Refuses presets whose figures are about different things.

    Args:
        first, second: `recipes.common.presets.Preset`.

    Raises:
        ValueError: says what is different.
    """
    kinds = noun_of(first.config), noun_of(second.config)
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"{first.name} and {second.name} cannot be compared: the one is a model of "
            f"{kinds[0]}, the other of {kinds[1]}."
        )
    each, other = what_is_scored(first), what_is_scored(second)
    for what, words in each.items():
        if words != other[what]:
            raise ValueError(
                f"{first.name} and {second.name} cannot be compared: {what} is {words} "
                f"of the one, {other[what]} of the other."
            )


def _vocabulary(config):
    if config is None:
        return "not known"
    listed = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    return (
        f"one of {len(config['tokens']):,} tokens of the kind {config['kind']!r} "
        f"(SHA-256 {listed[:8]})"
    )


def _likelihood(config):
    if not isinstance(config, dict):
        return str(config or "not known")
    name = config.get("class_name")
    levels = config.get("config", {}).get("num_levels")
    if levels is not None:
        return f"a probability of {levels} levels"
    return _OF.get(name, f"that of {name}")


def _given(info):
    if info["num_classes"] is not None:
        return f"p(x|y) with {info['num_classes']} classes y"
    if info["num_attributes"] is not None:
        return f"p(x|y) with {info['num_attributes']} attributes y"
    return "p(x)"
