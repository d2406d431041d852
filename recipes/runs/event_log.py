"""An event file, which TensorBoard shows; written without TensorFlow."""

import os
import struct
import time

import numpy as np
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, types_pb2
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.histogram import metadata as histograms
from tensorboard.plugins.image import metadata as images
from tensorboard.plugins.scalar import metadata as scalars
from tensorboard.plugins.text import metadata as texts
from tensorboard.summary.writer.record_writer import RecordWriter

from recipes.common.files import make_folder


class EventLog:
    """A new event file in a folder.

    Two logs that are open at a time need two folders: of several files in one,
    TensorBoard follows the newest and leaves the others.

    Args:
        folder: made if there is none.

    Raises:
        OSError: if the folder or the file cannot be written.

    Example:

    >>> import tempfile
    >>> from recipes.runs.event_log import EventLog
    >>> log = EventLog(tempfile.mkdtemp())
    >>> log.add_scalar("elbo", -90.0, step=1)
    >>> log.add_bars("kl_per_latent", [2.5, 0.0, 1.3], step=1)
    >>> log.close()
    """

    def __init__(self, folder):
        # TensorBoard reads the files of a folder in the order of their names.
        name = f"events.out.tfevents.{time.time():.6f}.{os.getpid()}"
        self._file = open(make_folder(folder) / name, "xb")
        self._records = RecordWriter(self._file)
        self._write(event_pb2.Event(file_version="brain.Event:2"))
        self.flush()

    def add_scalar(self, tag, value, step):
        """Adds a number."""
        tensor = _tensor(types_pb2.DT_FLOAT, (), float_val=[float(value)])
        self._add(tag, tensor, step, scalars.create_summary_metadata(None, None))

    def add_picture(self, tag, png, step):
        """Adds a picture, the bytes of a PNG."""
        width, height = struct.unpack(">II", png[16:24])  # of its first chunk
        content = [str(width).encode(), str(height).encode(), png]
        tensor = _tensor(types_pb2.DT_STRING, (3,), string_val=content)
        self._add(tag, tensor, step, images.create_summary_metadata(None, None))

    def add_text(self, tag, markdown, step):
        """Adds a text, which is shown as Markdown."""
        content = [markdown.encode()]
        tensor = _tensor(types_pb2.DT_STRING, (1,), string_val=content)
        self._add(tag, tensor, step, texts.create_summary_metadata(None, None))

    def add_bars(self, tag, heights, step):
        """Adds a histogram whose bar number d, from d to d + 1, is as high as given."""
        left = np.arange(len(heights), dtype=np.float64)
        buckets = np.stack([left, left + 1, heights], axis=1)
        content = buckets.astype("<f8").tobytes()
        tensor = _tensor(types_pb2.DT_DOUBLE, buckets.shape, tensor_content=content)
        self._add(tag, tensor, step, histograms.create_summary_metadata(None, None))

    def flush(self):
        """Hands everything to the operating system, for TensorBoard to read."""
        self._records.flush()

    def close(self):
        """Closes the file; nothing can be added any more."""
        self._records.close()

    def _add(self, tag, tensor, step, metadata):
        value = summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)
        self._write(
            event_pb2.Event(step=step, summary=summary_pb2.Summary(value=[value]))
        )

    def _write(self, event):
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())


def _tensor(dtype, shape, **content):
    dimensions = [TensorShapeProto.Dim(size=size) for size in shape]
    shape = TensorShapeProto(dim=dimensions)
    return tensor_pb2.TensorProto(dtype=dtype, tensor_shape=shape, **content)
