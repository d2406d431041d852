"""The door through which text goes to a terminal, with colours and tables."""

from rich.console import Console

from zoo.text import printable

# Columns of characters in a pipe or a file, where nothing is cut or wrapped.
UNLIMITED = 100_000


class Terminal(Console):
    """A console that prints text as it is: brackets are no markup, escapes no commands.

    It has the terminal's width, or none in a pipe.

    Names of files, presets and classes come from others. What is bold is said by
    `style=`.

    Args:
        options: of `rich.console.Console`.
    """

    def __init__(self, **options):
        super().__init__(markup=False, highlight=False, emoji=False, **options)
        if not self.is_terminal and "width" not in options:
            self.width = UNLIMITED

    def render_str(self, text, **options):
        return super().render_str(printable(text), **options)
