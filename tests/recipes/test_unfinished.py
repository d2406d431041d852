"""What is being written: nothing of it stays, whoever is killed when."""

import os
import re
import signal
import subprocess
import sys

import pytest

from recipes.common.files import write_whole
from recipes.common.interrupt import between_steps
from zoo.unfinished import beside, remove, replace


@pytest.fixture
def dead():
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def of(process, path):
    """The name that another process would have been given."""
    return path.with_name(re.sub(rf"-{os.getpid()}-", f"-{process}-", path.name))


def test_what_the_dead_left_is_swept_and_what_others_write_is_not(tmp_path, dead):
    target = tmp_path / "r.html"
    left = of(dead, beside(target))
    left.write_text("half")
    folder = of(dead, beside(target))
    folder.mkdir()
    (folder / "x").write_text("half")
    living = of(os.getppid(), beside(target))
    of_another = of(dead, beside(tmp_path / "other.html"))
    for path in (living, of_another):
        path.write_text("half")
    write_whole(target, b"whole")
    assert set(tmp_path.iterdir()) == {target, living, of_another}
    assert target.read_bytes() == b"whole"


def test_a_folder_that_was_moved_away_comes_back(tmp_path, dead):
    target = tmp_path / "out"
    earlier = of(dead, beside(target))
    earlier = earlier.with_name(earlier.name + ".earlier")
    earlier.mkdir()
    (earlier / "manifest.json").write_text("old")
    new = beside(target)
    assert (target / "manifest.json").read_text() == "old"
    new.mkdir()
    replace(new, target)
    assert list(tmp_path.iterdir()) == [target] and not list(target.iterdir())


def test_a_failed_replacement_leaves_what_was_there(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "manifest.json").write_text("old")
    with pytest.raises(FileNotFoundError):
        replace(tmp_path / "nothing", target)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "manifest.json"]
    remove(tmp_path / "nothing")


def test_ctrl_c_waits_for_a_step_and_the_second_does_not(capfd):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), between_steps() as steps:
        os.kill(os.getpid(), signal.SIGINT)
        step_is_whole = True
        steps.check()
    assert step_is_whole and "Ctrl-C again stops at once" in capfd.readouterr().err
    with pytest.raises(KeyboardInterrupt), between_steps():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        signal.pause()
    assert signal.getsignal(signal.SIGINT) is before
