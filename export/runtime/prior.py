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
    record = RECORDS.get(session.metadata.get("latent_prior"))
    if record is None:
        return None
    try:
        return record.from_json(session.prior_parameters, session.metadata)
    except (ValueError, KeyError, TypeError) as error:
        raise RuntimeModelError(
            f"{session.path} cannot be used: the `prior_parameters` in its metadata "
            f"are damaged ({error})."
        ) from error


def check_prior(metadata, path, has_step):
    """Refuses to sample where there is no prior over codes to draw from.

    Raises:
        RuntimeModelError: saying what to do instead.
    """
    if metadata["latent_prior"] != "autoregressive_codes":
        raise RuntimeModelError(
            f"{path} cannot be sampled: its model has no learned prior over its codes; "
            "use `decode` on codes of your own, or train the prior with fit_prior and "
            "export again."
        )
    if not has_step:
        raise RuntimeModelError(
            f"{path} cannot be sampled: it holds a decoder alone, and the prior over "
            "its codes lies beside it; open the folder that export.export_model wrote."
        )
