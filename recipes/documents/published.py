"""Published figures as rows of a table: each with its protocol, and ours by it."""

from recipes.common.published import TRAINING, published_of

COLUMNS = ("published", "its protocol", "figure", "ours")

# What the metrics of `recipes.metrics.evaluation` are called, and their formats.
_METRICS = {
    "nll": ("NLL", "{:.2f}"),
    "nll_without_label": ("NLL", "{:.2f}"),
    "nll_bits_per_dim": ("NLL, bits/dim", "{:.3f}"),
    "elbo_bits_per_dim": ("ELBO, bits/dim", "{:.3f}"),
    "elbo_uniform_codes_bits_per_dim": ("ELBO, bits/dim", "{:.3f}"),
    "mse_over_variance": ("MSE / variance", "{:.4f}"),
    "prior_nats_per_code": ("nats a code", "{:.3f}"),
    "label_error_percent": ("wrong labels, %", "{:.2f}"),
    "mig": ("MIG", "{:.2f}"),
    "factor_vae_score": ("FactorVAE score", "{:.2f}"),
    "dci_disentanglement": ("DCI disentanglement", "{:.2f}"),
}
_ESTIMATED = ("nll", "nll_without_label", "nll_bits_per_dim")


def published_rows(info):
    """Rows of texts for `COLUMNS`.

    Args:
        info: `zoo.preset_info` of a preset.
    """
    metrics = info.get("metrics") or {}
    return [
        (each.model, _protocol(each), each.value, _ours(each, metrics))
        for each in published_of(info)
    ]


def _protocol(published):
    """How a published figure was made, in words; "-" where it is not known."""
    what, _ = _METRICS.get(published.metric, (published.metric, "{}"))
    if published.metric in _ESTIMATED:
        k = "" if published.draws is None else f", K = {published.draws:,}"
        what = f"{what}{k}"
    split = f"{published.split} images" if published.split else ""
    images = ", ".join(part for part in (published.data, split) if part)
    prior = f"prior {published.prior}" if published.prior else ""
    told = (what, images if published.data else "", prior)
    return "; ".join(part for part in told if part) or "-"


def _ours(published, metrics):
    """The same figure of ours, and what is different about it; "-" without one."""
    name = published.metric
    k, draws = metrics.get("num_importance_samples"), published.draws
    # Few draws make an NLL no smaller: ours of fewer can stand beside theirs of more.
    same = draws is None or k is None or name not in _ESTIMATED or draws >= k
    if published.split == TRAINING:
        name = f"{TRAINING}_{name}"
    value = metrics.get(name if same else f"{name}_k{draws}")
    if not isinstance(value, (int, float)):
        return "-"
    differs = [published.differs] if published.differs else []
    if name in _ESTIMATED and same and k is not None and draws != k:
        differs.insert(0, f"K = {k:,}")
    text = _METRICS[published.metric][1].format(value)
    return f"{text} ({', '.join(differs)})" if differs else text
