"""The tables in README.md and recipes/README.md, and the page of all presets' samples.

`make readme` or `python -m recipes.documents.readme` writes them, `--check` only looks
at them.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from recipes.common.files import write_whole
from recipes.common.labels import given_labels, takes_labels
from recipes.common.presets import shipped_presets
from recipes.documents.gallery import gallery
from recipes.documents.published import COLUMNS as PUBLISHED
from recipes.documents.published import published_rows
from recipes.documents.texts import (
    data_name,
    duration,
    epochs_and_time,
    images_scored,
    latents_text,
    markdown_table,
    megabytes,
    metric,
)
from recipes.metrics.intervals import confidence_intervals
from zoo.presets.folder import SHIPPED

RECIPES = Path(__file__).resolve().parents[1]
README = RECIPES.parent / "README.md"
BEGIN = "<!-- Presets: written by `make readme`, not by hand. -->"
END = "<!-- End of the presets. -->"
COLUMNS = (
    "preset",
    "model",
    "data",
    "latents",
    "parameters",
    "weights",
    "ELBO",
    "NLL",
    "K",
    "bits/dim",
    "trained",
)
# Of each comparison in recipes/README.md, the columns between setting and time: where
# in an evaluation's metrics the figure is, and its format.
STUDIES = {
    "beta_vae_family": {
        "reconstruction": ("reconstruction", "{:.1f}"),
        "KL": ("kl", "{:.1f}"),
        "active units": ("active_units", "{:.0f}"),
        "MIG": ("mig", "{:.3f}"),
        "FactorVAE score": ("factor_vae_score", "{:.3f}"),
        "BetaVAE score": ("beta_vae_score", "{:.3f}"),
        "DCI": ("dci_disentanglement", "{:.3f}"),
        "SAP": ("sap", "{:.3f}"),
    },
    "dense_vae_ablation": {
        "ELBO": ("elbo", "{:.2f}"),
        "NLL": ("nll", "{:.2f}"),
        "reconstruction": ("reconstruction", "{:.2f}"),
        "KL": ("kl", "{:.2f}"),
        "active units": ("active_units", "{:.0f}"),
    },
    "conv_vae_ablation": {
        "bits/dim": ("elbo_bits_per_dim", "{:.3f}"),
        "reconstruction": ("reconstruction", "{:.0f}"),
        "KL": ("kl", "{:.0f}"),
        "PSNR, dB": ("psnr", "{:.2f}"),
    },
    "vq_vae_quantizers": {
        "perplexity": ("perplexity", "{:.1f}"),
        "codes in use": ("codebook_usage", "{:.1%}"),
        "MSE / variance": ("mse_over_variance", "{:.4f}"),
        "reconstruction": ("reconstruction", "{:.1f}"),
        "KL": ("kl", "{:.1f}"),
        "bits/dim": ("elbo_bits_per_dim", "{:.3f}"),
    },
    "text_vae_collapse": {
        "ELBO": ("elbo", "{:.2f}"),
        "NLL": ("nll", "{:.2f}"),
        "perplexity a word": ("perplexity_per_word", "{:.0f}"),
        "KL": ("kl", "{:.2f}"),
        "mutual information": ("mutual_information", "{:z.2f}"),
        "active units": ("active_units", "{:.0f}"),
        "self-BLEU": ("self_bleu", "{:.3f}"),
    },
}

# Studies whose rows are shown as they are.
MISSING = "missing_pixels"
PLAIN = (MISSING, "clusters")
# The study of anomalies, and its tasks.
ANOMALIES = "anomaly_detection"
ONE_CLASS, ANOTHER = "one class", "another data set"
# The study of lossless compression.
COMPRESSION = "compression"


def presets_section(presets):
    """The tables between the markers, in Markdown.

    Args:
        presets: `recipes.common.presets.Preset` objects, in the order of the rows.
    """
    lines = markdown_table(COLUMNS, [_row(preset) for preset in presets])
    published = [
        (preset.name, *row) for preset in presets for row in published_rows(preset.info)
    ]
    if published:
        lines += [
            "",
            "Published, beside them, and ours by the same protocol but for what is "
            "said in brackets:",
            "",
        ]
        lines += markdown_table(("preset", *PUBLISHED), published)
    return "\n".join(lines)


def results_section(presets):
    """How each preset came to be and what it reached, in Markdown: recipes/README.md.

    Args:
        presets: `recipes.common.presets.Preset` objects, in the order of the rows.
    """
    rows = []
    for preset in presets:
        training = preset.entry("training")
        rows.append(
            (
                f"`{preset.name}`",
                "<br>".join(main_figures(preset)),
                f"`{training.get('command', '-')}`",
                str(training.get("seed", "-")),
                f"{preset.info.get('parameters', 0):,}",
                epochs_and_time(training),
                f"{training.get('backend', '-')}, {training.get('hardware', '-')}",
                f"`{preset.entry('metrics').get('command', '-')}`",
            )
        )
    columns = (
        "preset",
        "figures",
        "trained by",
        "seed",
        "parameters",
        "training",
        "backend, hardware",
        "scored by",
    )
    return "\n".join(markdown_table(columns, rows))


# What a preset's row says first, as (what, name, format): of models with certain codes,
# of other models of 256 levels, and of all others, as far as they have it.
OF_CODES = (
    ("ELBO, bits/dim", "elbo_bits_per_dim", "{:.3f}"),
    ("perplexity", "perplexity", "{:.0f}"),
    ("MSE / variance", "mse_over_variance", "{:.4f}"),
    ("nats a code of the prior", "prior_nats_per_code", "{:.3f}"),
)
OF_LEVELS = (
    ("NLL, bits/dim", "nll_bits_per_dim", "{:.3f}"),
    ("ELBO, bits/dim", "elbo_bits_per_dim", "{:.3f}"),
)
OF_OTHERS = (
    ("NLL", "nll", "{:.2f}"),
    ("NLL without it", "nll_without_label", "{:.2f}"),
    ("samples that show their label", "sample_label_accuracy", "{:.1%}"),
    ("MIG", "mig", "{:.2f}"),
    ("FactorVAE score", "factor_vae_score", "{:.2f}"),
)


def main_figures(preset):
    """Lines of a preset's main figures with their intervals."""
    metrics = preset.entry("metrics")
    intervals = confidence_intervals(metrics)
    if metrics.get("exact_codes"):
        shown = OF_CODES
    else:
        shown = OF_LEVELS if "elbo_bits_per_dim" in metrics else OF_OTHERS
    for what, name, form in shown:
        if name in metrics:
            what = given_labels(what) if takes_labels(preset.info) else what
            error = ""
            if name in intervals:
                error = f" ± {form.format(metrics[name] - intervals[name][0])}"
            yield f"**{what} {form.format(metrics[name])}**{error}"


