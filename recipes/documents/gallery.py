"""A page of what all shipped presets draw: zoo/presets/README.md."""

from recipes.documents.examples import example_rows
from recipes.documents.texts import data_name, markdown_cells, markdown_table

HEAD = (
    "# All presets, by eye",
    "",
    "<!-- Written by `make readme`; `make pictures` draws the samples anew. -->",
    "",
    "Samples are the first 64 that a preset draws, "
    "`zoo.from_preset(name).sample(64, seed=0)`, none selected, the same on every "
    "backend.",
    "Models that take a label draw eight of each, a row a label.",
    "Reconstructions are of the first test images: in pairs, original left.",
    "Of models of texts there are tables: `sample(10, seed=0)`, and test texts.",
    "Each name leads to the preset's card, with its figures and what they are of.",
    "",
)


def gallery(presets, figures):
    """The page, in Markdown.

    Args:
        presets: `recipes.common.presets.Preset` objects, in the order of the page.
        figures: function of a preset to its main figures, texts.
    """
    lines = [*HEAD]
    for preset in presets:
        name = preset.folder.name
        lines += [f"## [`{name}`]({name}/README.md)", "", preset.info["summary"], ""]
        lines += [" · ".join(figures(preset)) + f" ({data_name(preset)})", ""]
        pictures = {
            kind: f"![{kind} of {name}]({name}/{kind}.png)"
            for kind in ("samples", "reconstructions")
            if (preset.folder / f"{kind}.png").is_file()
        }
        if pictures:
            lines += [*markdown_table(tuple(pictures), [tuple(pictures.values())]), ""]
        for kind, headings, rows in example_rows(preset.entry("examples")):
            if kind != "interpolations":
                lines += [*markdown_table(headings, markdown_cells(rows)), ""]
    return "\n".join(lines)
