"""Presets from and to a hub on this machine: whole, or a sentence."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
from hub_server import OWNER, TOKEN, Hub, Repository
from huggingface_hub import constants

import zoo
from zoo.presets.folder import SHIPPED, preset_folder, preset_info, update_metadata
from zoo.presets.hub.address import NEEDED

PRESET = SHIPPED / "dense_vae_digits"
NAME = f"{OWNER}/digits"
ADDRESS = f"hf://{NAME}"


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A hub with one preset, a cache of its own, and its owner logged in."""
    server = Hub()
    template = server.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    server.repositories[NAME] = Repository()
    server.repositories[NAME].commit(files_of(PRESET))
    yield server
    server.shutdown()
    server.server_close()


def change(server, **files):
    """Commits other files: None for one that is gone."""
    repository = server.repositories[NAME]
    kept = {**repository.commits[repository.find("main")], **files}
    return repository.commit({k: v for k, v in kept.items() if v is not None})


def test_a_preset_goes_up_and_comes_down_the_same(server, tmp_path):
    with_onnx = tmp_path / "mine"
    shutil.copytree(PRESET, with_onnx)
    (with_onnx / "onnx").mkdir()
    (with_onnx / "onnx" / "decoder.onnx").write_bytes(bytes(range(256)))
    address = zoo.upload_preset(f"hf://{OWNER}/new", with_onnx, license="cc-by-4.0")
    assert address.startswith(f"hf://{OWNER}/new@")
    for number, each in enumerate((f"hf://{OWNER}/new", address)):
        folder = zoo.download_preset(each, tmp_path / f"copy{number}")
        assert files_of(folder) == files_of(with_onnx)
    assert preset_info(address) == preset_info(PRESET)


def test_the_card_has_what_the_hub_reads(server):
    zoo.upload_preset(ADDRESS, PRESET, license="cc-by-4.0")
    repository = server.repositories[NAME]
    text = repository.commits[repository.find("main")]["README.md"].decode()
    data = huggingface_hub.ModelCard(text).data
    assert data.license == "cc-by-4.0" and data.library_name == "vae-zoo"
    figures = {r.metric_type: r.metric_value for r in data.eval_results}
    assert figures["nll"] == preset_info(PRESET)["metrics"]["nll"]
    assert f'zoo.from_preset("{ADDRESS}")' in text
    before = (PRESET / "README.md").read_text()
    assert text.endswith(before)
    # Once more, and nothing is written twice.
    zoo.upload_preset(ADDRESS, PRESET, license="cc-by-4.0")
    assert repository.commits[repository.find("main")]["README.md"].decode() == text


def test_a_preset_without_a_card_gets_one_there_alone(server, tmp_path):
    shutil.copytree(PRESET, tmp_path / "bare")
    (tmp_path / "bare" / "README.md").unlink()
    zoo.upload_preset(ADDRESS, tmp_path / "bare")
    repository = server.repositories[NAME]
    assert (
        b"# dense_vae_digits"
        in repository.commits[repository.find("main")]["README.md"]
    )
    zoo.download_preset(ADDRESS, tmp_path / "copy")
    assert files_of(tmp_path / "copy") == files_of(tmp_path / "bare")


def test_the_weights_alone_are_downloaded_and_once(server):
    folder = preset_folder(ADDRESS)
    assert sorted(files_of(folder)) == sorted(NEEDED)
    server.requests.clear()
    preset_folder(ADDRESS)
    assert not any("resolve" in request for request in server.requests)


def test_a_revision_is_what_it_was(server, tmp_path):
    first = server.repositories[NAME].find("main")
    update_metadata_in(server, tmp_path, summary="Another.")
    assert preset_info(ADDRESS)["summary"] == "Another."
    assert preset_info(f"{ADDRESS}@{first}") == preset_info(PRESET)
    server.status = 500  # it is not asked
    assert preset_info(f"{ADDRESS}@{first}") == preset_info(PRESET)


def update_metadata_in(server, tmp_path, **values):
    shutil.copytree(PRESET, tmp_path / "changed")
    update_metadata(tmp_path / "changed", **values)
    return change(server, **files_of(tmp_path / "changed"))


