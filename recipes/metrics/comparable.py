"""Whether the figures of two presets are about the same thing."""

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
        are binarized, and what it is conditioned on. Nats of presets whose words differ
        cannot be compared.
    """
    info = preset.info
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
    each, other = what_is_scored(first), what_is_scored(second)
    for what, words in each.items():
        if words != other[what]:
            raise ValueError(
                f"{first.name} and {second.name} cannot be compared: {what} is {words} "
                f"of the one, {other[what]} of the other."
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
