"""Prepared data sets and the embedded digits, with and without TensorFlow."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from recipes.data import load_images, prepared_datasets
from recipes.data.tfrecord import read_tfrecord

pytest.importorskip("tensorflow_datasets")
pytest.importorskip("sklearn")

ROOT = Path(__file__).resolve().parents[2]
EVERY = ("train", "validation", "test")
# As if TensorFlow were not installed: no finder finds it.
WITHOUT_TENSORFLOW = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] != "tensorflow":
            return self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def run_python(code, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return output.strip()


@pytest.fixture(autouse=True)
def private_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory):
    from recipes.data.digits import prepare

    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.fixture(scope="session")
def tfrecord_folder(digits_folder, tmp_path_factory):
    """The digits as TFDS would have prepared MNIST: TFRecord files, its names."""
    import tensorflow_datasets as tfds

    source = digits_folder / "digits" / "1.0.0"
    target = tmp_path_factory.mktemp("tfrecord")
    builder = tfds.builder_from_directory(str(source))
    raw = tfds.decode.DeserializeMethod.RAW_BYTES
    for split in ("train", "test"):
        records = builder.as_data_source(split, deserialize_method=raw)
        file = target / f"mnist-{split}.tfrecord-00000-of-00001"
        file.write_bytes(b"".join(frame(bytes(record)) for record in records))
    shutil.copy(source / "features.json", target)
    info = json.loads((source / "dataset_info.json").read_text())
    info |= {"fileFormat": "tfrecord", "name": "mnist", "version": "3.0.1"}
    (target / "dataset_info.json").write_text(json.dumps(info))
    return target


@pytest.fixture
def mnist_folder(tfrecord_folder, tmp_path):
    return shutil.copytree(tfrecord_folder, tmp_path / "tfds" / "mnist" / "3.0.1")


def masked_crc(data):
    """CRC-32C bit by bit, as its definition has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1))
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def frame(record):
    length = len(record).to_bytes(8, "little")
    crcs = [masked_crc(part).to_bytes(4, "little") for part in (length, record)]
    return length + crcs[0] + record + crcs[1]


def test_importing_is_light():
    code = """
    import sys
    import recipes.data
    heavy = {"keras", "tensorflow", "tensorflow_datasets", "sklearn", "PIL"}
    print(sorted(heavy & sys.modules.keys()))
    """
    assert finished(run_python(code)) == "[]"


def test_crc_known_answer():
    # RFC 3720, B.4: 32 bytes of zeros.
    crc = 0x8A9136AA
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    assert masked_crc(bytes(32)) == masked


def test_tfrecord(tmp_path):
    records = [b"", b"a", b"some bytes" * 30, bytes(range(256))]
    path = tmp_path / "records"
    path.write_bytes(b"".join(map(frame, records)))
    assert read_tfrecord(path) == records
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(ValueError, match="truncated"):
        read_tfrecord(path)
    for position in range(16, len(content), 7):  # after the first, empty record
        damaged = bytearray(content)
        damaged[position] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="truncated|damaged"):
            read_tfrecord(path)


def test_digits():
    data = load_images("digits", splits=EVERY)
    assert [len(getattr(data, name)) for name in EVERY] == [1350, 150, 297]
    assert data.image_shape == (28, 28, 1) and data.num_classes == 10
    assert data.license == "CC BY 4.0"
    counts = np.bincount(data.test_labels)
    assert counts.min() >= 28 and counts.max() <= 31
    assert data.train.max() == 1 and 0.25 < data.train.mean() < 0.35
    images = np.concatenate([data.train, data.validation, data.test])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) > 1780


def test_digits_are_prepared_in_the_cache_only(tmp_path):
    (tmp_path / "tfds").mkdir()
    load_images("digits")
    assert not list((tmp_path / "tfds").iterdir())
    cache = tmp_path / "cache" / "vae-zoo"
    if sys.platform == "linux":
        assert prepared_datasets(cache) == ["digits:1.0.0"]
        assert [path.name for path in cache.iterdir()] == ["digits"]


def test_digits_are_a_tfds_builder(digits_folder):
    import tensorflow_datasets as tfds

    import recipes.data.digits  # noqa: F401, registers it

    builder = tfds.builder("digits", data_dir=digits_folder)
    assert builder.info.splits["train"].num_examples == 1500
    example = builder.as_data_source("test")[0]
    assert example["image"].shape == (28, 28, 1)


def test_digits_without_a_writable_cache(tmp_path, monkeypatch):
    expected = load_images("digits")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    data = load_images("digits")
    if sys.platform == "linux":
        assert "digits:1.0.0, made in memory" in data.report
    np.testing.assert_array_equal(data.train, expected.train)
    np.testing.assert_array_equal(data.train_labels, expected.train_labels)


def test_damaged_digits_cache_is_survived(tmp_path):
    load_images("digits")
    for path in (tmp_path / "cache").rglob("*.array_record*"):
        path.write_bytes(path.read_bytes()[:1000])
    assert len(load_images("digits").train) == 1350


def test_two_processes_prepare_digits_at_once(tmp_path):
    # Seeded alike, as runs of one recipe are.
    code = """
    import random
    import recipes.data.digits
    from recipes.data import load_images
    random.seed(0)
    print(load_images("digits").train.sum(dtype="float64"))
    """
    folder = str(tmp_path / "shared-cache")
    processes = [run_python(code, XDG_CACHE_HOME=folder) for _ in range(2)]
    assert len({finished(process) for process in processes}) == 1


