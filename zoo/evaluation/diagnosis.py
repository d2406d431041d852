"""Whether a model's latents have collapsed, in words."""

import numpy as np

# A latent that tells less than this of an image, in nats, is not used.
SILENT = 0.01
# One that tells less than this hardly is; a group of them that does is dead.
FAINT = 0.1
# Below this share of a codebook, or of the latents, the rest was for nothing.
FEW = 0.5


def diagnose_latents(
    kl_per_latent,
    total=None,
    *,
    active=None,
    error=None,
    information=None,
    noun="image",
):
    """What the KL of each latent, and figures beside it, say of posterior collapse.

    Lucas et al., "Don't Blame the ELBO! A Linear VAE Perspective on Posterior
    Collapse", 2019: a latent has collapsed where q(z_d|x) is the prior for every x.

    Args:
        kl_per_latent: nats, (latent_dim,), averaged over images: what
            `zoo.evaluation.latents.kl_per_latent` returns.
        total: KL of all latents together, in nats; None is their sum, as it is if the
            prior's dimensions are independent.
        active: `zoo.evaluation.latents.active_units`, or None. A latent whose KL is the
            same for all images is none: KL to the prior is not information.
        error: squared error of reconstructions over that of the mean image, or None.
        information: (estimate, bound) of `zoo.evaluation.information`, or None.
        noun: what the model is one of, "image" or "text".

    Returns:
        list of sentences.

    Example:

    >>> from zoo.evaluation.diagnosis import diagnose_latents
    >>> diagnose_latents([3.0, 2.0, 0.001])[0]
    'No collapse: 2 of 3 latents are in use, with 5.0 nats of KL an image.'
    """
    kl = np.asarray(kl_per_latent, np.float64)
    each, used = kl.sum(), int(np.sum(kl >= SILENT))
    total = each if total is None else total
    told = _information_told(information, noun)
    if not used:
        return [
            f"Posterior collapse: no latent tells anything of {_a(noun)} "
            f"({total:.3f} nats of KL in all), so that the decoder ignores them. Train "
            "with a KL warm-up, a smaller beta or free bits."
        ]
    if active == 0 if information is None else information[0] < SILENT:
        return [
            f"Posterior collapse: the {total:.1f} nats of KL are the same for every "
            f"{noun}, and tell nothing of any.",
            *told,
        ]
    if useless := worse_than_the_mean(error):
        busy = "" if active is None else f", {active} of {len(kl)} active units"
        cost = f"They cost {total:.1f} nats of KL {_a(noun)}{busy}."
        return [*useless, cost, *told]
    # Latents that differ from the prior, and alike for every image. Where none is
    # active and they tell something, it is a learned prior that is narrow.
    idle = used - min(used, active) if active else 0
    used -= idle
    unused = len(kl) - used
    sentences = [
        f"No collapse: {used} of {len(kl)} latents {_are(used)} in use, with "
        f"{total:.1f} nats of KL {_a(noun)}."
    ]
    if used < FEW * len(kl):
        sentences[0] = (
            f"Partial collapse: only {used} of {len(kl)} latents {_are(used)} in use, "
            f"with {total:.1f} nats of KL {_a(noun)}."
        )
    if idle:
        sentences.append(
            f"Of the other {unused}, {idle} {_are(idle)} the same for every {noun}, "
            "whatever the KL to the prior costs."
        )
    elif used < FEW * len(kl):
        sentences.append(
            f"The other {unused} follow the prior: fewer latents would do, or a KL "
            "warm-up, a smaller beta or free bits would bring more of them in."
        )
    elif unused:
        sentences.append(
            f"The other {unused} follow{'s' * (unused == 1)} the prior: superfluous, "
            "and costing nothing."
        )
    elif faint := int(np.sum(kl < FAINT)):
        sentences.append(
            f"The faintest {faint} tell{'s' * (faint == 1)} less than {FAINT} nats "
            "each: more latents would hardly help."
        )
    else:
        sentences.append("Every latent is used: more of them may help.")
    sentences += told
    half = 1 + int(np.searchsorted(np.cumsum(np.sort(kl)[::-1]), each / 2))
    sentences.append(f"The busiest {half} hold{'s' * (half == 1)} half of the nats.")
    return sentences


