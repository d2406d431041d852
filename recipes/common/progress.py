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


@contextlib.contextmanager
def counting(what, total):
    """A bar of how much is done: yields a function of what is done, and of all.

    Args:
        what: is being done.
        total: how many there are; None if only the function will know.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    from recipes.common.console import Terminal

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    console = Terminal(stderr=True)
    hidden = not console.is_terminal
    with Progress(
        *columns, Remaining(), console=console, transient=True, disable=hidden
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done, total: progress.update(task, completed=done, total=total)
