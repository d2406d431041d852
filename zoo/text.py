"""Text of others, such as names in a file, made harmless for a terminal."""

import re
import unicodedata

# Control characters, those that turn the direction of text, halves of characters, and
# lines' ends that no terminal counts as such.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text):
    """Text with what could move a cursor or hide other text as escapes, as in Python.

    >>> print(printable("red \\x1b[31m"))
    red \\x1b[31m
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in _HARMFUL and c not in "\n\t"
        else c
        for c in text
    )


def is_name(text):
    """Whether what a file calls something is a name: no path, no code, no address.

    >>> is_name("conv_vae_mnist"), is_name("../notes"), is_name("a b")
    (True, False, False)
    """
    return isinstance(text, str) and bool(_NAME.fullmatch(text))


def as_name(text):
    """A name made of a text, such as that of a folder.

    >>> as_name("my photos (2)")
    'my_photos_2_'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip(".-")[:128] or "_"
