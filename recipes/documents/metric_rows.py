"""The figures of an evaluation in words: one list for the screen and for documents."""

from recipes.common.labels import given_labels
from recipes.common.latents import the_vector
from recipes.metrics.intervals import confidence_intervals

COLUMNS = ("figure", "value", "95 % interval")


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
    rows = [
        ("ELBO, 1 draw, nats", "elbo", "{:.2f}"),
        (f"NLL, importance-weighted, K = {k:,}, nats", "nll", "{:.2f}"),
        ("effective draws of those K, a mean over images", "nll_ess", "{:.1f}"),
        ("ELBO, bits/dim", "elbo_bits_per_dim", "{:.3f}"),
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
            "mutual information of image and latents, nats",
            "mutual_information",
            "{:.2f}",
        ),
        (
            "the most that the images taken for it can show",
            "mutual_information_bound",
            "{:.2f}",
        ),
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
    repeated = (
        {"nll", "nll_bits_per_dim", "nll_ess"} if metrics.get("exact_codes") else set()
    )
    intervals = confidence_intervals(metrics)
    answer = []
    for what, name, form in rows:
        value = metrics.get(name)
        if isinstance(value, (int, float)) and name not in repeated:
            ends = (form.format(end) for end in intervals.get(name, ()))
            what = given_labels(what) if given else what
            answer.append((what, form.format(value), " to ".join(ends)))
    return answer
