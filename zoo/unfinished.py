"""What is being written, under a name beside the one that it gets when it is whole."""

import contextlib
import itertools
import os
import platform
import re
import shutil
from pathlib import Path

_EARLIER = ".earlier"
_count = itertools.count()
# Processes of other machines may work in the same folder.
_HERE = re.sub(r"[^A-Za-z0-9]+", "_", platform.node())[:32]


def beside(target: Path) -> Path:
    """A new name beside a file or folder, to write to and then rename.

    What processes of this machine that are gone have left under such names is removed:
    a kill leaves nothing for good. What `replace` had moved away gets its name back.

    Args:
        target: the file or folder that it will be.
    """
    prefix = f".{target.name}~{_HERE}-"
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(target.parent)):
            process = entry.name.removeprefix(prefix).partition("-")[0]
            if entry.name.startswith(prefix) and not _lives(process):
                if entry.name.endswith(_EARLIER) and not os.path.lexists(target):
                    os.rename(entry.path, target)
                remove(Path(entry.path))
    return target.with_name(f"{prefix}{os.getpid()}-{next(_count)}")


def replace(unfinished: Path, target: Path) -> None:
    """Gives what is whole by now its name, in place of what has that name.

    Raises:
        OSError: if that fails; what was there before is still there.
    """
    if not target.is_dir():
        os.replace(unfinished, target)
        return
    # A folder cannot be renamed over another.
    earlier = beside(target)
    earlier = earlier.with_name(earlier.name + _EARLIER)
    os.rename(target, earlier)
    try:
        os.rename(unfinished, target)
    except OSError:
        os.rename(earlier, target)
        raise
    remove(earlier)


def remove(path: Path) -> None:
    """Removes a file or folder as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _lives(process):
    if os.name != "posix" or not process.isdecimal():
        return True  # which cannot be asked, without doing something to it
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
