"""One exported file, loaded: its metadata and a thread-safe `run`."""

import onnxruntime

from export.errors import RuntimeModelError
from export.runtime.files import read_model
from export.runtime.golden import replay
from export.runtime.metadata import parse
from export.runtime.signature import signature

_ONNX_TYPES = {
    "float32": "tensor(float)",
    "int32": "tensor(int32)",
    "int64": "tensor(int64)",
}


class Session:
    """An onnxruntime session on one checked file.

    Args:
        path: an ONNX file written by `export`.
        *kinds: what it may be: "decoder", "encoder", "generator", "sampler" or
            "prior_step".

    Attributes:
        kind: which of them it is.
        metadata: what the file says about itself.
        inputs, outputs: {name: `signature.Value`}.
        golden: inputs and outputs to replay, as stored.
        prior_parameters: numbers of a learned prior, as stored, or None.

    Raises:
        FileNotFoundError: if there is no such file.
        RuntimeModelError: if it is broken or something else.
    """

    def __init__(self, path, *kinds):
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
        metadata = parse(stored, kinds, path)
        self.kind = kind = metadata["kind"]
        self.golden = metadata.pop("golden")
        self.prior_parameters = metadata.pop("prior_parameters", None)
        self.metadata = metadata
        self.inputs, self.outputs = signature(kind, metadata)
        given = self._session.get_inputs(), self._session.get_outputs()
        wanted = self.inputs, self.outputs
        names = [[value.name for value in values] for values in given]
        if names != [list(values) for values in wanted]:
            raise RuntimeModelError(
                f"{path} has inputs {names[0]} and outputs {names[1]}; by what it says "
                f"of its model, this {kind} must have {list(self.inputs)} and "
                f"{list(self.outputs)}."
            )
        for value in (*given[0], *given[1]):
            self._check_value(value, {**self.inputs, **self.outputs}[value.name])

    def _check_value(self, value, wanted):
        shape = tuple(value.shape)
        if (
            value.type != _ONNX_TYPES[wanted.dtype]
            or len(shape) != len(wanted.shape)
            or shape[1:] != wanted.row_shape
        ):
            raise RuntimeModelError(
                f"{self.path} contradicts itself: by its metadata `{value.name}` is "
                f"{wanted.dtype} of shape {wanted.shape}, but it is a {value.type} of "
                f"shape {shape}."
            )

    def run(self, feeds):
        """Runs the file on {input name: array}: {output name: array}."""
        try:
            outputs = self._session.run(list(self.outputs), feeds)
        except Exception as error:  # as above
            raise RuntimeModelError(
                f"onnxruntime failed on {self.path}: {_first_line(error)}"
            ) from error
        return dict(zip(self.outputs, outputs, strict=True))

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
