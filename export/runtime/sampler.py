"""`Sampler`: images from an exported decoder."""

import threading
from pathlib import Path

import numpy as np

from export.errors import RuntimeModelError
from export.runtime.arguments import (
    check_array,
    check_images,
    check_no_labels,
    check_num_samples,
    check_seed,
    check_temperature,
    check_threads,
)
from export.runtime.chunks import run_in_chunks
from export.runtime.manifest import DECODER, ENCODER, check_file, read_manifest
from export.runtime.session import Session


class Sampler:
    """Draws images from an exported model with numpy and onnxruntime alone.

    One `Sampler` may be used from any number of threads. The same seed gives the same
    images, however many threads or chunks compute them.

    Args:
        file_or_folder: a decoder.onnx written by `export.export_decoder`, or a folder
            written by `export.export_model`, which also offers `encode`.
        threads: how many threads large jobs may use; None means up to 4 of the cores
            there are. Small jobs use the calling thread.

    Attributes:
        metadata: dict of what the file says about itself: `model`, `preset`,
            `image_shape`, `latent_dim`, `value_range`, `latent_prior`, `versions`,
            `opset`, `quantize`, `max_abs_error` and `extreme_error` (against Keras),
            `content_sha256`.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        RuntimeModelError: if the file is truncated, damaged in any bit, larger than 64
            MB, keeps weights elsewhere, or was not exported by this project.
        TypeError, ValueError: if `threads` is not an integer >= 1.

    Example:

    >>> import export, zoo, tempfile
    >>> path = tempfile.mkdtemp() + "/decoder.onnx"
    >>> report = export.export_decoder(zoo.from_preset("dense_vae_digits"), path)
    >>> images = export.Sampler(path).sample(16, seed=1)
    >>> images.shape, str(images.dtype)
    ((16, 28, 28, 1), 'float32')
    """

    def __init__(self, file_or_folder, threads=None):
        self._threads = check_threads(threads)
        self._lock = threading.Lock()
        self._encoder = None
        self._manifest = None
        self.path = path = Path(file_or_folder)
        if path.is_dir():
            self._manifest = read_manifest(path)
            check_file(path, DECODER, self._manifest)
            path = path / DECODER
        self._decoder = Session(path, "decoder", ("z",), ("image",))
        self.metadata = self._decoder.metadata
        self.image_shape = tuple(self.metadata["image_shape"])
        self.latent_dim = self.metadata["latent_dim"]

    def __repr__(self):
        return (
            f"Sampler({str(self.path)!r}: {self.metadata.get('model')}, "
            f"image_shape={self.image_shape}, latent_dim={self.latent_dim})"
        )

    def sample(self, num_samples, labels=None, temperature=1.0, seed=0):
        """Draws images from the prior.

        Args:
            num_samples: how many, at most 2 GB in one array. The first n images stay
                the same when more are asked for.
            labels: must be None: these decoders are unconditional.
            temperature: factor on the standard deviation of the latents, >= 0.
            seed: integer >= 0, or None for other images at each call.

        Returns:
            float32 array (num_samples, H, W, C) in [0, 1].

        Raises:
            TypeError, ValueError: if an argument is not as described.
            RuntimeModelError: if the prior is not a standard normal.
        """
        num_samples = check_num_samples(num_samples, self.image_shape)
        check_no_labels(labels)
        temperature = check_temperature(temperature)
        rng = np.random.default_rng(check_seed(seed))
        if self.metadata.get("latent_prior") != "standard_normal":
            raise RuntimeModelError(
                f"{self._decoder.path} cannot be sampled: its prior is "
                f"{self.metadata.get('latent_prior')!r}, not 'standard_normal'; use "
                "`decode` on latents of your own."
            )
        z = rng.standard_normal((num_samples, self.latent_dim), dtype=np.float32)
        with np.errstate(over="ignore"):  # `decode` refuses infinite latents
            z *= np.float32(temperature)
        return self.decode(z)

    def decode(self, z, labels=None):
        """E[x|z], the expected image of each latent.

        Args:
            z: finite numbers (N, latent_dim); N may be 0.
            labels: must be None: these decoders are unconditional.

        Returns:
            float32 array (N, H, W, C) in [0, 1].

        Raises:
            TypeError, ValueError: if an argument is not as described.
        """
        check_no_labels(labels)
        z = check_array("z", z, (self.latent_dim,), "latent")
        check_num_samples(len(z), self.image_shape)
        shapes = {"image": self.image_shape}
        return run_in_chunks(self._decoder, "z", z, shapes, self._threads)["image"]

    def encode(self, images):
        """The posterior q(z|x) = N(mean, exp(log_var)) of each image.

        Args:
            images: numbers (N, H, W, C) in [0, 1].

        Returns:
            `mean` and `log_var`, float32 arrays (N, latent_dim).

        Raises:
            TypeError, ValueError: if `images` is not as described.
            RuntimeModelError: if there is no encoder here: give `Sampler` the folder
                that `export.export_model` wrote.
        """
        images = check_images(images, self.image_shape)
        shapes = {"mean": (self.latent_dim,), "log_var": (self.latent_dim,)}
        encoder = self._load_encoder()
        outputs = run_in_chunks(encoder, "image", images, shapes, self._threads)
        return outputs["mean"], outputs["log_var"]

    def _load_encoder(self):
        # Loaded at first use: sampling alone should not pay for it.
        with self._lock:
            if self._encoder is None:
                if self._manifest is None or ENCODER not in self._manifest["files"]:
                    raise RuntimeModelError(
                        f"{self.path} has no encoder: open the folder that "
                        "export.export_model wrote."
                    )
                check_file(self.path, ENCODER, self._manifest)
                self._encoder = Session(
                    self.path / ENCODER, "encoder", ("image",), ("mean", "log_var")
                )
            return self._encoder

    def verify(self):
        """Replays the golden vectors kept in each file, and checks the manifest.

        Returns:
            dict: `files` maps each file name to its `content_sha256`,
            `max_abs_error` and `tolerance`; `max_abs_error` is the largest of all.

        Raises:
            RuntimeModelError: if an output is further away than the tolerance, or a
                file is not the one that the manifest lists.
        """
        sessions = [self._decoder]
        if self._manifest is not None:
            for name in self._manifest["files"]:
                if name not in (DECODER, ENCODER):
                    raise RuntimeModelError(
                        f"{self.path} lists {name!r}, a file that this version of "
                        "vae-zoo does not know."
                    )
                check_file(self.path, name, self._manifest)
            if ENCODER in self._manifest["files"]:
                sessions.append(self._load_encoder())
        files = {Path(s.path).name: s.verify() for s in sessions}
        worst = max(entry["max_abs_error"] for entry in files.values())
        return {"files": files, "max_abs_error": worst}
