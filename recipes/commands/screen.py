"""Tables on a terminal of any width, and whole in a pipe."""

import sys

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from recipes.common.console import Terminal


def screen(file=None):
    """The `recipes.common.console.Terminal` of what a command prints.

    Args:
        file: where it writes; None is stdout.
    """
    return Terminal(file=file or sys.stdout)


def new_table(title, *columns, numbers=(), whole=()):
    """A table whose columns can be told apart by what may be done to them.

    Args:
        title: above it, or None.
        columns: headings.
        numbers: those of numbers: aligned to the right, on one line.
        whole: those of names and the like, which are for copying: on one line.
            All others are wrapped between words where there is no room.
    """
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.pad_edge = False
    table.collapse_padding = True
    for column in columns:
        number = column in numbers
        table.add_column(
            column,
            justify="right" if number else "left",
            overflow="fold",
            no_wrap=number or column in whole,
        )
    return table


def print_table(console, table, less=()):
    """Prints a table, without its least important columns where there is no room.

    Args:
        console: a `rich.console.Console`.
        table: as `new_table` makes it, with its rows.
        less: headings of the columns that may be left out, the first one first.

    Returns:
        list of the headings that were left out.
    """
    left_out = []
    for heading in less:
        if _least_width(console, table) <= console.width:
            break
        left_out.append(heading)
        table = _without(table, heading)
    if title := table.title:
        table.title = None
        print_line(console, title, style="bold")
    width = console.width
    # What still has no room is left to the terminal, which copies a line as a whole.
    console.width = max(width, _least_width(console, table))
    try:
        console.print(table)
    finally:
        console.width = width
    if left_out:
        console.print(
            f"No room in {width} columns for {', '.join(left_out)}: a wider terminal "
            "has it, and so has a pipe.",
            style="dim",
            markup=False,
            highlight=False,
        )
    return left_out


def print_line(console, text, style=None):
    """Prints text as it is: broken by the terminal alone, so that it can be copied."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _without(table, heading):
    """A copy of a table that lacks a column."""
    columns = [column for column in table.columns if column.header != heading]
    copy = new_table(table.title)
    copy.show_header = table.show_header
    for column in columns:
        copy.add_column(
            column.header,
            justify=column.justify,
            overflow=column.overflow,
            no_wrap=column.no_wrap,
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        copy.add_row(*cells)
    return copy


def _least_width(console, table):
    """Characters below which a name, a number or a word would be broken."""
    widths = []
    for column in table.columns:
        cells = [*column.cells, *([column.header] if table.show_header else [])]
        texts = [
            cell.plain if isinstance(cell, Text) else console.render_str(cell).plain
            for cell in cells
        ]
        if not column.no_wrap:
            texts = [word for text in texts for word in text.split()]
        widths.append(max(map(cell_len, texts), default=0))
    return sum(widths) + max(0, len(widths) - 1)
