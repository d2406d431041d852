"""Starting the fresh TensorFlow process that converts.

One exporter serves all backends, and a fresh process gives the same bytes each time.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from export.errors import ExportError

_PACKAGES = ("keras", "tensorflow", "tf2onnx", "onnx")
_TIMEOUT_SECONDS = 900
_ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "CUDA_VISIBLE_DEVICES": "-1",  # a graphics card computes with other rounding
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "PYTHONHASHSEED": "0",
}


def check_packages():
    """Raises ImportError naming what conversion needs and is not installed."""
    missing = [name for name in _PACKAGES if not _is_installed(name)]
    if missing:
        raise ImportError(
            f"Exporting to ONNX needs {', '.join(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed: run "
            'pip install "vae-zoo[export]" (weights from any backend are then '
            "converted through TensorFlow)."
        )


def _is_installed(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def convert(workspace, request):
    """Converts workspace/preset to files workspace/out/<name>.

    Args:
        workspace: a folder.
        request: `what` is wanted, a whole "folder" or one file, such as "decoder";
            what a `detector` keeps, or None; `opset`, `quantize`, `preset_name` or
            None, and `classes` as `classes.prepare` finds them.

    Returns:
        {name: what `export.convert.conversion` measured of the file}.

    Raises:
        ExportError: with the child's own sentence if it gave one.
    """
    workspace = workspace.resolve()
    (workspace / "request.json").write_text(json.dumps(request), encoding="utf-8")
    (workspace / "out").mkdir()
    # The child must find the same packages, wherever the parent found them.
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *(os.path.abspath(p) for p in sys.path if p and os.path.exists(p))]
    environment = {
        **os.environ,
        **_ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
    }
    try:
        process = subprocess.run(
            [sys.executable, "-m", "export.convert.conversion", str(workspace)],
            env=environment,
            cwd=workspace,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise ExportError(
            f"Conversion did not end within {_TIMEOUT_SECONDS} s and was stopped."
        ) from None
    result = workspace / "result.json"
    if process.returncode != 0 or not result.is_file():
        lines = process.stderr.strip().splitlines() or ["it said nothing"]
        error = ExportError(
            "Conversion to ONNX failed in its TensorFlow process (exit "
            f"{process.returncode}): {lines[-1][:500]}"
        )
        error.add_note("\n".join(lines[-40:]))
        raise error
    answer = json.loads(result.read_text(encoding="utf-8"))
    if "error" in answer:
        raise ExportError(answer["error"])
    return answer
