"""One exported file, loaded: its metadata and a thread-safe `run`."""

import json

import onnxruntime

from export.errors import RuntimeModelError
from export.runtime.files import read_model
from export.runtime.golden import replay

FORMAT = "vae-zoo-onnx/1"
# Stored as they are; every other metadata value is JSON.
TEXT_KEYS = (
    "format",
    "kind",
    "model",
    "preset",
    "latent_prior",
    "content_sha256",
)


class Session:
    """An onnxruntime session on one checked file.

    Args:
        path: an ONNX file written by `export`.
        kind: "decoder" or "encoder", what it must be.
        inputs: tuple of the input names it must have.
        outputs: tuple of the output names it must have.

    Raises:
        FileNotFoundError: if there is no such file.
        RuntimeModelError: if it is broken or something else.
    """

    def __init__(self, path, kind, inputs, outputs):
        self.path = path
        data = read_model(path)
        options = onnxruntime.SessionOptions()
        # Parallelism comes from chunks on Python threads: faster than threads inside
        # an operator for these small models, and the same result for any number.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Buffers kept between runs would add up over many calling threads.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4  # failures arrive as exceptions
        try:
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
            stored = self._session.get_modelmeta().custom_metadata_map
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise RuntimeModelError(
                f"onnxruntime cannot load {path}: {_first_line(error)}"
            ) from error
        metadata = self._parse(stored, kind)
        self.golden = metadata.pop("golden")
        self.metadata = metadata
        given = self._session.get_inputs(), self._session.get_outputs()
        self.input_names, self.output_names = (
            tuple(value.name for value in values) for values in given
        )
        if self.input_names != inputs or self.output_names != outputs:
            raise RuntimeModelError(
                f"{path} has inputs {list(self.input_names)} and outputs "
                f"{list(self.output_names)}; this version of vae-zoo runs {kind}s with "
                f"{list(inputs)} and {list(outputs)}."
            )
        for value in (*given[0], *given[1]):
            self._check_value(value)

    def _check_value(self, value):
        name = "image_shape" if value.name == "image" else "latent_dim"
        said = self.metadata[name]
        row = said if isinstance(said, list) else [said]
        if value.type != "tensor(float)" or value.shape[1:] != row:
            raise RuntimeModelError(
                f"{self.path} contradicts itself: its metadata says `{name}` is "
                f"{said}, but `{value.name}` is a {value.type} of shape {value.shape}."
            )

    def _parse(self, stored, kind):
        if stored.get("format") != FORMAT or stored.get("kind") != kind:
            raise RuntimeModelError(
                f"{self.path} must be a {kind} in format {FORMAT!r}; it says it is "
                f"{stored.get('kind')!r} in format {stored.get('format')!r}."
            )
        try:
            metadata = {
                key: value if key in TEXT_KEYS else json.loads(value)
                for key, value in stored.items()
            }
            metadata.setdefault("preset", None)
            sizes = [*metadata["image_shape"], metadata["latent_dim"]]
            good = len(sizes) == 4 and all(type(n) is int and n > 0 for n in sizes)
            good = good and isinstance(metadata["golden"], dict)
        except (ValueError, KeyError, TypeError):
            good = False
        if not good:
            raise RuntimeModelError(
                f"{self.path} cannot be used: its metadata must give `image_shape` "
                "(three sizes), `latent_dim` and `golden`."
            )
        return metadata

    def run(self, feeds):
        """Runs the file on {input name: float32 array}: {output name: array}."""
        try:
            outputs = self._session.run(self.output_names, feeds)
        except Exception as error:  # as above
            raise RuntimeModelError(
                f"onnxruntime failed on {self.path}: {_first_line(error)}"
            ) from error
        return dict(zip(self.output_names, outputs, strict=True))

    def verify(self):
        """Replays the golden vectors kept in the file.

        Returns:
            dict with `sha256` (kept inside the file), `max_abs_error`, `tolerance`.

        Raises:
            RuntimeModelError: if an output is further away than the tolerance.
        """
        try:
            tolerance = float(self.golden["tolerance"])
            error = replay(self.run, self.golden)
        except (ValueError, KeyError, TypeError) as problem:
            raise RuntimeModelError(
                f"{self.path} has malformed golden vectors: {problem}."
            ) from problem
        if not error <= tolerance:
            raise RuntimeModelError(
                f"{self.path} does not reproduce its golden vectors: the largest error "
                f"is {error:.2g}, at most {tolerance:.2g} is allowed."
            )
        return {
            "content_sha256": self.metadata["content_sha256"],
            "max_abs_error": error,
            "tolerance": tolerance,
        }


def _first_line(error):
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
