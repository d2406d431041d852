"""What is installed, what works, and where things lie. Imports no backend itself."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from recipes.commands.screen import new_table, print_table
from recipes.common import presets
from recipes.common.backend import BACKENDS, installed_version, is_installed
from recipes.data import data_folder, prepared_datasets
from recipes.data.locations import cache_folder
from recipes.documents.texts import megabytes
from zoo.presets import list_presets

# A backend that does not answer within this many seconds counts as broken.
TIME_LIMIT = 120

# Runs in a process of its own, which a broken backend may crash.
_PROBE = """
import importlib, json, sys
name = sys.argv[1]
module = importlib.import_module(name)
if name == "tensorflow":
    devices = [d.device_type for d in module.config.list_physical_devices()]
elif name == "jax":
    kinds = [(d.platform, d.device_kind) for d in module.devices()]
    devices = ["CPU" if platform == "cpu" else kind for platform, kind in kinds]
else:
    devices = ["CPU"]
    cuda = module.cuda
    devices += [cuda.get_device_name(i) for i in range(cuda.device_count())]
    devices += ["MPS"] * module.backends.mps.is_available()
from recipes.common.dtypes import choose_dtype
dtype = choose_dtype("auto", name)
if dtype != "float32":
    devices[-1] += f" (trained on in {dtype})"
print("\\n" + json.dumps([module.__version__, devices]))
"""

# What each extra brings: (extra, what it is for, modules).
_EXTRAS = (
    ("", "sampling", ("numpy", "onnxruntime", "PIL", "typer", "rich")),
    ("train", "training", ("keras", "tensorboard")),
    ("plots", "plots", ("matplotlib", "sklearn")),
    (
        "data",
        "data sets",
        ("tensorflow_datasets", "importlib_resources", "sklearn"),
    ),
    ("export", "conversion to ONNX", ("keras", "tensorflow", "tf2onnx", "onnx")),
    ("compress", "lossless compression", ("constriction",)),
    ("hub", "presets on the hub", ("huggingface_hub",)),
    (
        "ray",
        "work on millions of images",
        ("fsspec", "pyarrow", "ray"),
    ),
)
_NAMES = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "tensorflow_datasets": "tensorflow-datasets",
}


def diagnose(console, data_dir=None):
    """Prints everything; returns whether nothing that is installed is broken."""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    version = importlib.metadata.version("vae-zoo")
    python = platform.python_version()
    console.print(f"vae-zoo {version}, Python {python}, {system}\n", style="bold")
    healthy = [_backends(console), _extras(console)]
    _data(console, data_dir)
    healthy.append(_presets(console))
    return all(healthy)


def probe(backend, time_limit=TIME_LIMIT):
    """Version, devices and state of a backend, asked in a process of its own.

    Returns:
        (version, devices, state): text, text, and "works" or what is wrong.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        process = subprocess.run(
            [sys.executable, "-c", _PROBE, backend],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=time_limit,
        )
        if process.returncode == 0:
            found, devices = json.loads(process.stdout.splitlines()[-1])
            return found, ", ".join(devices) or "none", "works"
        lines = process.stderr.strip().splitlines() or [
            f"it ended with exit code {process.returncode}"
        ]
        reason = lines[-1][:200]
    except subprocess.TimeoutExpired:
        reason = f"no answer within {time_limit:.0f} s"
    except (ValueError, IndexError):
        reason = "it did not answer"
    return "?", "?", f"broken: {reason}"


def _backends(console):
    present = [name for name in BACKENDS if is_installed(name)]
    with (
        console.status("Asking the backends for their devices"),
        ThreadPoolExecutor(len(BACKENDS)) as pool,
    ):
        answers = dict(zip(present, pool.map(probe, present), strict=True))
    table = new_table(
        "Backends", "name", "version", "devices", "state", whole=("name", "version")
    )
    for name in BACKENDS:
        missing = ("-", "-", f'not installed: pip install "vae-zoo[{name}]"')
        table.add_row(name, *answers.get(name, missing))
    print_table(console, table)
    chosen = os.environ.get("KERAS_BACKEND")
    if chosen:
        console.print(f"KERAS_BACKEND is {chosen}.")
    elif present:
        console.print(f"KERAS_BACKEND is not set: commands use {present[0]}.")
    console.print()
    return all(state == "works" for _, _, state in answers.values())


def _extras(console):
    table = new_table("Packages", "for", "packages", "state", whole=("state",))
    for extra, purpose, modules in _EXTRAS:
        missing = [name for name in modules if not is_installed(name)]
        name = f"vae-zoo[{extra}]" if extra else "vae-zoo"
        state = f'pip install "{name}"' if missing else "complete"
        packages = ", ".join(
            f"{_NAMES.get(m, m)} {'missing' if m in missing else installed_version(m)}"
            for m in modules
        )
        table.add_row(purpose, packages, state)
    print_table(console, table)
    console.print()
    return _one_onnxruntime(console) and all(map(is_installed, _EXTRAS[0][2]))


def _one_onnxruntime(console):
    """Whether at most one distribution fills onnxruntime's folder; else says so."""
    owners = importlib.metadata.packages_distributions().get("onnxruntime", [])
    owners = sorted(set(owners))
    if len(owners) > 1:
        console.print(
            f"{' and '.join(owners)} overwrite each other's files: pip uninstall both, "
            "then install one of them.\n"
        )
    return len(owners) <= 1


def _data(console, data_dir):
    table = new_table("Folders", "what", "where", "holds", whole=("where",))
    folder = data_folder(data_dir)
    held = ", ".join(prepared_datasets(data_dir))
    if not held:
        held = "no data sets" if folder.is_dir() else "not there"
    table.add_row("data (TFDS_DATA_DIR)", str(folder), held)
    cache = cache_folder()
    held = ", ".join(prepared_datasets(cache)) or "nothing yet"
    table.add_row("cache", str(cache), held)
    print_table(console, table)
    console.print("digits and sprites are embedded: there without any folder.\n")


def _presets(console):
    table = new_table("Presets", "name", "size", "state", whole=("name", "size"))
    healthy = True
    names = list_presets()
    for name in names:
        try:
            preset = presets.read_preset(name)
            problem, size = presets.damage(preset), megabytes(preset.bytes)
        except (ValueError, OSError) as error:
            problem, size = str(error), "?"
        healthy &= problem is None
        table.add_row(name, size, problem or "checksums match")
    if names:
        print_table(console, table)
    else:
        console.print("No presets ship with this installation.")
    return healthy
