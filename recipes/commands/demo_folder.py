"""Where the demo writes: a folder of its own, whole or not at all."""

import contextlib

from zoo.unfinished import beside, remove, replace

REPORT = "demo.json"
PAGE = "report.html"
PICTURES = (
    "samples_before.png",
    "samples_after.png",
    "reconstructions.png",
    "samples_onnx.png",
)
# Everything that the demo writes. A folder that holds its report and nothing else is
# an earlier demo's, and is replaced; any other is somebody's, and is left alone.
NAMES = {REPORT, PAGE, "preset", "onnx", *PICTURES}


def check_folder(out):
    """Refuses a folder that is neither new, nor empty, nor an earlier demo's.

    Raises:
        FileExistsError, NotADirectoryError: says what is in the way.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise NotADirectoryError(f"{str(out)!r} is a file: choose another --out.")
    names = {path.name for path in out.iterdir()}
    if names and (REPORT not in names or not names <= NAMES):
        foreign = sorted(names - NAMES) or sorted(names)
        raise FileExistsError(
            f"{str(out)!r} holds {foreign[0]!r}, which the demo did not write: choose "
            "another --out."
        )


@contextlib.contextmanager
def staged(out):
    """A temporary folder beside `out`, which takes its place if all goes well."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        new = beside(out)
        new.mkdir()
    except OSError as error:
        raise OSError(f"Cannot write {str(out)!r}: {error.strerror}.") from error
    try:
        yield new
        check_folder(out)  # again: minutes have passed
        replace(new, out)
    finally:
        remove(new)
