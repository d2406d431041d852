"""A virtual environment for pythae, which is compared with but not depended on."""

import sys

from processes import ROOT, run

REQUIREMENT = "pythae==0.1.2"
FOLDER = ROOT / ".venv-pythae"


def find_or_install():
    """(its Python or None, why there is none or "")"""
    python = FOLDER / "bin" / "python"
    installed = FOLDER / ".installed"
    wanted = REQUIREMENT + "\n" + (ROOT / "constraints.txt").read_text("utf-8")
    if installed.is_file() and installed.read_text("utf-8") == wanted:
        return str(python), ""
    print(f"Installing {REQUIREMENT}: some minutes the first time", flush=True)
    # The same PyTorch as the zoo's: the comparison is of what stands on it.
    install = [python, "-m", "pip", "install", "--quiet", "--retries=1"]
    install += ["-c", ROOT / "constraints.txt", REQUIREMENT, "torch"]
    for command in (
        [sys.executable, "-m", "venv", "--clear", FOLDER],
        install,
        [python, "-c", "import pythae.models"],
    ):
        process = run(command, check=False)
        if process.returncode != 0:
            *_, reason = (process.stderr or process.stdout).strip().splitlines() or [""]
            return None, f"{REQUIREMENT} cannot be installed and is left out: {reason}"
    installed.write_text(wanted, "utf-8")
    return str(python), ""
