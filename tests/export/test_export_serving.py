"""Exported models as servers read them, by the servers' own schemas."""

import concurrent.futures
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import onnxruntime
import pytest
from markdown_blocks import ROOT, read_blocks

import export
from export.runtime.signature import Value
from export.serving import mlflow_signature, write_layout
from export.serving.layouts import open_inference_metadata, triton_config
from export.serving.tensors import Served

SERVE = ROOT / "export" / "serve.md"


def parsed(text):
    """A config.pbtxt as Triton parses it."""
    pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    from google.protobuf import text_format

    return pb2, text_format.Parse(text, pb2.ModelConfig())


def test_a_repository_is_what_triton_reads(folder, tmp_path):
    names = write_layout(folder, tmp_path / "repository")
    assert names == [f"DenseVAE_{k}" for k in ("decoder", *_others(folder))]
    for name in names:
        place = tmp_path / "repository" / name
        pb2, config = parsed((place / "config.pbtxt").read_text())
        kind = name.rpartition("_")[2]
        file = place / "1" / "model.onnx"
        assert file.read_bytes() == (folder / f"{kind}.onnx").read_bytes()
        assert config.name == name and config.backend == "onnxruntime"
        check_against_file(pb2, config, file)


def _others(folder):
    return sorted(p.stem for p in folder.glob("*.onnx") if p.stem != "decoder")


def check_against_file(pb2, config, file):
    """That a configuration has the inputs and outputs that onnxruntime sees."""
    session = onnxruntime.InferenceSession(file)
    types = {
        "tensor(float)": pb2.TYPE_FP32,
        "tensor(int32)": pb2.TYPE_INT32,
        "tensor(int64)": pb2.TYPE_INT64,
    }
    for given, wanted in (
        (config.input, session.get_inputs()),
        (config.output, session.get_outputs()),
    ):
        assert [each.name for each in given] == [each.name for each in wanted]
        for told, real in zip(given, wanted, strict=True):
            assert told.data_type == types[real.type]
            shape = [n if isinstance(n, int) else -1 for n in real.shape]
            inner = told.reshape.shape if told.HasField("reshape") else told.dims
            rows = [-1] if config.max_batch_size else []
            assert rows + list(inner) == shape


def test_requests_are_joined_where_all_has_rows():
    row = Value("float32", ("batch", 4))
    label = Value("int32", ("batch",))
    single = Value("float32", ())
    joined = Served("a_decoder", "x", {"z": row, "labels": label}, {"image": row})
    _, config = parsed(triton_config(joined))
    assert config.max_batch_size == 64 and config.HasField("dynamic_batching")
    assert list(config.input[1].dims) == [1] and not config.input[1].reshape.shape
    alone = Served("a_generator", "x", {"noise": row, "t": single}, {"image": row})
    _, config = parsed(triton_config(alone))
    assert config.max_batch_size == 0 and not config.HasField("dynamic_batching")
    assert list(config.input[0].dims) == [-1, 4] and list(config.input[1].dims) == [1]
    # What Triton answers to clients of the Open Inference Protocol.
    shapes = [t["shape"] for t in open_inference_metadata(joined)["inputs"]]
    assert shapes == [[-1, 4], [-1, 1]]
    shapes = [t["shape"] for t in open_inference_metadata(alone)["inputs"]]
    assert shapes == [[-1, 4], [1]]


def test_kserve_has_the_repository_and_says_what_it_answers(folder, tmp_path):
    names = write_layout(folder, tmp_path / "service", "kserve", name="my digits")
    assert names[0] == "my_digits_decoder"
    for name in names:
        assert (tmp_path / "service" / "models" / name / "1" / "model.onnx").is_file()
        said = json.loads((tmp_path / "service/metadata" / f"{name}.json").read_text())
        # Of the protocol's schema: these are required, and nothing else is there.
        assert set(said) == {"name", "versions", "platform", "inputs", "outputs"}
        for tensor in said["inputs"] + said["outputs"]:
            assert set(tensor) == {"name", "datatype", "shape"}
            assert tensor["datatype"] in ("FP32", "INT32", "INT64")
    text = (tmp_path / "service" / "inference_service.yaml").read_text()
    assert "name: my-digits\n" in text and "kind: InferenceService" in text


def test_one_file_can_be_laid_out_and_folders_are_kept(decoder_file, tmp_path):
    target = tmp_path / "repository"
    assert write_layout(decoder_file, target, name="d") == ["d_decoder"]
    with pytest.raises(FileExistsError, match="exists already"):
        write_layout(decoder_file, target)
    assert write_layout(decoder_file, target, name="e", overwrite=True) == ["e_decoder"]
    assert [p.name for p in target.iterdir() if p.is_dir()] == ["e_decoder"]
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError, match="not a folder that was laid out here"):
        write_layout(decoder_file, tmp_path / "mine", overwrite=True)
    with pytest.raises(FileNotFoundError):
        write_layout(tmp_path / "none", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_mlflow_checks_inputs_by_the_signature(decoder_file, folder, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    import onnx

    signature = mlflow_signature(decoder_file)
    model = onnx.load(decoder_file)
    mlflow.onnx.save_model(model, tmp_path / "logged", signature=signature)
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "logged"))
    z = np.random.default_rng(0).normal(size=(3, 6)).astype("float32")
    images = loaded.predict({"z": z})["image"]
    wanted = export.Sampler(decoder_file).decode(z)
    np.testing.assert_allclose(images, wanted, atol=1e-6)
    with pytest.raises(mlflow.exceptions.MlflowException, match="shape|incompatible"):
        loaded.predict({"z": z[:, :5]})
    with pytest.raises(ValueError, match="is a folder: give one of its .onnx files"):
        mlflow_signature(folder)


@pytest.fixture
def service(folder, tmp_path):
    """The tutorial's service, started: its address."""
    pytest.importorskip("fastapi")
    (block,) = [b for b in read_blocks(SERVE) if "FastAPI(" in b.code]
    assert len(block.code.splitlines()) <= 32
    (tmp_path / "service.py").write_text(block.code)
    (tmp_path / "exported").symlink_to(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "service:app", "--port", str(port)]
    with open(tmp_path / "log", "w") as log:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/openapi.json", timeout=5)
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def test_a_service_answers_two_hundred_at_once_as_one_by_one(service):
    def ask(seed):
        with urllib.request.urlopen(f"{service}/sample.png?seed={seed}") as answer:
            return answer.read()

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        together = list(pool.map(ask, range(200)))
    assert together == [ask(seed) for seed in range(200)]
    assert len(set(together)) == 200
    with pytest.raises(urllib.error.HTTPError, match="422"):
        ask(-1)


def test_a_service_says_what_is_wrong(service):
    def decode(z):
        data = json.dumps({"z": z}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{service}/decode", data, headers)
        return json.load(urllib.request.urlopen(request))

    assert np.shape(decode([[0.0] * 6] * 2)["image"]) == (2, 16, 12, 3)
    with pytest.raises(urllib.error.HTTPError) as caught:
        decode([[0.0] * 5])
    assert caught.value.code == 400 and "latent" in caught.value.read().decode()
