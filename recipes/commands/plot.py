"""`vae-zoo plot`: what it does."""

from pathlib import Path

from recipes import plots
from recipes.common.console import Terminal
from recipes.common.files import check_output, write_whole
from recipes.common.progress import working
from recipes.data.reading import print_report
from zoo.text import printable


def plot(
    kind,
    source,
    out=None,
    *,
    overwrite,
    data=None,
    data_dir=None,
    backend=None,
    strict=False,
    invert=False,
    **options,
):
    """Draws one plot to a file, all or nothing, and prints what is seen.

    Args:
        kind: a name of `plots.KINDS`.
        source, data, data_dir, backend, strict, invert: as for `plots.open_subject`.
        out: the file, whose ending decides what it is; None is named after the kind.
        overwrite: whether there may be a file already.
        options: of the plot; those that are None were not given.

    Raises:
        ValueError, OSError, ImportError: as `plots.render`, and for the file.
    """
    kind = plots.get_kind(kind)
    out = Path(out or f"{kind.name}.{kind.forms[0]}")
    form = out.suffix.lower().removeprefix(".")
    if form not in kind.forms:
        endings = " or ".join(f".{form}" for form in kind.forms)
        raise ValueError(
            f"The plot {kind.name!r} is written as {endings}; got {str(out)!r}."
        )
    if data is not None and not kind.reads_images:
        raise ValueError(
            f"The plot {kind.name!r} looks at no images: leave out --data."
        )
    check_output(out, overwrite)
    subject = plots.open_subject(
        source, data, data_dir, backend, strict=strict, invert=invert
    )
    if kind.reads_images and not subject.no_model:
        subject.import_readers()
    with working(f"Drawing {kind.title.lower()}"):
        content = plots.render(kind.name, subject, form, **options)
        words = plots.caption(kind.name, subject, **options)
    write_whole(out, content)
    if data is not None and kind.reads_images:
        print_report(subject.images.report, Terminal(stderr=True))
    print(printable(f"{out}: {words}"))
