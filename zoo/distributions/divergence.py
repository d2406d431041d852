"""KL divergences in closed form: a property of a pair, not of one distribution."""

from typing import Any, NamedTuple

from keras import ops

# What tells a density: who overrides one of them is another distribution.
DENSITY = frozenset({"log_prob", "log_prob_per_dim"})


class Rule(NamedTuple):
    """How the KL of a pair of classes is computed: see `kl_rule`."""

    posterior_class: type
    prior_class: type
    function: Any
    per_unit: bool


_RULES: list[Rule] = []


def kl_rule(posterior_class: type, prior_class: type, per_unit: bool = False):
    """Registers KL(q || p) in closed form for a pair of classes.

    It holds for subclasses, too, as long as they leave `log_prob` and
    `log_prob_per_dim` as they are: one that overrides them is another distribution.

    Args:
        posterior_class, prior_class: classes of q and p.
        per_unit: whether the function gives the KL of each latent, (..., N, *shape),
            whose sum is the KL; else it gives the KL itself, (..., N).

    Returns:
        A decorator of a function of (q, p), in nats.

    Example:

    >>> import zoo
    >>> class Shifted(zoo.distributions.Distribution):  # N(shift, I)
    ...     def __init__(self, shift):
    ...         self.shift = shift
    >>> @zoo.distributions.kl_rule(Shifted, zoo.priors.StandardNormal, per_unit=True)
    ... def kl_of_shifted(q, p):
    ...     return 0.5 * q.shift**2
    """

    def register(function):
        _RULES.append(Rule(posterior_class, prior_class, function, per_unit))
        return function

    return register


def find_rule(posterior_class, prior_class):
    """The `Rule` of two classes, or None: the last one registered that fits."""
    for rule in reversed(_RULES):
        if _is_still(posterior_class, rule.posterior_class) and _is_still(
            prior_class, rule.prior_class
        ):
            return rule
    return None


def _is_still(given, known):
    """Whether a class is another, or a subclass with the same density."""
    return issubclass(given, known) and all(
        getattr(given, name, None) is getattr(known, name, None) for name in DENSITY
    )


def kl_per_unit(posterior: Any, prior: Any) -> Any:
    """KL(q(z_d|x) || p(z_d)) of each latent in nats, (..., N, *shape), each >= 0.

    None where the KL of the pair has no closed form, or is no sum over latents.
    """
    rule = find_rule(type(posterior), type(prior))
    if rule is None or not rule.per_unit:
        return None
    return rule.function(posterior, prior)


def kl_divergence(posterior: Any, prior: Any) -> Any:
    """KL(q(z|x) || p(z)) in nats, (..., N); None where the pair has no closed form.

    Args:
        posterior: q, a `Distribution`.
        prior: p, a `Distribution` or a `zoo.priors.Prior`.

    Example:

    >>> from keras import ops
    >>> from zoo.distributions import DiagonalNormal, kl_divergence
    >>> q = DiagonalNormal(mean=ops.ones((1, 2)), log_var=ops.zeros((1, 2)))
    >>> p = DiagonalNormal(mean=ops.zeros((1, 2)), log_var=ops.zeros((1, 2)))
    >>> float(kl_divergence(q, p)[0])
    1.0
    """
    rule = find_rule(type(posterior), type(prior))
    if rule is None:
        return None
    kl = rule.function(posterior, prior)
    if rule.per_unit:
        kl = ops.sum(kl, axis=tuple(range(-posterior.event_ndim, 0)))
    return kl
