"""huggingface_hub, which is imported when it is asked for, and what it raises."""

import contextlib
import importlib
from typing import Any

from zoo.text import printable

_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"


def library(address) -> Any:
    """huggingface_hub.

    Raises:
        ImportError: saying what needs it and how to install it.
    """
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise ImportError(
            f"{address} lies on the Hugging Face hub, which needs huggingface_hub: "
            'install it with pip install "vae-zoo[hub]".'
        ) from error


def errors() -> Any:
    """What huggingface_hub raises, by name."""
    return importlib.import_module("huggingface_hub.errors")


@contextlib.contextmanager
def told(address, doing):
    """Tells in a sentence what huggingface_hub raises.

    Args:
        address: `Address` that is dealt with.
        doing: what is done, such as "downloading it".
    """
    raised, repository = errors(), address.repository
    try:
        yield
    except raised.GatedRepoError as error:
        raise PermissionError(
            f"Access to {repository} has to be asked for, on its page; then {_LOG_IN}."
        ) from error
    except raised.RepositoryNotFoundError as error:
        raise FileNotFoundError(
            f"There is no repository {repository} on the hub, or it is private: "
            f"{_LOG_IN}, as somebody who may see it."
        ) from error
    except raised.RevisionNotFoundError as error:
        revision = address.revision or "main"
        raise FileNotFoundError(
            f"{repository} has no branch, tag or commit {revision!r}."
        ) from error
    except raised.LocalEntryNotFoundError as error:
        raise ConnectionError(
            f"The hub cannot be reached, and not all of {address} was downloaded "
            "before: try again with a network."
        ) from error
    except raised.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise PermissionError(
                f"The hub does not allow {doing} ({repository}): {_LOG_IN}, as "
                "somebody who may."
            ) from error
        said = error.server_message or error.response.reason_phrase
        raise ConnectionError(
            f"The hub answers {status} to {doing} ({repository}): {in_short(said)}"
        ) from error
    except raised.HTTPError as error:
        raise ConnectionError(
            f"The connection to the hub broke off while {doing} ({repository}): "
            f"{in_short(error)}. Try again: files that came whole are kept."
        ) from error


def in_short(said):
    """What others say, in a line."""
    return printable(" ".join(str(said).split()))[:200]
