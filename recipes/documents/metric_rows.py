"""The figures of an evaluation in words: one list for the screen and for documents."""

from recipes.common.labels import given_labels
from recipes.common.latents import the_vector
from recipes.metrics.intervals import confidence_intervals

COLUMNS = ("figure", "value", "95 % interval")
# What stands beside a figure of samples: it means nothing alone.
BESIDE = {
    "real_images": "other real images",
    "noise": "white noise",
    "shuffled_pixels": "shuffled pixels",
}


def metric_rows(metrics, latents=(), given=False):
    """What to show of metrics, as texts for `COLUMNS`.

    Args:
        metrics: dict of `recipes.metrics.evaluation.evaluate_model`; what is not there
            is not shown.
        latents: `zoo.latents.LatentSpec` of the groups, as far as they are known.
        given: whether likelihoods are given the label, those of p(x|y).
    """
    vector = the_vector(latents)
    of_all = "" if vector is None else f" of {vector.size}"
    k = metrics.get("num_importance_samples") or 1
    of = "text" if "self_bleu" in metrics or "perplexity_per_word" in metrics else ""
    of = of or "image"
    rows = [
        ("images whose label is told wrong, %", "label_error_percent", "{:.2f}"),
        ("ELBO, 1 draw, nats", "elbo", "{:.2f}"),
        (f"NLL, importance-weighted, K = {k:,}, nats", "nll", "{:.2f}"),
        (f"effective draws of those K, a mean over {of}s", "nll_ess", "{:.1f}"),
        *_of_other_draws(metrics),
        *_BY_UNITS,
        *_without_label(metrics, k),
        ("ELBO, bits/dim", "elbo_bits_per_dim", "{:.3f}"),
        (
            "bits/dim of the ELBO, were the codes uniform",
            "elbo_uniform_codes_bits_per_dim",
            "{:.3f}",
        ),
        ("NLL, bits/dim", "nll_bits_per_dim", "{:.3f}"),
        ("reconstruction, -E log p(x given z), nats", "reconstruction", "{:.2f}"),
        ("KL, nats", "kl", "{:.2f}"),
        *(
            (f"KL of {spec.name}, nats", f"kl_{spec.name}", "{:.2f}")
            for spec in latents
        ),
        ("squared error of reconstructions, a pixel", "mse", "{:.5f}"),
        ("the same over the pixels' variance", "mse_over_variance", "{:.4f}"),
        ("the same over that of the mean image", "mse_over_mean_image", "{:.4f}"),
        ("PSNR of reconstructions, dB", "psnr", "{:.2f}"),
        (f"active units{of_all}", "active_units", "{:,}"),
        (
            f"mutual information of {of} and latents, nats",
            "mutual_information",
            "{:.2f}",
        ),
        (
            f"the most that the {of}s taken for it can show",
            "mutual_information_bound",
            "{:.2f}",
        ),
        ("codes in use", "codebook_usage", "{:.1%}"),
        ("perplexity of the codes", "perplexity", "{:.1f}"),
        ("entropy of the codes, nats a code", "code_entropy", "{:.3f}"),
        ("-log p(codes) of the prior, nats a code", "prior_nats_per_code", "{:.3f}"),
        *_of_samples(metrics),
        *_of_texts(metrics),
        ("MIG, of posterior means on the grid of factors", "mig", "{:.3f}"),
        (f"FactorVAE score, alike{_left_out(metrics)}", "factor_vae_score", "{:.3f}"),
        ("BetaVAE score, alike", "beta_vae_score", "{:.3f}"),
        ("DCI disentanglement, alike", "dci_disentanglement", "{:.3f}"),
        ("DCI completeness, alike", "dci_completeness", "{:.3f}"),
        ("DCI informativeness, alike", "dci_informativeness", "{:.3f}"),
        ("SAP, alike", "sap", "{:.3f}"),
    ]
    # Certain codes are the same in every draw: an NLL would repeat the ELBO.
    repeated = set()
    if metrics.get("exact_codes"):
        repeated = {"nll", "nll_bits_per_dim", "nll_ess", "nll_without_label"}
    intervals = confidence_intervals(metrics)
    gaps = {f"mig {name}": gap for name, gap in _gaps(metrics).items()}
    metrics = {**metrics, **gaps}
    place = 1 + [name for _, name, _ in rows].index("mig")
    rows[place:place] = [
        (f"MIG of {name.removeprefix('mig ')}", name, "{:.3f}") for name in gaps
    ]
    answer = []
    for what, name, form in rows:
        value = metrics.get(name)
        if isinstance(value, (int, float)) and name not in repeated:
            ends = (form.format(end) for end in intervals.get(name, ()))
            what = given_labels(what) if given else what
            answer.append((what, form.format(value), " to ".join(ends)))
    return answer


