"""How much of a model's latents is used, in figures and in words."""

from recipes.common.latents import the_codes, the_vector
from zoo.evaluation.codes import code_statistics
from zoo.evaluation.diagnosis import (
    diagnose_codes,
    diagnose_groups,
    diagnose_latents,
)
from zoo.evaluation.information import mutual_information
from zoo.evaluation.latents import active_units, kl_per_latent

# Of so many draws, fewer than so many that count are too few for an estimate.
ENOUGH_DRAWS, LEAST_ESS = 50, 2


def use_of_latents(model, test, labels, metrics):
    """Figures of a model's latents or codes on test images, and what they say.

    Args:
        model: a model of the zoo.
        test, labels: as in `recipes.metrics.evaluation.evaluate_model`, binarized.
        metrics: "mse_over_mean_image" of images, "kl" and, of several groups of
            latents, "kl_<group>", as `evaluate_model` returns them.

    Returns:
        dict of figures, and "diagnosis", a list of sentences.
    """
    if the_codes(model.latents):
        return _codes(model, test, labels, metrics["mse_over_mean_image"])
    if the_vector(model.latents):
        kl = kl_per_latent(model, test, labels)
        figures = {
            "active_units": active_units(model, test, labels),
            "kl_per_latent": [round(float(value), 4) for value in kl],
        }
        information = mutual_information(model, test, labels)
        if information is not None:
            figures["mutual_information"], figures["mutual_information_bound"] = (
                information
            )
        figures["diagnosis"] = diagnose_latents(
            kl,
            metrics["kl"],
            active=figures["active_units"],
            error=metrics.get("mse_over_mean_image"),
            information=information,
            noun=model.event.noun.removesuffix("s"),
        )
        return figures
    kl = {spec.name: metrics[f"kl_{spec.name}"] for spec in model.latents}
    return {"diagnosis": diagnose_groups(kl, error=metrics["mse_over_mean_image"])}


def _codes(model, test, labels, error):
    statistics = code_statistics(model, test, labels)
    diagnosis = diagnose_codes(
        statistics["codebook_usage"],
        statistics["perplexity"],
        model.latents[0].codebook_size,
        error=error,
    )
    return {**statistics, "diagnosis": diagnosis}


def convergence(ess, k):
    """A list of one sentence where an importance-weighted likelihood says little."""
    if k < ENOUGH_DRAWS or ess >= LEAST_ESS:
        return []
    return [
        f"The NLL has not converged: of {k:,} draws {ess:.1f} count, so that it is an "
        "upper bound that more draws would lower."
    ]
