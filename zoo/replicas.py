"""What replicas of one model, on several devices, have to know of each other.

On JAX a step sees all of a batch, however many devices share it. The replicas of a
strategy of tf.distribute see their own images alone: what is said here of them all is
what one device would see and draw.
"""

import importlib

import keras
from keras import ops


def gathered(tensor):
    """The rows (N, ...) of all replicas within a step, one replica's after another's.

    Without a gradient; where there is one replica, the tensor itself.
    """
    context = _context()
    return tensor if context is None else context.all_gather(tensor, axis=0)


def own_rows(count, of_all, axis=0):
    """Of what is drawn for the rows of all replicas, what belongs to this one's.

    Args:
        count: how many rows this replica has, N.
        of_all: function of the number of rows of all, to a tensor of so many.
        axis: of the rows.

    Returns:
        a tensor of N rows: of_all(N) where there is one replica.
    """
    context = _context()
    if context is None:
        return of_all(count)
    counts = context.all_gather(ops.reshape(ops.cast(count, "int32"), (1,)), axis=0)
    before = ops.arange(context.num_replicas_in_sync, dtype="int32")
    before = before < context.replica_id_in_sync_group
    first = ops.sum(ops.where(before, counts, 0))
    rows = first + ops.arange(count, dtype="int32")
    return ops.take(of_all(ops.sum(counts)), rows, axis=axis)


def _context():
    """That of a replica among several, or None."""
    if keras.backend.backend() != "tensorflow":
        return None
    distribute = importlib.import_module("tensorflow").distribute
    if distribute.get_strategy().num_replicas_in_sync == 1:
        return None
    return distribute.get_replica_context()
