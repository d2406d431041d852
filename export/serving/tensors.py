"""What a file takes and gives, as servers are told it."""

from pathlib import Path
from typing import NamedTuple

from export.runtime.opened import ALL_MAIN, OpenedModel
from zoo.text import as_name

# What files call the number of rows of a request.
ROWS = "batch"


class Served(NamedTuple):
    """A file as a server has it.

    Attributes:
        name: of the model, such as "conv_vae_mnist_decoder".
        path: of the ONNX file.
        inputs, outputs: {name: `export.runtime.signature.Value`}.
    """

    name: str
    path: Path
    inputs: dict
    outputs: dict

    @property
    def in_batches(self):
        """Whether requests of several users can be joined row by row."""
        values = [*self.inputs.values(), *self.outputs.values()]
        return all(value.shape[:1] == (ROWS,) for value in values)


def served_files(exported, name=None):
    """All files of an exported model, or the one, as a list of `Served`.

    Args:
        exported: folder that `export_model` wrote, or an ONNX file.
        name: that models' names begin with; else the preset's.

    Raises:
        FileNotFoundError, RuntimeModelError: as `export.Sampler`.
    """
    path, found = Path(exported), []
    for file, session in OpenedModel(path, kinds=ALL_MAIN).sessions().items():
        prefix = name or session.metadata["preset"] or session.metadata["model"]
        where = path / file if path.is_dir() else path
        served = f"{as_name(prefix)}_{session.kind}"
        found.append(Served(served, where, session.inputs, session.outputs))
    return found


def dims(value):
    """A shape with -1 where any number may stand; () of a single number."""
    return tuple(n if isinstance(n, int) else -1 for n in value.shape)
