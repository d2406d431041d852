"""One exported file, loaded: its metadata and a thread-safe `run`."""

import math

import onnxruntime

from export.errors import RuntimeModelError
from export.runtime.contents import check_operators, inspect
from export.runtime.events import event_of
from export.runtime.files import check_model, read_model
from export.runtime.golden import replay
from export.runtime.memory import limit_memory
from export.runtime.metadata import parse
from export.runtime.operators import LOOP
from export.runtime.patience import run_within
from export.runtime.signature import is_of_texts, signature
from zoo.text import printable

_ONNX_TYPES = {
    "float32": "tensor(float)",
    "int32": "tensor(int32)",
    "int64": "tensor(int64)",
}


# Bounds the memory of intermediate results, and keeps them in the caches: so many rows
# of images of so many pixels at a time, and fewer of larger ones.
CHUNK, PIXELS = 64, 64 * 64
# What is kept of a place of a text while the next are written counts for so many.
PIXELS_OF_A_TOKEN = 32
# For a chunk of rows by a file that loops: minutes, where seconds are usual.
MAX_SECONDS = 300


class Session:
    """An onnxruntime session on one checked file.

    Args:
        path: an ONNX file written by `export`; None of bytes.
        *kinds: what it may be: see `export.runtime.signature.signature`.
        data: bytes of the file, if they are not to be read from `path`.
        providers: of onnxruntime, names or (name, options); None is the CPU alone.

    Attributes:
        name: how errors name it.
        kind: which of them it is.
        metadata: what the file says about itself.
        inputs, outputs: {name: `signature.Value`}.
        event: of what it is: see `export.runtime.events`.
        chunk: how many rows it is run on at a time, at most.
        golden: inputs and outputs to replay, as stored.
        prior_parameters: numbers of a learned prior, as stored, or None.

    Raises:
        FileNotFoundError: if there is no such file.
        RuntimeModelError: if it is broken or something else.
        ValueError: if a provider is not installed.
    """

    def __init__(self, path, *kinds, data=None, providers=None):
        self.name = "<bytes>" if path is None else str(path)
        providers = _checked(providers)
        data = read_model(path) if data is None else check_model(data, self.name)
        contents = inspect(data, self.name)
        metadata = parse(contents.stored, kinds, self.name)
        self.kind = kind = metadata["kind"]
        check_operators(contents, metadata, self.name)
        self._loops = LOOP in contents.operators
        options = onnxruntime.SessionOptions()
        # Parallelism comes from chunks on Python threads: faster than threads inside
        # an operator for these small models, and the same result for any number.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        limit_memory(options)
        options.log_severity_level = 4  # failures arrive as exceptions
        try:
            # Its own fallback prints what failed, and goes on with another provider.
            self._session = onnxruntime.InferenceSession(
                data, options, providers=providers, enable_fallback=False
            )
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise RuntimeModelError(
                f"onnxruntime cannot load {self.name}: {_first_line(error)}"
            ) from error
        self.golden = metadata.pop("golden")
        self.prior_parameters = metadata.pop("prior_parameters", None)
        self.metadata = metadata
        self.event = event_of(metadata)
        self.inputs, self.outputs = signature(kind, metadata)
        values = {**self.inputs, **self.outputs}.values()
        largest = max(math.prod(value.row_shape[:2]) for value in values)
        if is_of_texts(metadata):
            largest = PIXELS_OF_A_TOKEN * metadata["max_length"]
        self.chunk = max(1, CHUNK * PIXELS // max(largest, PIXELS))
        given = self._session.get_inputs(), self._session.get_outputs()
        wanted = self.inputs, self.outputs
        try:
            names = [[value.name for value in values] for values in given]
            shapes = {v.name: tuple(v.shape) for v in (*given[0], *given[1])}
        except UnicodeDecodeError:
            raise RuntimeModelError(
                f"{self.name} names inputs, outputs or sizes by what is no text."
            ) from None
        if names != [list(values) for values in wanted]:
            raise RuntimeModelError(
                f"{self.name} has inputs {names[0]} and outputs {names[1]}; by what it "
                f"says of its model, this {kind} must have {list(self.inputs)} and "
                f"{list(self.outputs)}."
            )
        for value in (*given[0], *given[1]):
            wanted = {**self.inputs, **self.outputs}[value.name]
            self._check_value(value, shapes[value.name], wanted)

    def _check_value(self, value, shape, wanted):
        if (
            value.type != _ONNX_TYPES[wanted.dtype]
            or len(shape) != len(wanted.shape)
            or shape[1:] != wanted.row_shape
        ):
            raise RuntimeModelError(
                f"{self.name} contradicts itself: by its metadata `{value.name}` is "
                f"{wanted.dtype} of shape {wanted.shape}, but it is a {value.type} of "
                f"shape {shape}."
            )

    def run(self, feeds):
        """Runs the file on {input name: array}: {output name: array}."""
        try:
            if self._loops:
                outputs = run_within(MAX_SECONDS, self._session, self.outputs, feeds)
            else:
                outputs = self._session.run(list(self.outputs), feeds)
        except TimeoutError as error:
            raise RuntimeModelError(f"{self.name} was stopped: {error}") from error
        except Exception as error:  # as above
            raise RuntimeModelError(
                f"onnxruntime failed on {self.name}: {_first_line(error)}"
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
                f"{self.name} has malformed golden vectors: {problem}."
            ) from problem
        if not error <= tolerance:
            raise RuntimeModelError(
                f"{self.name} does not reproduce its golden vectors: the largest error "
                f"is {error:.2g}, at most {tolerance:.2g} is allowed."
            )
        return {
            "content_sha256": self.metadata["content_sha256"],
            "max_abs_error": error,
            "tolerance": tolerance,
        }


def _first_line(error):
    lines = str(error).strip().splitlines()
    return printable(lines[0][:300]) if lines else type(error).__name__


def _checked(providers):
    """`providers` as onnxruntime takes them; it passes over those it does not have."""
    if providers is None:
        return ["CPUExecutionProvider"]
    if isinstance(providers, str):
        providers = [providers]
    there = onnxruntime.get_available_providers()
    for provider in providers:
        name = provider if isinstance(provider, str) else provider[0]
        if name not in there:
            raise ValueError(
                "`providers` must be among those of the onnxruntime that is installed, "
                f"{', '.join(there)}; got {name!r} (for CUDA: pip uninstall "
                "onnxruntime, then pip install onnxruntime-gpu)."
            )
    return list(providers)
