"""`vae-zoo explore`: what it does."""

import tempfile
from pathlib import Path

from export import explorer
from recipes.commands.starting import load_preset
from recipes.common.files import check_output, write_whole
from recipes.common.opening import open_source
from recipes.common.progress import working
from recipes.documents.texts import megabytes


def explore(source, out, serve, quantize, backend, overwrite):
    """Writes or serves the page that explores a preset or an exported model.

    Args:
        source: a preset's name or folder, or an exported file or folder.
        out: the file to write, or None for one named after the source.
        serve: serve the page instead of writing it.
        quantize: how a preset is exported.
        backend: of the preset.
        overwrite: replace an existing file.
    """
    if not serve:
        out = out or Path(f"{Path(source).resolve().stem}.html")
        check_output(out, overwrite, ".html")
    with working("Building the parts of the page, if there are none"):
        explorer.build()
    found = open_source(source, takes=("preset", "exported"))
    if found.kind == "exported":
        if quantize:
            raise ValueError(
                "--quantize is for presets: the weights of an exported file are fixed."
            )
        with working("Looking at the latents"):
            page = explorer.make_page(found.path)
    else:
        page = _preset_page(found.preset, quantize, backend)
    if serve:
        explorer.serve(page, on_start=lambda url: print(f"{url}  (Ctrl-C ends)"))
    else:
        write_whole(out, page)
        print(f"{out}: {megabytes(len(page))}. Open it in a browser.")


def _preset_page(preset, quantize, backend):
    """The page of a preset, exported on the way."""
    import export

    model = load_preset(preset, backend)
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / preset.name
        with working("Converting in a fresh TensorFlow process, about half a minute"):
            export.export_model(model, exported, quantize=quantize)
        with working("Looking at the latents"):
            return explorer.make_page(
                exported,
                title=preset.name,
                summary=preset.info.get("summary"),
                importance=preset.entry("metrics").get("kl_per_latent"),
            )