def study_section(rows, columns):
    """The table of a comparison, in Markdown.

    Args:
        rows: what `recipes.commands.study.compare` wrote; seeds of a model are
            averaged.
        columns: one of `STUDIES`.
    """
    runs = {}
    for row in rows:
        runs.setdefault(row["name"], []).append(row)
    lines = []
    for same in runs.values():
        cells = [same[0]["title"], same[0]["setting"]]
        for key, form in columns.values():
            cells.append(form.format(np.mean([row["metrics"][key] for row in same])))
        seconds = np.mean([row["training"]["seconds"] for row in same])
        lines.append((*cells, duration(seconds)))
    training, count = rows[0]["training"], len(rows) // len(runs)
    others = {row["training"]["epochs"] for row in rows} - {training["epochs"]}
    unless = ", where a setting tells no others," if others else ""
    return "\n".join(
        [
            *markdown_table(("model", "setting", *columns, "trained"), lines),
            "",
            f"Each {training['epochs']} epochs{unless} "
            f"of batches of {training['batch_size']}, "
            f"Adam {training['learning_rate']:g}, {count} seed{'s' * (count > 1)}; "
            f"{training['backend']} on {training['hardware']}. "
            f"Figures are of {images_scored(rows[0]['metrics'])}.",
        ]
    )


def anomalies_section(rows):
    """The tables of `recipes.anomaly_detection`, in Markdown.

    Args:
        rows: what it wrote: {"task", "part", "areas": {detector: area}}.
    """
    parts = {}
    for row in rows:
        for detector, value in row["areas"].items():
            seed = row["part"].rpartition("seed ")[2]
            parts.setdefault(row["task"], {}).setdefault(detector, []).append(
                (seed, row["part"].partition(",")[0], value)
            )
    columns = ("detector", "mean", "of each seed", "the hardest digit")
    lines = []
    for detector, found in _best_first(parts.get(ONE_CLASS, {})):
        seeds = sorted({seed for seed, _, _ in found})
        means = [np.mean([v for s, _, v in found if s == seed]) for seed in seeds]
        digits = sorted({digit for _, digit, _ in found})
        each = {d: np.mean([v for _, e, v in found if e == d]) for d in digits}
        worst = min(each, key=each.get)
        lines.append(
            (
                detector,
                f"{np.mean(means):.3f}",
                ", ".join(f"{mean:.3f}" for mean in means),
                f"{worst}: {each[worst]:.3f}",
            )
        )
    tables = [*markdown_table(columns, lines), ""] if lines else []
    if others := parts.get(ANOTHER):
        told = [
            (detector, f"{found[0][2]:.3f}") for detector, found in _best_first(others)
        ]
        columns = ("model and score", "Fashion-MNIST against MNIST")
        tables += markdown_table(columns, told)
    return "\n".join(tables).rstrip()


