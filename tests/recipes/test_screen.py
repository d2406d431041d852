"""Tables that the commands print: on terminals of any width, and in a pipe."""

import io

import pytest
from command_helpers import succeed
from rich.console import Console

from recipes.commands import doctor, evaluate, screen, tables
from recipes.commands.screen import new_table, print_table
from recipes.common.presets import read_preset, shipped_presets
from recipes.recipe import RECIPES
from zoo.presets import list_presets


@pytest.fixture
def terminal(monkeypatch):
    """A function of a width that makes a terminal of it, for all commands."""

    def of_width(width):
        console = Console(
            file=io.StringIO(), width=width, force_terminal=True, color_system=None
        )
        for module in (screen, tables, evaluate):
            monkeypatch.setattr(module, "screen", lambda: console)
        return console

    return of_width


def lines_of(console):
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [200, 80, 60])
def test_names_are_whole_in_terminals_of_any_width(terminal, width):
    console = terminal(width)
    tables.print_overview()
    lines = lines_of(console)
    assert max(map(len, lines)) <= width
    first = [line.split(" ")[0] for line in lines]
    for name in list_presets():
        assert first.count(name) == 2 if name in RECIPES else 1
    nll = read_preset("conditional_vae_mnist").entry("metrics")["nll"]
    (row,) = (line for line in lines if f"{nll:.2f}|y" in line)
    assert row.startswith("conditional_vae_mnist")
    assert "|y: given the label" in " ".join(lines)
    heading = lines[lines.index("Presets") + 1].split()
    said = " ".join(lines)
    if width == 200:
        assert heading[-5:] == ["params", "size", "ELBO", "NLL", "K"]
        assert "No room" not in said
    else:  # the least important first, and it says so
        assert "NLL" in heading and "K" not in heading
        assert f"No room in {width} columns for K, params" in said


def test_a_row_stays_one_row_where_nothing_is_left_to_drop(terminal):
    console = terminal(12)
    table = new_table("T", "name", "NLL", numbers=("NLL",), whole=("name",))
    table.add_row("a_long_name_of_a_preset", "81.07")
    assert print_table(console, table, less=("NLL",)) == ["NLL"]
    assert "a_long_name_of_a_preset" in lines_of(console)
    assert console.width == 12


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("name", list_presets())
def test_what_is_to_be_copied_from_a_preset_is_on_one_line(terminal, name, width):
    console, preset = terminal(width), read_preset(name)
    tables.print_details(console, preset)
    lines = console.file.getvalue().splitlines()
    trained, scored = (preset.entry(e)["command"] for e in ("training", "metrics"))
    assert f"Trained by: {trained}" in lines and f"Again: {scored}" in lines
    for line in tables.usage(preset).splitlines():
        assert line in lines
    table = new_table("Presets", "name", "size", whole=("name",))
    table.add_row(name, "1 MB")
    assert not print_table(console, table)


@pytest.mark.parametrize("width", [80, 60])
def test_names_of_a_comparison_are_whole(terminal, width, monkeypatch):
    figure = {"values": [9617.95, 9537.44], "difference": -80.5}
    figure["interval"] = [-9638.02, -9515.11]
    names = ("elbo", "nll", "reconstruction", "kl", "mse", "psnr", "nll_ess")
    compared = {"figures": dict.fromkeys(names, figure), "num_importance_samples": 9}
    monkeypatch.setattr(evaluate, "compare_presets", lambda *a, **options: compared)
    console = terminal(width)
    pair = [
        read_preset("conditional_vae_mnist"),
        read_preset("hierarchical_vae_cifar10"),
    ]
    evaluate.score_pair(pair, None, None, None, 0)
    lines = lines_of(console)
    assert any(
        "conditional_vae_mnist" in line and "hierarchical_vae_cifar10" in line
        for line in lines[1:]
    )
    assert "for difference" in " ".join(lines)


def test_folders_and_names_of_doctor_are_whole(terminal, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "probe", lambda name: ("1.0", "CPU", "works"))
    folder = tmp_path / "a_folder_of_a_long_name" / "with_another_of_a_long_name_in_it"
    console = terminal(60)
    doctor.diagnose(console, folder)
    text = console.file.getvalue()
    assert str(folder) in text
    assert all(preset.name in text for preset in shipped_presets())


def test_nothing_is_cut_or_wrapped_in_a_pipe(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    lines = [line.rstrip() for line in succeed("list").splitlines()]
    assert not any("No room" in line for line in lines)
    # Two titles, two headings, a legend, an empty line and the rows: none is wrapped.
    assert len(lines) == 6 + len(list_presets()) + len(RECIPES)
    shown = succeed("show", "hierarchical_vae_cifar10").splitlines()
    summary = read_preset("hierarchical_vae_cifar10").info["summary"]
    assert len(summary) > 40 and summary in shown


def test_figures_of_shipped_presets_say_what_is_given():
    assert "NLL given the label" in succeed("show", "conditional_vae_mnist")
    assert "given the label" not in succeed("show", "dense_vae_mnist")
