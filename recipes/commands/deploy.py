"""`vae-zoo sample`, `export` and `verify`: what they do."""

import tempfile
from pathlib import Path

import numpy as np
from rich.progress import track

import export
from export.runtime.opened import ALL_MAIN, OpenedModel
from export.runtime.signature import is_of_texts
from recipes.commands.screen import new_table, print_table, screen
from recipes.commands.starting import load_preset
from recipes.common.console import Terminal
from recipes.common.contact_sheet import save_contact_sheet
from recipes.common.files import check_output
from recipes.common.labels import class_asked_for
from recipes.common.opening import open_preset, open_source
from recipes.common.progress import working
from recipes.common.text_lines import lines_of, say_lines
from recipes.documents.texts import megabytes


def sample(source, out, num_samples, label, seed, temperature, backend, overwrite):
    """Draws images from a preset or an exported file, as one PNG; or texts.

    Args:
        out: the picture, samples.png if it is None; of texts a file of one a line, or
            None to print them.
        num_samples: None for 64 images, or 10 texts.
        source, label, seed, temperature, backend, overwrite: as
            `vae-zoo sample` has them.
    """
    found = open_source(source, takes=("preset", "exported"))
    model = None
    if found.kind == "exported":
        model = export.Sampler(found.path)
        facts, of_texts = model.metadata, is_of_texts(model.metadata)
    else:
        facts, of_texts = found.preset.config, is_of_texts(found.preset.config)
    if out is not None or not of_texts:
        out = Path(out or "samples.png")
        check_output(out, overwrite, ".txt" if of_texts else ".png")
    num_samples = num_samples or (10 if of_texts else 64)
    if model is None:
        model = load_preset(found.preset, backend)
        names = ("num_classes", "class_names")
        facts = {name: getattr(model, name, None) for name in names}
    num_classes = facts.get("num_classes")
    columns = max(8, round(num_samples**0.5))
    label = class_asked_for(label, facts.get("class_names"))
    if num_classes and label is None:
        # Every class in turn, one a column.
        label, columns = np.arange(num_samples) % num_classes, num_classes
    if of_texts:
        tokens = _draw(model, num_samples, label, temperature, seed)
        say_lines(lines_of(tokens, model.vocabulary), out, "samples")
        return
    images = _draw(model, num_samples, label, temperature, seed)
    with working("Writing the picture"):
        save_contact_sheet(out, images, columns=columns)
    print(f"{num_samples} samples: {out}")


def _draw(model, num_samples, label, temperature, seed):
    """Images, or texts' tokens, of a model or an `export.Sampler`; of a model with the
    time left.
    """
    if isinstance(model, export.Sampler):
        draw = model.sample if model.image_shape else model.sample_tokens
        with working("Sampling"):
            return draw(num_samples, label, temperature, seed)
    from zoo.inference import BATCH

    batches = model.iter_sample(num_samples, label, temperature, seed)
    console = Terminal(stderr=True)
    batches = track(
        batches,
        "Sampling",
        total=-(-num_samples // BATCH),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    return np.concatenate(list(batches))


def export_preset(preset, out, quantize, opset, backend, overwrite):
    """Converts a preset's decoder to a file, or all of it to a folder."""
    check_free(out, overwrite)
    _convert(load_preset(open_preset(preset), backend), out, quantize, opset, overwrite)
    print(f"Next: vae-zoo verify {out}")


def check_free(out, overwrite):
    """Refuses a name that is taken, before the work."""
    if out.exists() and not overwrite:
        raise FileExistsError(
            f"{str(out)!r} exists already: choose another name or add --overwrite."
        )
    if not out.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {str(out)!r}: there is no folder {str(out.parent)!r}."
        )


def _convert(model, out, quantize, opset, overwrite=False, shown=None):
    """Writes a file or folder, and says how large it is and how near the model."""
    convert = export.export_model
    if out.suffix == ".onnx":
        convert = export.export_decoder
    with working("Converting in a fresh TensorFlow process, about half a minute"):
        report = convert(
            model, out, opset=opset, quantize=quantize, overwrite=overwrite
        )
    print(
        f"{shown or out}: {megabytes(report.bytes)}, largest error against Keras "
        f"{report.max_abs_error:.1e}"
    )
    for file in getattr(report, "files", {out.name: report}).items():
        _print_kept(*file)


def export_layout(source, out, quantize, opset, layout, backend, overwrite):
    """Converts a preset, or takes what is exported already, for a server."""
    from export.serving.layouts import write_layout

    check_free(out, overwrite)
    found = open_source(source, takes=("preset", "exported"))
    if found.kind == "exported" and quantize:
        raise ValueError(f"{source!r} is exported already: --quantize comes too late.")
    with tempfile.TemporaryDirectory() as temporary:
        exported = found.path
        if found.preset:
            exported = Path(temporary) / "exported"
            model = load_preset(found.preset, backend)
            _convert(model, exported, quantize, opset, shown=out)
        models = write_layout(exported, out, layout, overwrite=overwrite)
    print(f"Models: {', '.join(models)}")


def _print_kept(name, report):
    """Says which weights of a file "int8" left in 16 bits."""
    if report.kept:
        weights = ", ".join(
            f"{weight} ({error:.1e} off in 8)" for weight, error in report.kept.items()
        )
        print(f"{name} keeps in 16 bits: {weights}")


def _restamp(folder):
    from export.runtime.restamp import restamp

    if not folder.is_dir():
        raise ValueError(
            f"--restamp wants a folder with a manifest.json; {str(folder)!r} is a file."
        )
    with working("Measuring the files that have changed"):
        errors = restamp(folder)
    for name, error in errors.items():
        print(f"{name} had changed: taken in, {error:.1e} off what it gave.")
    if not errors:
        print("No file had changed.")


def verify(exported, restamp):
    """Replays the golden vectors of an exported file or folder.

    Args:
        exported: the file or folder.
        restamp: take files in that were changed since.
    """
    found = open_source(exported, takes=("exported",))
    if restamp:
        _restamp(found.path)
    with working("Running the files on inputs that they keep"):
        report = OpenedModel(found.path, kinds=ALL_MAIN).verify()
    columns = ("file", "largest error", "allowed", "content SHA-256")
    table = new_table(None, *columns, whole=columns)
    for name, entry in report["files"].items():
        error, allowed = entry["max_abs_error"], entry["tolerance"]
        digest = entry["content_sha256"][:16]
        table.add_row(name, f"{error:.1e}", f"{allowed:.0e}", f"{digest}...")
    print_table(screen(), table, less=columns[:0:-1])
    print("Whole, and gives what it gave when it was exported.")
