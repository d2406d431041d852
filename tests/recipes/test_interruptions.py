"""Commands killed at any moment, and on full disks: half an hour each."""

import os
import subprocess
import sys
import tempfile

import interruptions
import pytest


def undisturbed_by(how, number):
    process = subprocess.run(
        [sys.executable, interruptions.__file__, how, "--number", str(number)],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_thirty_kills_lose_nothing():
    undisturbed_by("kills", 30)


def can_mount():
    """Whether a small disk can be made: by root, on Linux."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
        try:
            done = subprocess.run(mount, capture_output=True).returncode == 0
        except OSError:
            return False
        if done:
            subprocess.run(["umount", folder], check=True)
        return done


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(os.name != "posix", reason="needs a disk to mount")
def test_twenty_full_disks_lose_nothing():
    if not can_mount():
        pytest.skip("needs to mount a small disk")
    undisturbed_by("disks", 20)
