"""The figures of an evaluation in words: one list for the screen and for documents."""

# 95 % of a normal distribution lie within so many standard deviations of its mean.
DEVIATIONS = 1.96
COLUMNS = ("figure", "value", "95 % interval")


def confidence_intervals(metrics):
    """Where 95 % of repetitions on other test images would lie, roughly.

    Args:
        metrics: dict that has "<name>_standard_error" beside some figures.

    Returns:
        dict: name to [low, high], by the normal approximation.
    """
    ending = "_standard_error"
    return {
        name: [metrics[name] - DEVIATIONS * error, metrics[name] + DEVIATIONS * error]
        for name, error in (
            (key.removesuffix(ending), value)
            for key, value in metrics.items()
            if key.endswith(ending)
        )
    }


def figure_rows(metrics, latent_dim=None):
    """What to show of metrics, as texts for `COLUMNS`.

    Args:
        metrics: dict of `recipes.metrics.evaluation.evaluate_model`; what is not there
            is not shown.
        latent_dim: how many units could be active, if that is known.
    """
    of_all = "" if latent_dim is None else f" of {latent_dim}"
    k = metrics.get("num_importance_samples") or 1
    rows = [
        ("ELBO, 1 draw, nats", "elbo", "{:.2f}"),
        (f"NLL, importance-weighted, K = {k:,}, nats", "nll", "{:.2f}"),
        ("ELBO, bits/dim", "elbo_bits_per_dim", "{:.3f}"),
        ("NLL, bits/dim", "nll_bits_per_dim", "{:.3f}"),
        ("reconstruction, -E log p(x given z), nats", "reconstruction", "{:.2f}"),
        ("KL, nats", "kl", "{:.2f}"),
        ("squared error of reconstructions, a pixel", "mse", "{:.5f}"),
        ("the same over the pixels' variance", "mse_over_variance", "{:.4f}"),
        ("PSNR of reconstructions, dB", "psnr", "{:.2f}"),
        (f"active units{of_all}", "active_units", "{:,}"),
        ("codes in use", "codebook_usage", "{:.1%}"),
        ("perplexity of the codes", "perplexity", "{:.1f}"),
        ("entropy of the codes, nats a code", "code_entropy", "{:.3f}"),
        ("-log p(codes) of the prior, nats a code", "prior_nats_per_code", "{:.3f}"),
        (
            f"samples that show their label, {metrics.get('samples_per_class')} a "
            "class, by a classifier",
            "sample_label_accuracy",
            "{:.1%}",
        ),
        ("FID of samples, in features of a classifier trained here", "fid", "{:.1f}"),
        ("the same of training images", "fid_of_training_images", "{:.1f}"),
        ("samples among real images, by these features", "precision", "{:.1%}"),
        ("real images among samples", "recall", "{:.1%}"),
        (
            "real test images that this classifier gets right",
            "classifier_test_accuracy",
            "{:.2%}",
        ),
        ("MIG, of posterior means on the grid of factors", "mig", "{:.3f}"),
        ("FactorVAE score, alike", "factor_vae_score", "{:.3f}"),
        ("BetaVAE score, alike", "beta_vae_score", "{:.3f}"),
        ("DCI disentanglement, alike", "dci_disentanglement", "{:.3f}"),
        ("DCI completeness, alike", "dci_completeness", "{:.3f}"),
        ("DCI informativeness, alike", "dci_informativeness", "{:.3f}"),
        ("SAP, alike", "sap", "{:.3f}"),
    ]
    # Certain codes are the same in every draw: an NLL would repeat the ELBO.
    repeated = {"nll", "nll_bits_per_dim"} if metrics.get("exact_codes") else set()
    intervals = confidence_intervals(metrics)
    answer = []
    for what, name, form in rows:
        value = metrics.get(name)
        if isinstance(value, (int, float)) and name not in repeated:
            ends = (form.format(end) for end in intervals.get(name, ()))
            answer.append((what, form.format(value), " to ".join(ends)))
    return answer


def latents_text(info):
    """What the latents of a model are, in few words.

    Args:
        info: its preset's metadata and config.
    """
    if info.get("codebook_size") is None:
        return str(info["latent_dim"])
    shape = "x".join(map(str, info.get("code_shape", [])))
    return f"{shape} codes of {info['codebook_size']}".strip()


def markdown_table(columns, rows):
    """A Markdown table as a list of lines."""
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
