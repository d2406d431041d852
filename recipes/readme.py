"""The table of presets in README.md, written from the presets' own metadata.

`make readme` or `python -m recipes.readme` writes it, `--check` only looks at it.
"""

import argparse
import sys
from pathlib import Path

from recipes import catalog
from recipes.figures import latents_text
from recipes.files import write_whole
from recipes.tables import data_name, duration, figure, megabytes

README = Path(__file__).resolve().parents[1] / "README.md"
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
    "trained",
)


def presets_section(presets):
    """The tables between the markers, in Markdown.

    Args:
        presets: `recipes.catalog.Preset` objects, in the order of the rows.
    """
    lines = markdown_table(COLUMNS, [_row(preset) for preset in presets])
    anchors = [
        (preset.name, str(what), str(value))
        for preset in presets
        for what, value in preset.metadata.get("anchors", [])
    ]
    if anchors:
        lines += ["", "Published, beside them:", ""]
        lines += markdown_table(("preset", "published model", "nats"), anchors)
    return "\n".join(lines)


def markdown_table(columns, rows):
    """A Markdown table as a list of lines."""
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def with_presets(text, presets):
    """`text`, with what stands between the markers replaced.

    Raises:
        ValueError: if the markers are not there, once each and in this order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in after or END in after:
        raise ValueError(f"README.md must hold {BEGIN!r} and then {END!r}, once each.")
    return f"{before}{BEGIN}\n{presets_section(presets)}\n{END}{after}"


def shipped_presets():
    """The presets that ship with the package, by name."""
    return [catalog.find_preset(name) for name in catalog.preset_names()]


def _row(preset):
    metrics, training = preset.entry("metrics"), preset.entry("training")
    trained = "-"
    if "seconds" in training:
        trained = f"{training.get('epochs')} epochs, {duration(training['seconds'])}"
    samples = metrics.get("num_importance_samples")
    return (
        f"[`{preset.name}`](zoo/presets/{preset.folder.name}/README.md)",
        str(preset.metadata.get("model", "-")),
        data_name(preset),
        latents_text(preset.about),
        f"{preset.metadata.get('parameters', 0):,}",
        megabytes((preset.folder / "model.weights.h5").stat().st_size),
        figure(metrics, "elbo"),
        figure(metrics, "nll"),
        f"{samples:,}" if samples else "-",
        trained,
    )


def main():
    """Writes the tables, or says that they are out of date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    old = README.read_text(encoding="utf-8")
    new = with_presets(old, shipped_presets())
    if old == new:
        print("README.md is up to date.")
    elif options.check:
        sys.exit("README.md is out of date: run make readme.")
    else:
        write_whole(README, new.encode())
        print("README.md: presets written.")


if __name__ == "__main__":
    main()
