"""What the latents of a preset or of an exported model are."""

import itertools

from zoo.latents import LatentSpec


def latents_of(facts):
    """The groups of latents, as `model.latents` gives them.

    Args:
        facts: `zoo.preset_info` of a preset, or the metadata of an `export.Sampler`.

    Returns:
        tuple of `zoo.latents.LatentSpec`; empty where they are not known.
    """
    if facts.get("latents"):
        return tuple(
            LatentSpec(spec["name"], tuple(spec["shape"]), spec.get("codebook_size"))
            for spec in facts["latents"]
        )
    if facts.get("codebook_size") is not None:
        shape = tuple(facts.get("code_shape") or ())
        return (LatentSpec("codes", shape, facts["codebook_size"]),)
    if facts.get("latent_dim") is not None:
        return (LatentSpec("z", (facts["latent_dim"],)),)
    return ()


def the_codes(latents):
    """The group of a model whose latents are codes, all of them; else None."""
    return latents[0] if len(latents) == 1 and latents[0].is_codes else None


def the_vector(latents):
    """The group of a model whose latents are one vector; else None."""
    one = len(latents) == 1 and not latents[0].is_codes and len(latents[0].shape) == 1
    return latents[0] if one else None


def in_words(latents):
    """What they are, such as "40", "7x7 codes of 128" or "32 + 3 groups of 4x4x8"."""
    words = []
    for spec in latents:
        shape = "x".join(map(str, spec.shape))
        codes = f"codes of {spec.codebook_size}" if spec.is_codes else ""
        words.append(f"{shape} {codes}".strip())
    runs = ((text, len(list(run))) for text, run in itertools.groupby(words))
    return " + ".join(f"{n} groups of {t}" if n > 1 else t for t, n in runs) or "-"
