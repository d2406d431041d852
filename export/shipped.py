"""Whether an exported file is of a shipped preset, as far as its words go."""

_FACTS = ("model", "image_shape", "num_classes", "num_attributes")
_LATENTS = ("latent_dim", "codebook_size", "code_shape")


def shipped_preset(metadata):
    """The name of the shipped preset that a file says it was made of, or None.

    Anybody may write a name into a file: one whose preset has other images, latents or
    labels than the file counts for nothing. What remains is what the file says.

    Args:
        metadata: of an `export.Sampler`.
    """
    from zoo.presets import list_presets, preset_info

    name = metadata.get("preset")
    if name not in list_presets():
        return None
    info = preset_info(name)
    same = all(metadata.get(fact) == info.get(fact) for fact in _FACTS)
    if metadata.get("latents") is not None:
        return name if same and metadata["latents"] == info["latents"] else None
    same = same and all(metadata.get(fact) == info.get(fact) for fact in _LATENTS)
    return name if same else None