def test_without_tensorflow(mnist_folder):
    code = (
        WITHOUT_TENSORFLOW
        + """
from recipes.data import load_images
for name in ("digits", "mnist"):
    data = load_images(name, splits=("train", "test"), validation=100)
    print(data.train.shape, data.test.shape, int(data.test_labels.sum()))
assert "tensorflow" not in sys.modules
try:
    load_images("fashion_mnist", download=True)
except ImportError as error:
    print(error)
"""
    )
    lines = finished(run_python(code)).splitlines()
    shapes = "(1400, 28, 28, 1) (297, 28, 28, 1)"
    assert lines[0].startswith(shapes) and lines[1] == lines[0]
    assert lines[2].startswith("Preparing 'fashion_mnist' needs TensorFlow")


def test_tfrecord_and_array_record_give_the_same(mnist_folder, digits_folder):
    first = load_images("mnist", splits=EVERY)
    second = load_images("digits", splits=EVERY, data_dir=digits_folder)
    for name in EVERY:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    third = load_images(digits_folder / "digits" / "1.0.0")
    np.testing.assert_array_equal(second.train, third.train)


def test_prepared_names(mnist_folder):
    assert prepared_datasets() == ["mnist:3.0.1"]
    assert load_images("mnist:3.0.1", image_shape=(32, 32, 3)).image_shape == (
        32,
        32,
        3,
    )


def test_test_split_is_not_opened_for_training(mnist_folder):
    (mnist_folder / "mnist-test.tfrecord-00000-of-00001").unlink()
    assert len(load_images("mnist").train) == 1350
    with pytest.raises(ValueError, match=r"lacks '.*mnist-test\.tfrecord"):
        load_images("mnist", splits="test")


def test_damaged_prepared_data_set(mnist_folder):
    path = mnist_folder / "mnist-train.tfrecord-00000-of-00001"
    content = bytearray(path.read_bytes())
    length = 16 + int.from_bytes(content[:8], "little")
    path.write_bytes(content[length:])
    with pytest.raises(ValueError, match="holds 1499 examples, its data set says 1500"):
        load_images("mnist")
    content[500] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged: a checksum does not match"):
        load_images("mnist")
    (mnist_folder / "dataset_info.json").write_text("{")
    with pytest.raises(ValueError, match="not a readable prepared data set|not open"):
        load_images(mnist_folder)


def test_folder_of_the_same_name_does_not_hide(mnist_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    assert len(load_images("mnist").train) == 1350


@pytest.mark.parametrize("name", ["mnst", "fashon_mnist", "digit"])
def test_unknown_data_set_suggests(name):
    with pytest.raises(ValueError, match=f"no data set '{name}', .* did you mean '"):
        load_images(name)


def test_unknown_data_set_and_version():
    with pytest.raises(ValueError, match="no data set 'qwxyzzy', and no folder"):
        load_images("qwxyzzy")
    with pytest.raises(ValueError, match="TFDS does not open 'mnist:9.9.9': .*3.0.1"):
        load_images("mnist:9.9.9")
    with pytest.raises(ValueError, match="'emnist/nope': .*configurations: .*letters"):
        load_images("emnist/nope")
    with pytest.raises(ValueError, match="`source` must name"):
        load_images("")


def test_unprepared_data_set(tmp_path, mnist_folder):
    with pytest.raises(FileNotFoundError, match="'fashion_mnist' is not prepared") as e:
        load_images("fashion_mnist")
    for words in (str(tmp_path / "tfds"), "mnist:3.0.1", "--data-dir", "TFDS_DATA_DIR"):
        assert words in str(e.value)
    with pytest.raises(FileNotFoundError, match=r"gone' \(it does not exist\)"):
        load_images("fashion_mnist", data_dir=tmp_path / "gone")


def test_data_set_without_images(tmp_path, digits_folder):
    target = tmp_path / "tfds" / "words" / "1.0.0"
    shutil.copytree(digits_folder / "digits" / "1.0.0", target)
    features = json.loads((target / "features.json").read_text())
    del features["featuresDict"]["features"]["image"]
    (target / "features.json").write_text(json.dumps(features))
    info = json.loads((target / "dataset_info.json").read_text())
    info |= {"name": "words"}
    (target / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(ValueError, match=r"no integer image feature, .*\['label'\]"):
        load_images("words")
    with pytest.raises(ValueError, match="imdb_reviews has no integer image feature"):
        load_images("imdb_reviews", download=True)


def test_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r'pip install "vae-zoo\[data\]"'):
        load_images("mnist")


def test_failed_download_is_one_sentence(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def fail(self):
        raise ConnectionError("no route")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(
        RuntimeError, match="could not download .*ConnectionError: no r"
    ):
        load_images("fashion_mnist", download=True)


REAL_FOLDER = os.environ.get("TFDS_DATA_DIR")
HAS_MNIST = REAL_FOLDER and "mnist:3.0.1" in prepared_datasets(REAL_FOLDER)


@pytest.mark.skipif(not HAS_MNIST, reason="needs MNIST prepared in TFDS_DATA_DIR")
def test_real_mnist():
    data = load_images("mnist", splits="test", data_dir=REAL_FOLDER)
    assert data.test.shape == (10000, 28, 28, 1)
    assert abs(data.test.mean() - 0.13251) < 1e-4
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(data.test_labels).tolist() == counts
    assert data.train is None


IMPORTED_EARLY = """
import builtins, threading, time

from recipes.data import import_early, load_images

import_early()
original, replaced, done = builtins.__import__, [], threading.Event()

def watch():
    while not done.is_set():
        if builtins.__import__ is not original:
            replaced.append(True)
        time.sleep(0.0005)

watcher = threading.Thread(target=watch)
watcher.start()
load_images("digits", splits="test")
done.set()
watcher.join()
assert not replaced, "imports of other threads were replaced"
"""


def test_imported_early_it_leaves_other_threads_alone(tmp_path):
    process = subprocess.run(
        [sys.executable, "-c", IMPORTED_EARLY],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr[-3000:]