def test_without_the_hub_what_was_downloaded_is_taken_and_said(server, monkeypatch):
    preset_folder(ADDRESS)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.warns(UserWarning, match="cannot be reached .* before is taken"):
        assert preset_info(ADDRESS) == preset_info(PRESET)
    with pytest.warns(UserWarning), pytest.raises(ConnectionError, match="not all of"):
        preset_folder(f"hf://{OWNER}/another")


def test_a_hub_that_is_down_is_like_none(server):
    preset_folder(ADDRESS)
    server.status = 503
    with pytest.warns(UserWarning, match="answers 503"):
        preset_folder(ADDRESS)


@pytest.mark.parametrize(
    "address",
    [
        "hf://",
        "hf://x",
        "hf://a/b/c",
        "hf://a/b@",
        "hf://../b",
        "hf://a/b c",
        "hf://-/",
    ],
)
def test_other_addresses_are_refused(address):
    with pytest.raises(ValueError, match="must be hf://user/name"):
        preset_folder(address)


def test_what_is_not_there_is_said(server, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no repository someone/x .* private"):
        preset_folder(f"hf://{OWNER}/x")
    with pytest.raises(FileNotFoundError, match="no branch, tag or commit 'v9'"):
        preset_folder(f"{ADDRESS}@v9")
    server.repositories[NAME].private = True
    assert preset_info(ADDRESS)["preset"] == "dense_vae_digits"
    monkeypatch.setenv("HF_TOKEN", "hf_of_another")
    with pytest.raises(FileNotFoundError, match="or it is private: log in"):
        preset_folder(ADDRESS)


def test_access_that_has_to_be_asked_for_is_said(server):
    server.repositories[NAME].gated = True
    with pytest.raises(PermissionError, match="has to be asked for"):
        preset_folder(ADDRESS)


def test_a_repository_of_another_kind_is_refused(server):
    change(server, **{"config.json": None, "model.weights.h5": None})
    with pytest.raises(
        FileNotFoundError, match="no preset .* has no config.json, model.weights.h5"
    ):
        preset_folder(ADDRESS)


@pytest.mark.parametrize("name", ["model.weights.h5", "config.json", "metadata.json"])
def test_files_with_another_hash_are_refused_and_removed(server, name, tmp_path):
    good = server.repositories[NAME].find("main")
    content = (PRESET / name).read_bytes()
    change(server, **{name: content.replace(b"e", b"f", 1)})
    for _ in range(2):
        with pytest.raises(ValueError, match="no whole preset, and was removed"):
            preset_folder(ADDRESS)
    with pytest.raises(ValueError, match="no whole preset"):
        zoo.download_preset(ADDRESS, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert preset_info(f"{ADDRESS}@{good}") == preset_info(PRESET)


def test_a_download_that_breaks_off_leaves_nothing_half(server, tmp_path, monkeypatch):
    server.cut_after = 50_000
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    with pytest.raises(ConnectionError, match="broke off while downloading"):
        zoo.download_preset(ADDRESS, tmp_path / "copy")
    assert not any(tmp_path.glob("*copy*"))
    with pytest.raises(ConnectionError, match="broke off"):
        preset_folder(ADDRESS)
    server.cut_after = None
    server.requests.clear()
    assert files_of(zoo.download_preset(ADDRESS, tmp_path / "copy")) == files_of(PRESET)
    again = [r for r in server.requests if r.startswith("GET") and "resolve" in r]
    assert not any(request.endswith("config.json") for request in again)


def test_what_nobody_needs_is_left_out_and_said(server, tmp_path):
    change(server, **{"run.py": b"raise SystemExit", "model.pkl": b"\x80"})
    with pytest.warns(UserWarning, match="Left out of .*: model.pkl, run.py"):
        folder = zoo.download_preset(ADDRESS, tmp_path / "copy")
    assert files_of(folder) == files_of(PRESET)
    (folder / "notes.txt").write_text("mine")
    with pytest.warns(UserWarning, match="Not uploaded: notes.txt"):
        zoo.upload_preset(f"hf://{OWNER}/other", folder)


def test_nothing_is_overwritten(server, tmp_path):
    (tmp_path / "copy").mkdir()
    with pytest.raises(FileExistsError, match="exists already"):
        zoo.download_preset(ADDRESS, tmp_path / "copy")
    with pytest.raises(ValueError, match="take it to a folder of your own"):
        update_metadata(ADDRESS, summary="Mine.")


def test_uploads_that_may_not_be_are_refused(server, monkeypatch, tmp_path):
    with pytest.raises(PermissionError, match="does not allow uploading"):
        zoo.upload_preset("hf://another/digits", PRESET)
    monkeypatch.setenv("HF_TOKEN", "hf_of_another")
    with pytest.raises((PermissionError, FileNotFoundError), match="log in"):
        zoo.upload_preset(ADDRESS, PRESET)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    shutil.copytree(PRESET, tmp_path / "damaged")
    with open(tmp_path / "damaged" / "model.weights.h5", "ab") as file:
        file.write(b"x")
    before = dict(server.repositories[NAME].commits)
    with pytest.raises(ValueError, match="is damaged"):
        zoo.upload_preset(ADDRESS, tmp_path / "damaged")
    assert server.repositories[NAME].commits == before
    with pytest.raises(FileNotFoundError, match="no branch"):
        zoo.upload_preset(f"{ADDRESS}@v9", PRESET)


def test_without_the_library_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"vae-zoo\[hub\]"):
        preset_folder(ADDRESS)


def command(server, tmp_path, *words, backend="torch"):
    """Runs vae-zoo in a process of its own, with a cache of its own."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": server.address,
        "HF_HUB_CACHE": str(tmp_path / "other"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_TOKEN": TOKEN,
        "KERAS_BACKEND": backend,
    }
    run = [sys.executable, "-m", "recipes.commands.cli", *words]
    return subprocess.run(run, env=environment, capture_output=True, text=True)


def test_commands_push_and_pull(server, tmp_path):
    address = f"hf://{OWNER}/by_command"
    ran = command(server, tmp_path, "push", "dense_vae_digits", address, "--no-onnx")
    assert ran.returncode == 0, ran.stderr
    assert f"dense_vae_digits: {address}@" in ran.stdout
    folder = tmp_path / "pulled"
    ran = command(server, tmp_path, "pull", address, "--out", str(folder))
    assert ran.returncode == 0, ran.stderr
    assert files_of(folder) == files_of(PRESET)
    ran = command(server, tmp_path, "show", address)
    assert ran.returncode == 0 and "dense_vae_digits" in ran.stdout
    # Not the folder in this machine's cache, which nothing is written to.
    assert f'zoo.from_preset("{address}")' in ran.stdout
    assert str(tmp_path) not in ran.stdout
    ran = command(server, tmp_path, "evaluate", address, "--save")
    assert ran.returncode == 1 and "lies on the hub: pull it" in ran.stderr
    ran = command(server, tmp_path, "pull", f"hf://{OWNER}/none")
    assert ran.returncode == 1
    assert ran.stderr.startswith("Error: There is no repository")
    assert len(ran.stderr.strip().splitlines()) == 1


LOAD = """
import json, sys, zoo
model = zoo.from_preset(sys.argv[1])
print(json.dumps(model.sample(2, seed=0).ravel()[::200].tolist()))
"""


@pytest.mark.cross_backend
def test_what_was_pushed_loads_on_every_backend(server, tmp_path):
    address = f"hf://{OWNER}/by_command"
    ran = command(server, tmp_path, "push", "dense_vae_digits", address)
    assert ran.returncode == 0, ran.stderr
    repository = server.repositories[address.removeprefix("hf://")]
    assert "onnx/decoder.onnx" in repository.commits[repository.find("main")]
    found = []
    for backend in ("tensorflow", "jax", "torch"):
        environment = {
            **os.environ,
            "HF_ENDPOINT": server.address,
            "HF_HUB_CACHE": str(tmp_path / backend),
            "HF_TOKEN": TOKEN,
            "KERAS_BACKEND": backend,
        }
        run = [sys.executable, "-c", LOAD, address]
        ran = subprocess.run(run, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        found.append(json.loads(ran.stdout))
    assert found[0] == pytest.approx(found[1], abs=1e-5)
    assert found[0] == pytest.approx(found[2], abs=1e-5)
