"""Public signatures as a type checker of a user's sees them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHECKER = Path(sys.executable).with_name("basedpyright")


def check(folder):
    """What the checker says of a folder, which has no stubs for Keras."""
    (folder / "pyrightconfig.json").write_text(
        f'{{"typeCheckingMode": "basic", "extraPaths": ["{ROOT}"]}}'
    )
    command = [CHECKER, "--pythonpath", sys.executable]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.skipif(not CHECKER.exists(), reason="needs basedpyright")
def test_users_call_the_contract_without_an_error(tmp_path):
    shutil.copy(ROOT / "tests" / "types" / "contract.py", tmp_path)
    (tmp_path / "wrong.py").write_text(
        'import zoo\n\nzoo.DenseVAE((28, 28, 1), 2).sample("three")\n'
    )
    said = check(tmp_path).stdout
    assert "contract.py" not in said, said
    assert '"num_samples"' in said, "a wrong call is not noticed"
    assert "1 error" in said