def diagnose_groups(kl_per_group, *, error=None):
    """What the KL of each group of latents says of levels that have died.

    Sønderby et al., "Ladder Variational Autoencoders", 2016, section 3.2: groups that
    are not used early in training are hard to bring back.

    Args:
        kl_per_group: {name: nats}, averaged over images, coarsest first.
        error: as for `diagnose_latents`.

    Returns:
        list of sentences.

    Example:

    >>> from zoo.evaluation.diagnosis import diagnose_groups
    >>> diagnose_groups({"z_7x7_1": 9.0, "z_14x14_1": 0.003})[0]
    'Partial collapse: 1 of 2 groups of latents is dead: z_14x14_1.'
    """
    each = ", ".join(f"{name} {nats:.1f}" for name, nats in kl_per_group.items())
    told = f"Nats of KL an image: {each}."
    if useless := worse_than_the_mean(error):
        return [*useless, told]
    dead = [name for name, nats in kl_per_group.items() if nats < FAINT]
    count, groups = len(kl_per_group), "groups of latents"
    if not dead:
        return [f"No collapse: all {count} {groups} are in use.", told]
    remedies = (
        "free bits of groups (ELBO with free_bits_of='group') or a KL warm-up from "
        "0.1 or less"
    )
    if len(dead) == count:
        return [
            f"Posterior collapse: none of {count} {groups} tells {FAINT} nats of an "
            f"image. Train with {remedies}.",
            told,
        ]
    return [
        f"Partial collapse: {len(dead)} of {count} {groups} {_are(len(dead))} dead: "
        f"{', '.join(dead)}.",
        f"Less than {FAINT} nats is nothing that fewer groups would not tell: leave "
        f"such out, or train with {remedies} to keep them alive.",
        told,
    ]


def worse_than_the_mean(error):
    """A list of one sentence where reconstructions are no better than the mean image.

    Args:
        error: their squared error over that of the mean image, or None.
    """
    if error is None or error < 1:
        return []
    return [
        "The latents are of no use: reconstructions are no better than the mean image "
        f"({error:.2f} times its squared error)."
    ]


def diagnose_codes(codebook_usage, perplexity, codebook_size, *, error=None):
    """What the statistics of codes say of the collapse of a codebook.

    Args:
        codebook_usage, perplexity: see `zoo.evaluation.codes.code_statistics`.
        codebook_size: number of codes.
        error: as for `diagnose_latents`.

    Returns:
        list of sentences.

    Example:

    >>> from zoo.evaluation.diagnosis import diagnose_codes
    >>> diagnose_codes(0.1, 20.0, 512)[0]
    'Codebook collapse: only 10.0% of the 512 codes are in use.'
    """
    figures = f"{codebook_usage:.1%} of the {codebook_size} codes are in use"
    if codebook_usage < FEW:
        return [
            f"Codebook collapse: only {figures}.",
            "Let codes expire, start the EMA with a smaller decay, or take fewer.",
        ]
    if useless := worse_than_the_mean(error):
        return [*useless, f"Yet {figures}."]
    return [
        f"No collapse: {figures}.",
        f"Their perplexity is that of {perplexity:.0f} equally frequent ones.",
    ]


def _information_told(information, noun):
    if information is None:
        return []
    estimate, bound = information
    return [
        f"Of which {noun} it is they tell about {estimate:.1f} nats, and so many "
        f"{noun}s can show {bound:.1f} at most."
    ]


def _a(noun):
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _are(count):
    return "is" if count == 1 else "are"
