"""`vae-zoo pull` and `vae-zoo push`: presets from and to the Hugging Face hub."""

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from recipes.commands.options import Backend, PresetName
from recipes.common.opening import open_preset
from recipes.common.progress import working

_Address = Annotated[
    str, typer.Argument(metavar="HF", help="hf://user/name, or with @revision.")
]


def pull(
    address: _Address,
    out: Annotated[
        Path | None, typer.Option(help="The folder; else the repository's name.")
    ] = None,
):
    """Copies a preset from the hub to a folder of your own."""
    from zoo.presets.hub.address import Address
    from zoo.presets.hub.download import download_preset

    name = Address.of(address).repository.partition("/")[2]
    folder = download_preset(address, out or Path(name))
    found = open_preset(folder)
    print(f"{found.info['model']} {found.name}: {folder}")
    print(f"Next: vae-zoo show {folder}")


def push(
    preset: PresetName,
    address: _Address,
    private: Annotated[
        bool, typer.Option("--private", help="If it is new, for its owner alone.")
    ] = False,
    license: Annotated[
        str | None, typer.Option(help="Of the weights, such as apache-2.0.")
    ] = None,
    exported: Annotated[
        bool, typer.Option("--onnx/--no-onnx", help="Export it, and upload that too.")
    ] = True,
    backend: Backend = None,
):
    """Uploads a preset to the hub: weights, card, pictures, exported files."""
    from zoo.presets.hub.address import Address, is_address
    from zoo.presets.hub.upload import upload_preset

    Address.of(address)
    if is_address(preset):
        raise ValueError(f"{preset} is on the hub already: pull it to a folder first.")
    found = open_preset(preset)
    with contextlib.ExitStack() as stack:
        folder = found.folder
        if exported:
            temporary = stack.enter_context(tempfile.TemporaryDirectory())
            folder = Path(temporary) / found.folder.resolve().name
            shutil.copytree(found.folder, folder)
            _export(folder, backend)
        stack.enter_context(working("Uploading"))
        uploaded = upload_preset(
            address, folder, private=private or None, license=license
        )
    print(f"{found.name}: {uploaded}")
    print(f"Next: vae-zoo show {address}")


def _export(folder, backend):
    """Exports the preset in a folder to one in it."""
    import export
    from recipes.commands.starting import load_preset

    model, target = load_preset(open_preset(folder), backend), folder / "onnx"
    with working("Converting in a fresh TensorFlow process, about half a minute"):
        export.export_model(model, target, overwrite=True)
