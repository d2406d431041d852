"""What a preset or an exported model is one of: images or texts."""


def are_texts(facts):
    """Whether a model is one of texts.

    Args:
        facts: `zoo.preset_info` of a preset, arguments of a model's constructor, or the
            metadata of an `export.Sampler`.
    """
    return bool(facts.get("texts")) or facts.get("max_length") is not None


def noun_of(facts):
    """What sentences call several of them: "images" or "texts"."""
    return "texts" if are_texts(facts) else "images"


def check_images(preset, command):
    """Refuses a preset of texts.

    Args:
        preset: `recipes.common.presets.Preset`.
        command: what was asked for, such as "compress".

    Raises:
        ValueError: saying that the command is for images.
    """
    if are_texts(preset.info):
        raise ValueError(
            f"vae-zoo {command} is for images; {preset.name!r} is a model of texts."
        )


def check_texts(preset, command, instead):
    """Refuses a preset of images: as `check_images`.

    Args:
        instead: what there is for images, in words.
    """
    if not are_texts(preset.info):
        raise ValueError(
            f"vae-zoo {command} is for texts; {preset.name!r} is a model of images: "
            f"{instead}."
        )
