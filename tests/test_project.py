"""What holds the project together: packaging, pins, imports, what is optional."""

import ast
import graphlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PACKAGES = ("zoo", "recipes", "export")


def run_python(code, folder, **environment):
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


# Packaging.


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy so that nothing is left in the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "copy"
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info", "node_modules")
    for name in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "-w", str(folder), str(copy)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr[-3000:]
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        yield archive


def test_wheel_ships_the_packages_and_presets_alone(wheel):
    names = wheel.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    presets = [path for path in (ROOT / "zoo" / "presets").glob("*/*")]
    shipped = {path.relative_to(ROOT).as_posix() for path in presets}
    assert shipped <= set(names)
    # Of the explorer's page what `make explorer` builds, where it was, and no sources.
    built = {path.name for path in (ROOT / "export" / "explorer" / "dist").glob("*")}
    explorer = {name for name in names if name.startswith("export/explorer/")}
    parts = {name.rpartition("/")[2] for name in explorer if "/dist/" in name}
    assert parts == built
    assert all(name.endswith(".py") or "/dist/" in name for name in explorer)
    sizes = {info.filename: info.file_size for info in wheel.infolist()}
    # What DESIGN allows: small binary assets, no data sets.
    assert all(size <= 10e6 for size in sizes.values())
    assert sum(sizes.values()) <= 70e6


