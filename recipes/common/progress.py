"""A sign of life while something takes long."""

import contextlib


@contextlib.contextmanager
def working(what, console=None):
    """A spinner with the time that has passed, where nobody can tell what is left.

    Args:
        what: is being done.
        console: `rich.console.Console`; else that of stderr.
    """
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from recipes.common.console import Terminal

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    console = console or Terminal(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        progress.add_task(what, total=None)
        yield