# Of texts, whose ends count as one each.
_BY_UNITS = (
    ("perplexity a word, the end counted as one", "perplexity_per_word", "{:.2f}"),
    ("perplexity a token, the end counted as one", "perplexity_per_token", "{:.2f}"),
    ("bits a character, the end counted as one", "bits_per_character", "{:.3f}"),
)


def _of_texts(metrics):
    """Rows of what samples of texts are like, and of what was not scored."""
    order, count = (metrics.get(f"self_bleu_{name}", 0) for name in ("order", "texts"))
    return (
        (
            f"self-BLEU, {order:.0f} words, of {count:,.0f} samples",
            "self_bleu",
            "{:.3f}",
        ),
        ("the same of real texts", "self_bleu_of_real_texts", "{:.3f}"),
        (
            "the same of these with their words shuffled",
            "self_bleu_of_shuffled_words",
            "{:.3f}",
        ),
        ("words that the vocabulary does not have", "unknown_words", "{:.2%}"),
        ("texts left out as too long", "texts_left_out", "{:,.0f}"),
    )


def notes(metrics):
    """Sentences on what rows do not say by themselves."""
    without = []
    if "nll_without_label" in metrics:
        without = [
            "Without the label: p(x) is the mean of p(x|y) over labels y, each "
            "estimated by importance sampling: bounds in expectation."
        ]
    return [*without, *metrics.get("sample_notes", ())]


def _gaps(metrics):
    return metrics.get("mig_per_factor") or {}


def _left_out(metrics):
    """Which latents the FactorVAE score does without."""
    least = metrics.get("factor_vae_min_std")
    return "" if least is None else f", but for latents of a deviation below {least:g}"


def _of_other_draws(metrics):
    """Rows of NLLs with the K of published ones."""
    each = [name.removeprefix("nll_k") for name in metrics if name.startswith("nll_k")]
    draws = sorted(int(k) for k in each if k.isdigit())
    return [(f"NLL, K = {k:,}, nats", f"nll_k{k}", "{:.2f}") for k in draws]


def _without_label(metrics, k):
    """Rows of log p(x) of a model of p(x|y)."""
    few = metrics.get("draws_of_other_labels") or 1
    return (
        (
            "ELBO without the label, 1 draw of each",
            "elbo_without_label",
            "{:.2f}",
        ),
        (
            f"NLL without the label, K = {k:,} of its own, {few:,} of others",
            "nll_without_label",
            "{:.2f}",
        ),
    )


def _of_samples(metrics):
    """Rows of what a classifier sees of samples, each beside its controls."""
    if "classifier_training_images" not in metrics:  # nothing of the kind was kept
        return ()
    backend = metrics.get("classifier_backend")
    where = f", on {backend}" if backend else ""
    rows = [
        (
            "real test images that a classifier gets right",
            "classifier_test_accuracy",
            "{:.2%}",
        )
    ]
    for what, name, form in (
        (
            "samples that show their label, by this classifier",
            "sample_label_accuracy",
            "{:.1%}",
        ),
        (f"FID of samples, in features of this classifier{where}", "fid", "{:.1f}"),
        ("samples among real images, by these features", "precision", "{:.1%}"),
        ("real images among samples", "recall", "{:.1%}"),
    ):
        beside = [f"{name}_of_{other}" for other in BESIDE]
        if all(other in metrics for other in beside):
            rows.append((what, name, form))
            for other, words in zip(beside, BESIDE.values(), strict=True):
                rows.append((f"the same of {words}", other, form))
    return rows
