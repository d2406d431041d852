"""An exported file or folder, read and checked, for the page to carry."""

from pathlib import Path
from typing import NamedTuple

from export.errors import RuntimeModelError
from export.runtime.files import read_model
from export.runtime.manifest import (
    DECODER,
    ENCODER,
    PRIOR_STEP,
    SAMPLER,
    check_file,
    read_manifest,
)
from export.runtime.session import Session
from export.runtime.signature import is_of_texts

# Text of base64 is a third larger: about 90 MB of HTML, which browsers still open.
MAX_BYTES = 64 * 2**20
_CARRIED = (DECODER, SAMPLER, PRIOR_STEP, ENCODER)


class Exported(NamedTuple):
    """What there is of a model.

    Attributes:
        path: what was given.
        decoder: the decoder's `Session`.
        files: {kind: bytes}, of "decoder" and, in a folder, what else it lists.
    """

    path: Path
    decoder: Session
    files: dict

    @property
    def metadata(self):
        """What the decoder says of its model."""
        return self.decoder.metadata


def read_exported(file_or_folder):
    """Reads a decoder.onnx, or a folder written by `export.export_model`.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        RuntimeModelError: if it is damaged or foreign, too large for a page, or its
            images have other channels than 1 or 3.
    """
    path = Path(file_or_folder)
    if path.is_dir():
        manifest = read_manifest(path)
        if DECODER not in manifest["files"]:
            raise RuntimeModelError(
                f"{path} cannot be shown: a page turns one group of latents, and this "
                "model has several, without a decoder.onnx."
            )
        names = [name for name in _CARRIED if name in manifest["files"]]
        for name in names:
            check_file(path, name, manifest)
        paths = {name.removesuffix(".onnx"): path / name for name in names}
    else:
        paths = {"decoder": path}
    decoder = Session(paths["decoder"], "decoder")
    of_texts = is_of_texts(decoder.metadata)
    if of_texts:  # of which nothing on a page makes tokens
        paths.pop("encoder", None)
    files = {kind: read_model(where) for kind, where in paths.items()}
    size = sum(map(len, files.values()))
    if size > MAX_BYTES:
        raise RuntimeModelError(
            f"{path} is too large for a page: its ONNX files have "
            f"{size / 2**20:.0f} MB, and one carries at most {MAX_BYTES // 2**20} MB; "
            + ("" if of_texts else "export it with --quantize fp16, or ")
            + "explore its decoder.onnx alone."
        )
    channels = 1 if of_texts else decoder.metadata["image_shape"][2]
    if channels not in (1, 3):
        raise RuntimeModelError(
            f"{path} cannot be shown: a page shows images of 1 or 3 channels, these "
            f"have {channels}."
        )
    return Exported(path, decoder, files)
