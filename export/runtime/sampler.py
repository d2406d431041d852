"""`Sampler`: images from an exported decoder."""

from typing import Any

from export.errors import RuntimeModelError
from export.runtime.arguments import (
    Float32,
    check_array,
    check_codes,
    check_images,
    check_num_samples,
    check_threads,
)
from export.runtime.chunks import run_in_chunks
from export.runtime.drawing import (
    check_draw,
    draw_latents,
    generate,
    refuse,
    step_codes,
)
from export.runtime.labels import check_labels
from export.runtime.manifest import ENCODER, GENERATOR, PRIOR_STEP
from export.runtime.opened import OpenedModel, reopened
from export.runtime.prior import read_prior
from export.runtime.signature import DECODER_KIND, has_codes, networks_see_labels


class Sampler:
    """Draws images from an exported model with numpy and onnxruntime alone.

    One `Sampler` may be used from any number of threads. The same seed gives the same
    images, however many threads or chunks compute them (a single one up to rounding):
    those of the model's own `sample` and of sampler.onnx (see `zoo.threefry`). Noise is
    drawn with numpy and decoded in chunks, which bounds memory; codes are drawn with
    prior_step.onnx; other priors and several groups of latents with generator.onnx.
    sampler.onnx, which does all in one graph, is for programs without this package, and
    is only verified here.

    It can be pickled: by the path of its file, which must be there and the same where
    it is unpickled, or with the bytes that it was given.

    Args:
        file_or_folder_or_bytes: a decoder.onnx written by `export.export_decoder`, a
            folder written by `export.export_model`, which also offers `encode`, or a
            generator.onnx out of one; or the bytes of such a file, or a file object.
        threads: how many threads large jobs may use; None means up to 4 of the cores
            there are. Small jobs use the calling thread.
        providers: what onnxruntime is to compute with, the first that can: names such
            as "CUDAExecutionProvider", or (name, options); None is the CPU. Seeds keep
            their images up to that provider's rounding.

    Attributes:
        metadata: dict of what the file says about itself: `model`, `preset`,
            `image_shape`, `latent_dim` or, where latents are codes, `codebook_size`
            and `code_shape` (else None), `value_range`, `latent_prior`, `num_classes`,
            `class_names` and `num_attributes` (None without labels), `versions`,
            `opset`, `quantize`, `max_abs_error` and `extreme_error` (against Keras),
            `content_sha256`.
        path: of the file or folder; None of bytes.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        RuntimeModelError: if the file is truncated, damaged in any bit, larger than 64
            MB, keeps weights elsewhere, holds operators that no exported file needs, or
            was not exported by this project.
        TypeError, ValueError: if `threads` is not an integer >= 1, or if a provider is
            not installed.

    Example:

    >>> import export, zoo, tempfile
    >>> path = tempfile.mkdtemp() + "/decoder.onnx"
    >>> report = export.export_decoder(zoo.from_preset("dense_vae_digits"), path)
    >>> images = export.Sampler(path).sample(16, seed=1)
    >>> images.shape, str(images.dtype)
    ((16, 28, 28, 1), 'float32')
    """

    def __init__(
        self,
        file_or_folder_or_bytes: Any,
        threads: int | None = None,
        providers: Any = None,
    ):
        self._threads = check_threads(threads)
        self._options = (threads, providers)
        self._opened = OpenedModel(file_or_folder_or_bytes, providers)
        self._main = self._opened.main
        self.path = self._opened.path
        self.metadata: dict[str, Any] = self._main.metadata
        self.image_shape = tuple(self.metadata["image_shape"])
        self.latent_dim = self.metadata["latent_dim"]
        self._has_codes = has_codes(self.metadata)
        self._latents = read_prior(self._main) if self.can_decode else None

    def __reduce__(self):
        digest = self.metadata["content_sha256"]
        return reopened, (type(self), self._opened.source, *self._options, digest)

    def __repr__(self):
        takes = [f"image_shape={self.image_shape}"]
        sizes = ("latent_dim", "codebook_size", "code_shape")
        for key in (*sizes, "num_classes", "num_attributes"):
            if self.metadata[key] is not None:
                takes.append(f"{key}={self.metadata[key]}")
        model = self.metadata.get("model")
        return f"Sampler({str(self._opened)!r}: {model}, {', '.join(takes)})"

    @property
    def can_decode(self) -> bool:
        """Whether there is a decoder here, for `decode`."""
        return self._main.kind == DECODER_KIND

    @property
    def can_encode(self) -> bool:
        """Whether there is an encoder here, for `encode`."""
        return self._opened.lists(ENCODER)

    def sample(
        self, num_samples: int, labels=None, temperature=1.0, seed: Any = 0, first=0
    ) -> Float32:
        """Draws images from the prior, p(z) or p(z|y).

        Args:
            num_samples: how many, at most 2 GB in one array. The first n images stay
                the same when more are asked for.
            labels: for a conditional model: whole numbers or, where the file has
                `class_names`, names (num_samples,), or float
                vectors (num_samples, num_attributes), or one for all.
            temperature: factor on the noise that latents are made of, and so on the
                standard deviation of a Gaussian prior, >= 0; where they are codes, it
                divides the prior's logits, and 0 takes the most probable code each
                time.
            seed: integer from 0 to 2**63 - 1, or None for other images each time. Other
                programs may choose other codes within rounding of edges between them.
            first: number of the first image among those of the seed: what several
                programs draw with `first` 0, n, 2 n, ... is what one draws.

        Returns:
            float32 array (num_samples, H, W, C) in [0, 1].

        Raises:
            TypeError, ValueError: if an argument is not as described.
            RuntimeModelError: if there is no prior here to draw from.
        """
        draw = check_draw(num_samples, labels, temperature, seed, first, self.metadata)
        if self._latents is not None:
            z = draw_latents(self._latents, self.latent_dim, draw)
            return self.decode(z, draw.labels)
        if self._opened.lists(PRIOR_STEP):
            step, shape = self._opened.load(PRIOR_STEP), self.metadata["code_shape"]
            return self.decode(step_codes(step, shape, draw, self._threads))
        if self._opened.lists(GENERATOR) or not self.can_decode:
            return generate(self._generator(), draw, self._threads)
        return refuse(self.metadata, self._opened)

    def _generator(self):
        return self._opened.load(GENERATOR) if self.can_decode else self._main

    def draw_latents(
        self, num_samples: int, labels=None, temperature=1.0, seed: Any = 0, first=0
    ) -> Float32:
        """Draws latents from the prior, p(z) or p(z|y): those that `sample` decodes.

        Args:
            num_samples, labels, temperature, seed, first: as in `sample`.

        Returns:
            float32 array (num_samples, latent_dim).

        Raises:
            TypeError, ValueError: if an argument is not as described.
            RuntimeModelError: if latents are codes, or the prior is one that only
                generator.onnx draws from.
        """
        draw = check_draw(num_samples, labels, temperature, seed, first, self.metadata)
        if self._has_codes:
            raise RuntimeModelError(
                f"{self._main.name} decodes codes, and has no latent vectors to "
                "draw: use `sample`."
            )
        if self._latents is not None:
            return draw_latents(self._latents, self.latent_dim, draw)
        if self._opened.lists(GENERATOR) or not self.can_decode:
            raise RuntimeModelError(
                f"{self._opened} draws images, and gives no latents of its prior: use "
                "`sample`."
            )
        return refuse(self.metadata, self._opened)

    def decode(self, z: Any, labels: Any = None) -> Float32:
        """E[x|z], or E[x|z, y]: the expected image of each latent.

        Args:
            z: finite numbers (N, latent_dim), or codes, whole numbers (N, *code_shape)
                from 0 to codebook_size - 1; N may be 0.
            labels: as in `sample`, one for each latent or one for all; of codes they
                make no difference, and may be missing.

        Returns:
            float32 array (N, H, W, C) in [0, 1].

        Raises:
            TypeError, ValueError: if an argument is not as described.
        """
        if not self.can_decode:
            raise RuntimeModelError(
                f"{self._opened} has no decoder of latents: its model draws several "
                "groups of them, and `sample` runs generator.onnx."
            )
        (wanted,) = (v for name, v in self._main.inputs.items() if name != "labels")
        if self._has_codes:
            z = check_codes(z, self.metadata["codebook_size"], wanted.row_shape)
        else:
            z = check_array("z", z, wanted.row_shape, "latent")
        check_num_samples(len(z), self.image_shape)
        labels = self._network_labels(labels, len(z))
        return self._run(self._main, z, labels)["image"]

    def encode(self, images: Any, labels: Any = None) -> Any:
        """The posterior q(z|x), or q(z|x, y): N(mean, exp(log_var)) for each image.

        Args:
            images: numbers (N, H, W, C) in [0, 1].
            labels: as in `decode`, one for each image or one for all.

        Returns:
            `mean` and `log_var`, float32 arrays (N, latent_dim). Where latents are
            codes, one array of the most probable ones, int32 (N, *code_shape). Of a
            posterior of another kind {name: array}, all that its encoder gives.

        Raises:
            TypeError, ValueError: if an argument is not as described.
            RuntimeModelError: if there is no encoder here: give `Sampler` the folder
                that `export.export_model` wrote.
        """
        images = check_images(images, self.image_shape)
        labels = self._network_labels(labels, len(images))
        if not self.can_encode:
            raise RuntimeModelError(
                f"{self._opened} has no encoder: open the folder that "
                "export.export_model wrote."
            )
        outputs = self._run(self._opened.load(ENCODER), images, labels)
        if list(outputs) == ["codes"]:
            return outputs["codes"]
        if list(outputs) == ["mean", "log_var"]:
            return outputs["mean"], outputs["log_var"]
        return outputs

    def _network_labels(self, labels, count):
        """Labels for decoder and encoder: None where they concern the prior alone."""
        needed = networks_see_labels(self.metadata)
        if not needed and labels is None:
            return None
        labels = check_labels(labels, count, self.metadata)
        return labels if needed else None

    def _run(self, session, rows, labels) -> Any:
        """Runs a file on what its first input is, and labels if there are any."""
        feeds = {next(iter(session.inputs)): rows}
        if labels is not None:
            feeds["labels"] = labels
        return run_in_chunks(session, feeds, self._threads)

    def verify(self) -> dict[str, Any]:
        """Replays the golden vectors kept in each file, and checks the manifest.

        Returns:
            dict: `files` maps each file name to its `content_sha256`,
            `max_abs_error` and `tolerance`; `max_abs_error` is the largest of all.

        Raises:
            RuntimeModelError: if an output is further away than the tolerance, or a
                file is not the one that the manifest lists.
        """
        return self._opened.verify()
