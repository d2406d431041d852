"""`Sampler`: images or texts from an exported model."""

from typing import Any

from export.errors import RuntimeModelError
from export.runtime.arguments import Float32, Tokens, check_array, check_codes
from export.runtime.chunks import run_in_chunks
from export.runtime.drawing import (
    check_draw,
    draw_latents,
    generate,
    refuse,
    step_codes,
)
from export.runtime.labels import check_network_labels
from export.runtime.manifest import ENCODER, GENERATOR, PRIOR_STEP
from export.runtime.opened import SAMPLING
from export.runtime.prior import read_prior
from export.runtime.running import FileThatRuns
from export.runtime.signature import DECODER_KIND, has_codes, is_of_texts

# What `repr` says, where a model has it.
_SHOWN = (
    *("max_length", "vocabulary_size", "latent_dim", "codebook_size", "code_shape"),
    *("num_classes", "num_attributes"),
)


class Sampler(FileThatRuns):
    """Draws images or texts from an exported model with numpy and onnxruntime alone.

    One `Sampler` may be used from any number of threads. The same seed gives the same
    images, however many threads or chunks compute them (a single one up to rounding):
    those of the model's own `sample` and of sampler.onnx (see `zoo.threefry`). Noise is
    drawn with numpy and decoded in chunks, which bounds memory; codes are drawn with
    prior_step.onnx; texts, other priors and several groups of latents with
    generator.onnx.
    sampler.onnx, which does all in one graph, is for programs without this package, and
    is only verified here.

    Of a model of texts `sample` and `decode` return a list of `str` where the file
    holds a vocabulary, else tokens, int32 (N, T), as `sample_tokens` and
    `decode_tokens` do in any case: token 0 ends a text and fills its row.

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
            `image_shape` or, of texts, `max_length`, `vocabulary_size` and
            `vocabulary`; `latent_dim` or, where latents are codes, `codebook_size`
            and `code_shape` (else None); `value_range`, `latent_prior`, `num_classes`,
            `class_names` and `num_attributes` (None without labels), `versions`,
            `opset`, `quantize`, `max_abs_error` and `extreme_error` (against Keras),
            `content_sha256`.
        path: of the file or folder; None of bytes.
        image_shape: (H, W, C); None of texts.
        vocabulary: a `zoo.vocabulary.Vocabulary`; None without.

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
        super().__init__(file_or_folder_or_bytes, threads, providers, SAMPLING)
        self._main = self._opened.main
        self._event = self._main.event
        self.image_shape = getattr(self._event, "shape", None)
        self.vocabulary = getattr(self._event, "vocabulary", None)
        self.latent_dim = self.metadata["latent_dim"]
        self._has_codes = has_codes(self.metadata)
        self._latents = read_prior(self._main) if self.can_decode else None

    def __repr__(self):
        takes = [] if self.image_shape is None else [f"image_shape={self.image_shape}"]
        for key in _SHOWN:
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
        """Draws images or texts from the prior, p(z) or p(z|y).

        Args:
            num_samples: how many, at most 2 GB in one array. The first n images stay
                the same when more are asked for.
            labels: for a conditional model: whole numbers or, where the file has
                `class_names`, names (num_samples,), or float vectors (num_samples,
                num_attributes), or one for all.
            temperature: factor on the noise that latents are made of, and so on the
                standard deviation of a Gaussian prior, >= 0; it divides the logits of
                codes and of tokens, and 0 takes the most probable one each time.
            seed: integer from 0 to 2**63 - 1, or None for others each time. Other
                programs may choose other codes or tokens within rounding of edges
                between them.
            first: number of the first sample among those of the seed: what several
                programs draw with `first` 0, n, 2 n, ... is what one draws.

        Returns:
            float32 array (num_samples, H, W, C) in [0, 1]; of texts see above.

        Raises:
            TypeError, ValueError: if an argument is not as described.
            RuntimeModelError: if there is no prior here to draw from.
        """
        return self._event.shown(
            self._sample(num_samples, labels, temperature, seed, first)
        )

    def sample_tokens(
        self, num_samples: int, labels=None, temperature=1.0, seed: Any = 0, first=0
    ) -> Tokens:
        """The tokens of the texts that `sample` draws: int32 (num_samples, T).

        Arguments and errors as of `sample`; RuntimeModelError of a model of images.
        """
        self._check_texts("sample")
        return self._sample(num_samples, labels, temperature, seed, first)

    def _check_texts(self, method):
        if not is_of_texts(self.metadata):
            raise RuntimeModelError(
                f"{self._opened} is a model of images, without tokens: use `{method}`."
            )

    def _sample(self, num_samples, labels, temperature, seed, first) -> Any:
        draw = check_draw(num_samples, labels, temperature, seed, first, self._main)
        # The latent alone does not say which tokens are drawn.
        if self._latents is not None and not is_of_texts(self.metadata):
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
        draw = check_draw(num_samples, labels, temperature, seed, first, self._main)
        if self._has_codes:
            raise RuntimeModelError(
                f"{self._main.name} decodes codes, and has no latent vectors to "
                "draw: use `sample`."
            )
        if self._latents is not None:
            return draw_latents(self._latents, self.latent_dim, draw)
        if self._opened.lists(GENERATOR) or not self.can_decode:
            raise RuntimeModelError(
                f"{self._opened} draws {self._event.noun}, and gives no latents of its "
                "prior: use `sample`."
            )
        return refuse(self.metadata, self._opened)

    def decode(self, z: Any, labels: Any = None) -> Float32:
        """E[x|z], or E[x|z, y]: the expected image of each latent.

        Of texts those of the most probable tokens, one after another.

        Args:
            z: finite numbers (N, latent_dim), or codes, whole numbers (N, *code_shape)
                from 0 to codebook_size - 1; N may be 0.
            labels: as in `sample`, one for each latent or one for all; of codes they
                make no difference, and may be missing.

        Returns:
            float32 array (N, H, W, C) in [0, 1]; of texts see above.

        Raises:
            TypeError, ValueError: if an argument is not as described.
        """
        return self._event.shown(self._decode(z, labels))

    def decode_tokens(self, z: Any, labels: Any = None) -> Tokens:
        """The tokens of the texts that `decode` writes: int32 (N, T).

        Arguments and errors as of `decode`; RuntimeModelError of a model of images.
        """
        self._check_texts("decode")
        return self._decode(z, labels)

    def _decode(self, z, labels) -> Any:
        if not self.can_decode:
            raise RuntimeModelError(
                f"{self._opened} has no decoder of latents, as a generator.onnx and "
                "models of several groups of them have none: use `sample`."
            )
        (wanted,) = (v for name, v in self._main.inputs.items() if name != "labels")
        if self._has_codes:
            z = check_codes(z, self.metadata["codebook_size"], wanted.row_shape)
        else:
            z = check_array("z", z, wanted.row_shape, "latent")
        self._event.check_count(len(z))
        labels = check_network_labels(labels, len(z), self.metadata)
        return self._run(self._main, z, labels)[self._event.output]

    def encode(self, x: Any, labels: Any = None) -> Any:
        """The posterior q(z|x), or q(z|x, y): N(mean, exp(log_var)) for each of `x`.

        Args:
            x: numbers (N, H, W, C) in [0, 1]; of texts a list of `str`, or tokens
                (N, t), t <= T.
            labels: as in `decode`, one for each of `x` or one for all.

        Returns:
            `mean` and `log_var`, float32 arrays (N, latent_dim). Where latents are
            codes, one array of the most probable ones, int32 (N, *code_shape). Of a
            posterior of another kind {name: array}, all that its encoder gives.

        Raises:
            TypeError, ValueError: if an argument is not as described.
            RuntimeModelError: if there is no encoder here: give `Sampler` the folder
                that `export.export_model` wrote.
        """
        x = self._event.check(x)
        labels = check_network_labels(labels, len(x), self.metadata)
        if not self.can_encode:
            raise RuntimeModelError(
                f"{self._opened} has no encoder: open the folder that "
                "export.export_model wrote."
            )
        outputs = self._run(self._opened.load(ENCODER), x, labels)
        if list(outputs) == ["codes"]:
            return outputs["codes"]
        if list(outputs) == ["mean", "log_var"]:
            return outputs["mean"], outputs["log_var"]
        return outputs

    def _run(self, session, rows, labels) -> Any:
        """Runs a file on what its first input is, and labels if there are any."""
        feeds = {next(iter(session.inputs)): rows}
        if labels is not None:
            feeds["labels"] = labels
        return run_in_chunks(session, feeds, self._threads)
