"""What an export reports: fields to read, also as a dictionary."""

from dataclasses import asdict, dataclass
from typing import Any


class _AsDict:
    def to_dict(self) -> dict[str, Any]:
        """The report as a dictionary of plain JSON values."""
        return asdict(self)  # pyright: ignore

    def keys(self):
        return self.to_dict().keys()

    def __getitem__(self, key):
        return self.to_dict()[key]


@dataclass(frozen=True)
class ExportReport(_AsDict):
    """One exported file.

    Attributes:
        path: where it lies.
        max_abs_error: largest difference between the file in onnxruntime and Keras on
            latents from N(0, I); relative where a value exceeds 1, which pixels never
            do; of tokens see `export_model`. With `verify` it covers the caller's own
            backend too.
        extreme_error: the same on latents up to ten times as large.
        latent_error: of a sampler, the largest difference of the latents it draws from
            those of the model, relative where they exceed 1; at most 1e-6. Where
            latents are codes, how far the uniform number of a code lies beyond the
            model's cumulative probabilities of it, at most 1e-5, and of an encoder the
            share of codes that differ. Else None.
        tolerance: the largest `max_abs_error` allowed; without `quantize` it holds for
            `extreme_error` too.
        bytes: size of the file.
        sha256: of the file.
        quantize: None, "fp16" or "int8".
        kept: {weight: error}, those that "int8" leaves in 16 bits, as rounding this
            one alone to 8 would move the output by that much.
        opset: version of the ONNX operators.
        operators: how many nodes of each operator the graph has.
    """

    path: str
    max_abs_error: float
    extreme_error: float
    latent_error: float | None
    tolerance: float
    bytes: int
    sha256: str
    quantize: str | None
    kept: dict[str, float]
    opset: int
    operators: dict[str, int]


@dataclass(frozen=True)
class ModelReport(_AsDict):
    """An exported folder.

    Attributes:
        path: where it lies.
        max_abs_error: the largest of its ONNX files.
        bytes: size of its ONNX files together.
        sha256: of its manifest.json, which lists the SHA-256 of the others.
        files: {file name: ExportReport}; dictionaries in `to_dict()`.
    """

    path: str
    max_abs_error: float
    bytes: int
    sha256: str
    files: dict[str, ExportReport]
