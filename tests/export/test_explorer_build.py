"""The parts of the explorer's page are built when they are first wanted."""

import pytest

from export.explorer import assets

NPM = """#!/bin/sh
echo "$@" >> called.txt
if [ "$1" = run ]; then mkdir ../dist && echo '{{}}' > ../dist/versions.json; fi
{end}
"""


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout in which nothing is built, with an npm that does as if."""
    monkeypatch.setattr(assets, "FOLDER", tmp_path / "dist")
    monkeypatch.setattr(assets, "SOURCES", tmp_path / "web")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    for name in ("web", "bin"):
        (tmp_path / name).mkdir()
    (tmp_path / "web" / "package.json").write_text("{}")

    def install(end):
        npm = tmp_path / "bin" / "npm"
        npm.write_text(NPM.format(end=end))
        npm.chmod(0o755)
        return tmp_path

    return install


def test_parts_are_built_once(checkout):
    folder = checkout("exit 0")
    for _ in range(2):
        assets.build()
    called = (folder / "web" / "called.txt").read_text().splitlines()
    assert called == ["ci --loglevel=error", "run --silent build"]


def test_what_npm_says_is_passed_on(checkout):
    checkout("echo first >&2; echo 'no such host' >&2; exit 1")
    with pytest.raises(FileNotFoundError, match="npm ci could not .*: no such host$"):
        assets.build()


def test_without_npm_or_sources_a_sentence_says_what_to_do(checkout, monkeypatch):
    folder = checkout("exit 0")
    monkeypatch.setattr(assets.shutil, "which", lambda name: None)
    with pytest.raises(FileNotFoundError, match="Node.js and npm: install them"):
        assets.build()
    (folder / "web" / "package.json").unlink()
    with pytest.raises(FileNotFoundError, match="run `make explorer` in the checkout"):
        assets.build()
