"""Addresses of presets on the hub, and which files of a preset go there."""

import re
from typing import NamedTuple

from zoo.presets.files import CONFIG, METADATA, WEIGHTS
from zoo.text import printable

SCHEME = "hf://"
# What a preset is made of; and, of the files beside it, what is kept: nothing that
# anybody could run.
NEEDED = (CONFIG, METADATA, WEIGHTS)
KINDS = (".gif", ".h5", ".json", ".md", ".onnx", ".png")

_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_ADDRESS = re.compile(rf"hf://({_NAME}/{_NAME})(?:@([A-Za-z0-9._/-]+))?")


class Address(NamedTuple):
    """Where a preset lies on the hub: "user/name", and which branch, tag or commit."""

    repository: str
    revision: str | None

    @classmethod
    def of(cls, text: str) -> "Address":
        """Reads an address.

        Raises:
            ValueError: if it is none.
        """
        if found := _ADDRESS.fullmatch(text):
            return cls(*found.groups())
        raise ValueError(
            "An address on the hub must be hf://user/name or hf://user/name@revision; "
            f"got {printable(text)!r}."
        )

    @property
    def is_commit(self) -> bool:
        """Whether it can never be another than it is."""
        return bool(re.fullmatch("[0-9a-f]{40}", self.revision or ""))

    def __str__(self):
        revision = f"@{self.revision}" if self.revision else ""
        return f"{SCHEME}{self.repository}{revision}"


def is_address(text: str) -> bool:
    """Whether a text is meant to be an address on the hub."""
    return text.startswith(SCHEME)


def listed(names):
    """Names of files for a sentence: the first five, and how many more."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return printable(", ".join(names[:5])) + more
