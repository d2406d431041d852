"""Sampler: the same images for a seed, in any number, chunk and thread."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import export
from zoo.threefry import normals


def test_samples_are_float32_images(sampler):
    images = sampler.sample(5)
    assert images.shape == (5, 16, 12, 3)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    assert "DenseVAE" in repr(sampler)


def test_no_samples(sampler):
    assert sampler.sample(0).shape == (0, 16, 12, 3)
    assert sampler.decode(np.zeros((0, 6))).shape == (0, 16, 12, 3)


def test_first_samples_stay_the_same(sampler):
    images = sampler.sample(300, seed=5)
    for n in (1, 2, 3, 17, 63, 64, 65, 128, 129, 299):
        np.testing.assert_array_equal(sampler.sample(n, seed=5), images[:n])


def test_seed_fixes_the_samples(sampler):
    np.testing.assert_array_equal(sampler.sample(4, seed=1), sampler.sample(4, seed=1))
    assert np.abs(sampler.sample(4, seed=1) - sampler.sample(4, seed=2)).max() > 0
    assert np.abs(sampler.sample(4, seed=None) - sampler.sample(4, seed=None)).max() > 0


def test_temperature_scales_the_latents(sampler):
    z = normals(7, 8, 6)
    np.testing.assert_array_equal(
        sampler.sample(8, temperature=0.5, seed=7), sampler.decode(z * np.float32(0.5))
    )
    mode = sampler.sample(3, temperature=0)
    np.testing.assert_array_equal(mode, sampler.decode(np.zeros((3, 6))))


def test_decode_does_not_depend_on_the_batch(sampler):
    z = np.random.default_rng(0).standard_normal((200, 6), dtype=np.float32)
    images = sampler.decode(z)
    for start, stop in ((0, 1), (63, 66), (100, 200)):
        np.testing.assert_array_equal(sampler.decode(z[start:stop]), images[start:stop])


@pytest.mark.parametrize("dtype", ["float64", "float16", "int32"])
def test_decode_takes_other_numbers(sampler, dtype):
    z = np.ones((2, 6), dtype)
    np.testing.assert_array_equal(
        sampler.decode(z), sampler.decode(z.astype("float32"))
    )
    np.testing.assert_array_equal(sampler.decode(z.tolist()), sampler.decode(z))
    strided = np.ones((12, 4), dtype).T[::2, ::2]
    np.testing.assert_array_equal(sampler.decode(strided), sampler.decode(z))


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_do_not_change_the_result(folder, sampler, threads):
    other = export.Sampler(folder, threads=threads)
    np.testing.assert_array_equal(other.sample(700), sampler.sample(700))
    # Shared out among threads in parts, the last of a single image.
    np.testing.assert_array_equal(other.sample(65), sampler.sample(700)[:65])
    np.testing.assert_allclose(other.sample(1), sampler.sample(700)[:1], atol=1e-6)


def test_small_jobs_start_no_threads(sampler, monkeypatch):
    def refuse(*args):
        raise AssertionError("a thread pool was made")

    monkeypatch.setattr("export.runtime.chunks.ThreadPoolExecutor", refuse)
    sampler.sample(32)


def test_hundred_threads_get_what_one_gets(folder):
    sampler = export.Sampler(folder)
    expected = [sampler.sample(70, seed=seed) for seed in range(5)]
    x = expected[0]
    mean = export.Sampler(folder).encode(x)[0]
    barrier = threading.Barrier(100)

    def work(i):
        barrier.wait()
        images = sampler.sample(70, seed=i % 5)
        return np.array_equal(images, expected[i % 5]) and np.array_equal(
            sampler.encode(x)[0], mean
        )

    with ThreadPoolExecutor(100) as pool:
        assert all(pool.map(work, range(100)))


def test_decoder_file_alone_samples_but_does_not_encode(decoder_file, sampler):
    alone = export.Sampler(str(decoder_file))
    np.testing.assert_array_equal(alone.sample(3), sampler.sample(3))
    with pytest.raises(export.RuntimeModelError, match="has no encoder"):
        alone.encode(sampler.sample(1))


def test_verify_replays_every_file(sampler, decoder_file):
    report = sampler.verify()
    names = {"decoder.onnx", "encoder.onnx", "generator.onnx", "sampler.onnx"}
    assert set(report["files"]) == names
    assert report["max_abs_error"] <= 1e-5
    alone = export.Sampler(decoder_file).verify()
    assert alone["files"]["decoder.onnx"] == report["files"]["decoder.onnx"]
    digest = alone["files"]["decoder.onnx"]["content_sha256"]
    assert digest == sampler.metadata["content_sha256"]


def test_verify_notices_other_results(decoder_file, monkeypatch):
    sampler = export.Sampler(decoder_file)
    session = sampler._main
    run = session.run
    monkeypatch.setattr(
        session, "run", lambda feeds: {k: v + 2e-5 for k, v in run(feeds).items()}
    )
    with pytest.raises(export.RuntimeModelError, match="golden vectors"):
        sampler.verify()
    monkeypatch.setattr(
        session, "run", lambda feeds: {k: v * np.nan for k, v in run(feeds).items()}
    )
    with pytest.raises(export.RuntimeModelError, match="golden vectors"):
        sampler.verify()
