"""Which prior a file names, and how to draw from it with NumPy."""

from export.errors import RuntimeModelError
from export.priors import RECORDS


def read_prior(session):
    """The function from (noise, labels) to latents of a decoder's file.

    Returns:
        None for a prior that only the model itself can draw from.

    Raises:
        RuntimeModelError: if the file names a prior and lacks its numbers.
    """
    metadata = session.metadata
    record = RECORDS.get(metadata.get("latent_prior"))
    if record is None or metadata["latent_dim"] is None:
        return None
    try:
        return record.from_json(session.prior_parameters, metadata)
    except (ValueError, KeyError, TypeError) as error:
        raise RuntimeModelError(
            f"{session.name} cannot be used: the `prior_parameters` in its metadata "
            f"are damaged ({error})."
        ) from error