def plain_section(rows):
    """A table of rows, dicts of texts and numbers, in Markdown."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [[_cell(row.get(name, "-")) for name in columns] for row in rows]
    return "\n".join(markdown_table(columns, lines))


def _cell(value):
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def compression_section(rows):
    """The table of `recipes.compression`, in Markdown.

    Args:
        rows: what it wrote.
    """
    columns = ("images", "by", "bits/dim", "-ELBO", "images/s in", "images/s out")
    lines = []
    for data in dict.fromkeys(row["data"] for row in rows):
        of_data = [row for row in rows if row["data"] == data]
        for row in sorted(of_data, key=lambda row: row["bits_per_dim"]):
            ours = "elbo_bits_per_dim" in row
            figures = ("-", "-", "-")
            if ours:
                speeds = row["compressed_per_second"], row["decompressed_per_second"]
                figures = (
                    f"{row['elbo_bits_per_dim']:.4f}",
                    *(f"{speed:.0f}" for speed in speeds),
                )
            method = f"`{row['method']}`" if ours else row["method"]
            rate = f"{row['bits_per_dim']:.4f}"
            lines.append((f"{data}, {row['images']:,}", method, rate, *figures))
    return "\n".join(markdown_table(columns, lines))


def _best_first(by_detector):
    mean = {d: np.mean([v for *_, v in found]) for d, found in by_detector.items()}
    return sorted(by_detector.items(), key=lambda item: -mean[item[0]])


def with_presets(text, presets):
    """README.md's `text` with the tables of presets: see `with_section`."""
    return with_section(text, BEGIN, END, presets_section(presets))


def with_section(text, begin, end, section):
    """`text`, with what stands between two markers replaced.

    Raises:
        ValueError: if the markers are not there, once each and in this order.
    """
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end) or begin in after or end in after:
        raise ValueError(f"README.md must hold {begin!r} and then {end!r}, once each.")
    return f"{before}{begin}\n{section}\n{end}{after}"


def markers(name):
    """The lines between which a table stands in recipes/README.md."""
    begin = f"<!-- {name}: written by `make readme`, not by hand. -->"
    return begin, f"<!-- End of {name}. -->"


def documents():
    """(path, its text, the text it should have) of each file that is written."""
    presets = shipped_presets()
    text = README.read_text(encoding="utf-8")
    yield README, text, with_presets(text, presets)
    page = SHIPPED / "README.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    yield page, text, gallery(presets, main_figures)
    path = RECIPES / "README.md"
    text = path.read_text(encoding="utf-8")
    new = with_section(text, *markers("results"), results_section(presets))
    for name, columns in STUDIES.items():
        results = RECIPES / f"{name}.json"
        if not results.is_file():  # not run yet
            continue
        rows = json.loads(results.read_text(encoding="utf-8"))
        new = with_section(new, *markers(name), study_section(rows, columns))
    for name, section in (
        (ANOMALIES, anomalies_section),
        (COMPRESSION, compression_section),
        *((name, plain_section) for name in PLAIN),
    ):
        results = RECIPES / f"{name}.json"
        if results.is_file():
            rows = json.loads(results.read_text(encoding="utf-8"))
            new = with_section(new, *markers(name), section(rows))
    yield path, text, new


def _row(preset):
    metrics = preset.entry("metrics")
    # Certain codes are the same in every draw: an NLL would repeat the ELBO.
    samples = metrics.get("num_importance_samples")
    if metrics.get("exact_codes"):
        samples = None
    best = "nll" if samples else "elbo"
    return (
        f"[`{preset.name}`](zoo/presets/{preset.folder.name}/README.md)",
        str(preset.info.get("model", "-")),
        data_name(preset),
        latents_text(preset.info),
        f"{preset.info.get('parameters', 0):,}",
        megabytes((preset.folder / "model.weights.h5").stat().st_size),
        _nats(preset, "elbo"),
        _nats(preset, "nll") if samples else "-",
        f"{samples:,}" if samples else "-",
        metric(metrics, f"{best}_bits_per_dim", 3),
        epochs_and_time(preset.entry("training")),
    )


def _nats(preset, name):
    """A figure of p(x), or that of p(x|y) and, where it is known, both."""
    metrics = preset.entry("metrics")
    text = metric(metrics, name)
    if not takes_labels(preset.info):
        return text
    without = metric(metrics, f"{name}_without_label")
    return f"{text} given y" + ("" if without == "-" else f", {without} without")


def main():
    """Writes the tables, or says that they are out of date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    for path, old, new in documents():
        name = path.relative_to(README.parent)
        if old == new:
            print(f"{name} is up to date.")
        elif options.check:
            sys.exit(f"{name} is out of date: run make readme.")
        else:
            write_whole(path, new.encode())
            print(f"{name} written.")


if __name__ == "__main__":
    main()
