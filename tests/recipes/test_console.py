"""Text of others on a terminal: as it is, or as escapes, never as commands."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.commands.screen import new_table, print_line, print_table
from recipes.common.console import Terminal
from recipes.common.errors import sentence
from zoo.text import is_name, printable


def shown(*texts):
    """What a terminal gets of texts printed, as a title and in cells of a table."""
    console = Terminal(file=io.StringIO(), width=400, color_system=None)
    for text in texts:
        console.print(text)
        print_line(console, text)
        table = new_table(text, "name", text)
        table.add_row(text, "x")
        print_table(console, table)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "text, escaped",
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\x1b]0;title\x07", r"a\x1b]0;title\x07"),
        ("a\rb", r"a\rb"),
        ("a\x9b2Jb", r"a\x9b2Jb"),
        ("a\u202eb", r"a\u202eb"),
        ("a\ud800b", r"a\ud800b"),
        ("a\u2028b", r"a\u2028b"),
    ],
)
def test_commands_become_escapes(text, escaped):
    assert printable(text) == escaped
    assert set(shown(text).split()) == {escaped, "name", "x"}
    one_line = printable(" ".join(text.split()))
    assert sentence(ValueError(f"{text} is bad.")) == f"{one_line} is bad."


@pytest.mark.parametrize(
    "text", ["[bold]x[/]", "[/]", "[link=file:///x]y", ":smile:", "a [b] c", "é 数 😀"]
)
def test_brackets_and_letters_stay(text):
    assert printable(text) == text
    assert shown(text).count(text) == 5
    assert sentence(ValueError(text)) == text


@given(st.text())
def test_what_is_printable_stays_so(text):
    once = printable(text)
    assert printable(once) == once
    assert not set(once) & {"\x1b", "\r", "\x07", "\x9b"}


@given(st.text(max_size=20))
def test_names_hold_no_path_and_no_code(text):
    if is_name(text):
        assert not set(text) & set("/\\:\"'`$ <>&;|\n") and not text.startswith(".")


@pytest.mark.parametrize("text", ["", ".", "..", "-rf", "a/b", "a" * 129, 3, None])
def test_other_things_are_no_names(text):
    assert not is_name(text)
