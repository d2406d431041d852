"""Several draws of each image's latents, worked on side by side."""

from keras import ops


def flatten_draws(z):
    """Draws (K, N, *shape) one after another: (K * N, *shape)."""
    return ops.reshape(z, (-1, *z.shape[2:]))


def repeat(labels, draws):
    """Labels (N, ...) once for each draw: (draws * N, ...), or None."""
    if labels is None:
        return None
    labels = ops.convert_to_tensor(labels)
    repeated = ops.broadcast_to(labels, (draws, *ops.shape(labels)))
    return ops.reshape(repeated, (-1, *ops.shape(labels)[1:]))


def of_first_draw(distribution, shape):
    """A distribution given the first draw of what it depends on.

    Args:
        distribution: of latents (K, N, *shape), whose statistics are tensors alike; one
            of (N, *shape) is returned as it is.
        shape: of the latents of one image.
    """
    mean = getattr(distribution, "mean", None)
    if mean is None or len(mean.shape) == 1 + len(shape):
        return distribution
    return distribution.map_tensors(lambda tensor: tensor[0])