def test_wheel_says_what_it_is(wheel):
    (metadata,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    text = wheel.read(metadata).decode()
    assert "License-Expression: Apache-2.0" in text
    assert "Requires-Python: >=3.11" in text
    base = re.findall(r"^Requires-Dist: ([\w.-]+)[^;\n]*$", text, re.M)
    assert sorted(base) == ["numpy", "onnxruntime", "pillow", "pydantic", "typer"]
    (scripts,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
    assert "vae-zoo = recipes.commands.cli:main" in wheel.read(scripts).decode()


def test_versions_agree():
    text = (ROOT / "zoo" / "__init__.py").read_text("utf-8")
    assert f'__version__ = "{PROJECT["version"]}"' in text


# Pins.


def pins():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_constraints_are_plain_pins():
    for line in pins():
        # No hosts, no hashes, no local versions, no markers.
        assert re.fullmatch(r"[\w.-]+==[\w.]+", line), line
        assert not re.match(r"nvidia|cuda|triton=|jax-cuda", line), line
    names = [canonicalize_name(line.partition("==")[0]) for line in pins()]
    assert len(names) == len(set(names))


def test_constraints_pin_what_the_project_asks_for():
    pinned = {}
    for line in pins():
        name, _, number = line.partition("==")
        pinned[canonicalize_name(name)] = number
    wanted = [*PROJECT["dependencies"]]
    for requirements in PROJECT["optional-dependencies"].values():
        wanted += requirements
    for requirement in map(Requirement, wanted):
        if requirement.name != PROJECT["name"]:
            number = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(number), requirement


def test_extras_hold_what_they_promise():
    extras = PROJECT["optional-dependencies"]
    names = {
        extra: {Requirement(r).name for r in requirements}
        for extra, requirements in extras.items()
    }
    assert {"importlib_resources", "tensorflow-datasets"} <= names["data"]
    assert {"onnx", "tensorflow", "tf2onnx"} <= names["export"]
    for backend in ("tensorflow", "jax", "torch"):
        assert names[backend] == {backend, "vae-zoo"}
        assert "vae-zoo[train]" in extras[backend]


# Who imports whom.


def imported_by(path):
    """Top-level packages that a file imports anywhere, with the lines."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0], node.lineno


BACKENDS = {"tensorflow", "jax", "torch"}
# Folder: packages that its files may import, besides Python's own and their own.
ALLOWED = {
    "zoo": {"h5py", "keras", "numpy", "pydantic"},
    "export": {"keras", "numpy", "onnx", "onnxruntime", "tensorflow", "tf2onnx", "zoo"},
    "export/runtime": {"numpy", "onnxruntime", "zoo"},
}


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_go_one_way(folder):
    allowed = ALLOWED[folder] | {folder.partition("/")[0], *sys.stdlib_module_names}
    for path in sorted((ROOT / folder).rglob("*.py")):
        # The thin shells of the training step, and of streams, may know a backend.
        shell = "training" in path.parts and path.stem in BACKENDS
        extra = {path.stem} if shell else set()
        for name, line in imported_by(path):
            assert name in allowed | extra, f"{path.relative_to(ROOT)}:{line}: {name}"


def test_runtime_imports_no_more_of_export_than_it_is():
    for path in sorted((ROOT / "export" / "runtime").glob("*.py")):
        text = path.read_text("utf-8")
        for module in re.findall(
            r"^\s*(?:from|import) ((?:export|zoo)[\w.]*)", text, re.M
        ):
            # Of zoo what needs numpy alone.
            allowed = (
                r"export\.(runtime|errors|priors|arrays)"
                r"|zoo\.(threefry|class_names|text|vocabulary)$"
            )
            assert re.match(allowed, module), path.name


def modules():
    """{dotted name: path} of every module of the three packages."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path, names, at_import_time):
    """Modules among `names` that a file imports, at import time or at any."""
    source = path.read_text("utf-8")
    nodes = [ast.parse(source)]
    while nodes:
        node = nodes.pop()
        if at_import_time and isinstance(node, ast.FunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            nodes += node.orelse
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module in names:
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                yield below if below in names else node.module
    if "iter_modules(__path__)" in source:  # finds its modules by itself
        yield from (name for name in names if names[name].parent == path.parent)


def import_graph(found, at_import_time):
    """{module: those that it imports, and the packages that they lie in}."""
    graph = {}
    for name, path in found.items():
        imported = set(imports_of(path, found, at_import_time))
        packages = {
            other.rsplit(".", count)[0]
            for other in imported
            for count in range(1, other.count(".") + 1)
        }
        own = {name.rsplit(".", count)[0] for count in range(1, name.count(".") + 1)}
        graph[name] = (imported | (packages - own)) - {name}
    return graph


@pytest.mark.parametrize("packages", [("zoo",), ("export",), PACKAGES])
def test_modules_import_each_other_in_no_circle(packages):
    # Of the recipes, some import others when they are called.
    graph = import_graph(modules(), at_import_time=packages == PACKAGES)
    graph = {n: found for n, found in graph.items() if n.split(".")[0] in packages}
    assert sum(map(len, graph.values())) > len(graph)
    try:
        list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"A circle of imports: {' <- '.join(error.args[1])}")


def test_a_circle_by_way_of_a_package_is_found(tmp_path):
    sources = {
        "a": "from a.one import f",
        "a.one": "from b.two import g",
        "b": "import pkgutil\npkgutil.iter_modules(__path__)",
        "b.two": "g = 1",
        "b.three": "import a",
    }
    found = {}
    for name, source in sources.items():
        found[name] = tmp_path / name.split(".")[0] / f"{name.partition('.')[2]}_.py"
        found[name].parent.mkdir(exist_ok=True)
        found[name].write_text(source)
    graph = import_graph(found, at_import_time=True)
    assert graph["a.one"] == {"b", "b.two"} and graph["b"] == {"b.two", "b.three"}
    with pytest.raises(graphlib.CycleError):
        list(graphlib.TopologicalSorter(graph).static_order())


# The rooms of recipes/, from the ground up: each may import those before it. On top
# are the recipes themselves; what a recipe is, recipe.py, is for all.
ROOMS = (
    "common",
    "data",
    "bulk",
    "metrics",
    "plots",
    "documents",
    "runs",
    "commands",
    "",
)


def room_of(name):
    """Of a module of recipes/, "" for the recipes themselves."""
    return name.split(".")[1] if name.count(".") > 1 or name in ROOM_NAMES else ""


ROOM_NAMES = {f"recipes.{room}" for room in ROOMS if room}


def test_rooms_of_recipes_import_downwards():
    found = modules()
    rooms = {room_of(name) for name in found if name.startswith("recipes.")}
    assert rooms == set(ROOMS)
    assert set(found) >= ROOM_NAMES  # each a package, and none ignored by git
    for name, path in found.items():
        if name.startswith("recipes."):
            for other in imports_of(path, found, at_import_time=False):
                if other.startswith("recipes.") and other != "recipes.recipe":
                    here, there = (
                        ROOMS.index(room_of(name)),
                        ROOMS.index(room_of(other)),
                    )
                    assert there <= here, f"{name} imports {other}"


# Without what is optional.


WITHOUT = """
import importlib.machinery, sys

class Without:
    # As if some packages were not installed: no finder finds them.
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in MISSING:
            return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""
TRAIN = """
import json
import numpy as np, zoo, export
from recipes.recipe import get_recipe
from recipes.runs.training import train

x = np.random.default_rng(0).random((64, 8, 8, 1), dtype="float32")
model = zoo.DenseVAE((8, 8, 1), latent_dim=2, hidden_units=(16,), seed=0)
model.compile("adam")
model.fit(x, validation_data=x, epochs=2, batch_size=32, verbose=0)
evaluated = model.evaluate(x, verbose=0, return_dict=True)
model.save_to_preset("saved")
again = zoo.from_preset("saved")
np.testing.assert_allclose(again.reconstruct(x), model.reconstruct(x), atol=1e-6)
try:
    export.export_decoder(model, "decoder.onnx")
except ImportError as error:
    said = str(error)
preset = train(get_recipe("dense_vae_digits"), epochs=1, out="run")
metrics = zoo.preset_info(preset)["metrics"]
loaded = sorted(set(MISSING) & set(sys.modules))
print(json.dumps([evaluated["elbo"], metrics["elbo"], metrics["nll"], said, loaded]))
"""


@pytest.mark.parametrize("backend", ("jax", "torch"))
def test_backend_trains_without_tensorflow(backend, tmp_path):
    others = {"tensorflow", "jax", "torch"} - {backend}
    missing = sorted({*others, "tf2onnx", "onnx"})
    output = run_python(
        f"MISSING = {missing}\n{WITHOUT}\n{TRAIN}", tmp_path, KERAS_BACKEND=backend
    )
    elbo, recipe_elbo, nll, said, loaded = json.loads(output.splitlines()[-1])
    assert -80 < elbo < -30  # 64 grey pixels: noise has 44 nats
    assert -700 < recipe_elbo < -nll < 0
    assert loaded == []
    assert "needs tensorflow, tf2onnx, onnx" in said
    assert 'pip install "vae-zoo[export]"' in said
    assert not (tmp_path / "decoder.onnx").exists()
    assert (tmp_path / "run" / "preset" / "model.weights.h5").is_file()


@pytest.mark.parametrize("missing", (["keras"], ["torch"]))
def test_zoo_says_what_to_install(missing, tmp_path):
    code = f"""
MISSING = {missing}
{WITHOUT}
import zoo, zoo.presets

for use in (
    lambda: zoo.VAE,
    lambda: zoo.likelihoods,
    lambda: __import__("zoo", fromlist=["priors"]),
    lambda: zoo.from_preset("dense_vae_digits"),
    lambda: zoo.presets.save_to_preset,
):
    try:
        use()
    except ImportError as error:
        print(error)
"""
    said = run_python(code, tmp_path, KERAS_BACKEND="torch").splitlines()
    assert [line.partition(" needs Keras")[0] for line in said] == [
        "zoo.VAE",
        "zoo.likelihoods",
        "zoo.priors",
        "zoo.from_preset",
        "zoo.presets.save_to_preset",
    ]
    for line in said:
        assert f"No module named '{missing[0]}'" in line
        for backend in ("tensorflow", "jax", "torch"):
            assert f'"vae-zoo[{backend}]"' in line


# Doing it all.


def make(*arguments):
    """What a make that this suite's own make knows nothing of prints."""
    inherited = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VENV")
    return subprocess.run(
        ["make", *arguments],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if k not in inherited},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_makefile_has_its_targets_and_help():
    said = make("-s", "help")
    for target in ("demo", "test", "lint", "bench"):
        assert f"make {target} " in said
        # Without an environment, it would make one first.
        plan = make("-n", target, "VENV=no-such-environment")
        assert "-m venv no-such-environment" in plan


def test_make_test_covers_every_backend_and_every_test():
    plan = make("-n", "test")
    runs = re.findall(r"KERAS_BACKEND=(\w+) .*-m pytest (.*)", plan)
    assert {backend for backend, _ in runs} == BACKENDS
    named = {word for _, arguments in runs for word in arguments.split()}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        # Named itself, or a folder of it that is not all of them.
        places = (path, *path.parents[: len(path.relative_to(ROOT).parts) - 2])
        assert named & {place.relative_to(ROOT).as_posix() for place in places}, path


def test_ci_calls_make_test():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert script.read_text().rstrip().endswith("make test")
