"""Running commands of `vae-zoo` in this process."""

from typer.testing import CliRunner

from recipes.commands.cli import app


def run(*arguments):
    """Runs a command in this process."""
    return CliRunner().invoke(app, [str(word) for word in arguments])


def succeed(*arguments):
    """Runs a command that must succeed; returns what it printed."""
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def fail(*arguments, code=1):
    """Runs a command that must fail in one sentence; returns the sentence."""
    result = run(*arguments)
    assert result.exit_code == code, result.output
    if code == 1:
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
        assert result.stderr.startswith("Error: "), result.stderr
    assert "Traceback" not in result.output
    return result.stderr
