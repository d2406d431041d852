"""`export_decoder` and `export_model`: from a Keras model to checked ONNX files."""

import contextlib
import os
from pathlib import Path
from typing import Any

from export.options import check_options
from export.output import check_target, put_in_place, workspace_beside
from export.report import ExportReport, ModelReport


def export_decoder(
    model: Any,
    path: str | os.PathLike[str],
    *,
    opset: int = 17,
    quantize: str | None = None,
    verify: bool = True,
    overwrite: bool = False,
) -> ExportReport:
    """Writes the decoder of a model as one ONNX file.

    The file takes `z` (batch, latent_dim) float32 and returns `image` (batch, H, W, C)
    float32 in [0, 1], for any batch. A VQVAE's takes `codes` (batch, h, w) int32
    instead, with a last axis of levels where its quantizer is residual. A conditional
    model's takes `labels`, too: int32 (batch,) for classes, float32 (batch,
    num_attributes) for attributes. A graph cannot refuse a code or a class out of
    range, `export.Sampler` does. Of a `zoo.TextVAE` it returns `tokens` (batch, T)
    int32 instead, each the most probable after those before it, and holds the
    vocabulary. The file holds its own description, golden vectors and SHA-256, and is
    the same to the byte whichever backend trained the weights: conversion always runs
    through TensorFlow in a fresh process.

    Args:
        model: a built model of the zoo, on any backend.
        path: the file to write; its folder must exist.
        opset: 17 or 18.
        quantize: None for float32 weights; "fp16" or "int8" (one scale a channel) for
            smaller files, with float32 inputs and outputs, and no gain in speed; None
            alone for texts, of which rounded weights would write others.
        verify: compare onnxruntime with `model.decode` on this backend, at batch 1, 3
            and 17, on ordinary latents and extreme ones.
        overwrite: replace an existing file.

    Returns:
        `ExportReport`: `path`, `max_abs_error`, `tolerance`, `bytes`, `sha256`, ...

    Raises:
        ImportError: if TensorFlow, tf2onnx or onnx are missing; says what to install.
        TypeError, ValueError: if an argument is not as described.
        FileExistsError, OSError: if the file exists or cannot be written.
        ExportError: if conversion fails, or the file differs from the model by more
            than 1e-5 ("fp16": 0.005, "int8": 0.15) on latents from N(0, I), where the
            model is on another backend than TensorFlow, which rounds differently, by
            more than 2e-5, or in float32 by more than 5e-4 on latents ten times as
            large. No file is left behind.

    Example:

    >>> import export, zoo, tempfile
    >>> path = tempfile.mkdtemp() + "/decoder.onnx"
    >>> report = export.export_decoder(zoo.from_preset("dense_vae_digits"), path)
    >>> report.max_abs_error <= 1e-5
    True
    """
    check_options(opset, quantize)
    with _one_file(path, overwrite) as (path, workspace):
        from export import pipeline

        return pipeline.decoder(model, workspace, path, opset, quantize, verify)


def export_model(
    model: Any,
    folder: str | os.PathLike[str],
    *,
    opset: int = 17,
    quantize: str | None = None,
    verify: bool = True,
    overwrite: bool = False,
) -> ModelReport:
    """Writes all files of a model, decoder to sampler, with a manifest.

    decoder.onnx is the file of `export_decoder`. encoder.onnx takes `image` (batch, H,
    W, C) float32 in [0, 1], and `labels` if the model does, and returns `mean` and
    `log_var` (batch, latent_dim); it draws no noise.

    sampler.onnx draws and decodes in one graph, with the same images for a seed in any
    language, but where latents are codes and a random number lies within rounding of
    the edge between two of them (of shipped presets, in at most 0.4 % of the images):
    it takes single numbers `seed` (int64, from 0 to 2**63 - 1), `num_samples`
    (int64), `temperature` (float32), and `labels` (num_samples, ...) if the model does,
    and returns `image` (num_samples, H, W, C) and the latents `z` they are decoded
    from. `zoo.threefry` says what a seed means. All samples are decoded at
    once: memory grows with `num_samples`, so draw many in several runs with different
    seeds. It needs onnxruntime 1.21 or later.

    generator.onnx is `model.generate`, the same without the seed: it takes `noise`
    (batch, model.noise.normals) and `uniforms` (batch, model.noise.uniforms), those of
    them that the model has, float32, `temperature` and labels, and returns `image`. It
    holds nothing that a common runtime gets wrong. Both are of every model that
    `can_sample`, whatever its prior is; of a model with several groups of latents there
    is no decoder.onnx, and encoder.onnx gives what `posterior_statistics` does. Of a
    model of few labels there is the file of `export_classifier`, too: classifier.onnx.

    Of a VQVAE, encoder.onnx returns the most probable `codes`, and labels concern the
    prior alone. sampler.onnx draws the codes one after another in a `Loop` and returns
    them beside the images. prior_step.onnx is for callers who choose each code
    themselves: it takes `code` (batch,) int32, the one before, which is ignored at the
    first place, and `cache` (batch, 2 layers, heads, places, head_dim) float32, first
    of 0 places, and returns the `logits` (batch, codebook_size) of the next code and
    `new_cache`, with one place more. `quantize` leaves the prior in float32, so that a
    seed means the same codes. Verification allows a code that the model would not have
    chosen only where a uniform number lies within 1e-5 of the edge between two codes.

    Of a TextVAE the files have `tokens` (batch, T) int32 for `image`: token 0 ends a
    text and fills its row, rows of encoder.onnx are of T tokens, and `uniforms` are one
    for each place, after those of the prior. Tokens are drawn one after another in a
    `Loop` that ends when all rows have ended. Each file holds the vocabulary, if the
    model has one. Errors of these files are how far, in probability, a uniform number
    lies beyond what its token stands for, by the model's own probabilities.

    manifest.json lists sizes, SHA-256, measured errors and golden vectors; README.md
    says how to use the folder.

    Args:
        model: a built model of the zoo, on any backend.
        folder: the folder to create; its parent must exist.
        opset, quantize, verify: as in `export_decoder`, for all files; sampler.onnx is
            of opset 18 in any case, which has the operators on bits.
        overwrite: replace a folder that an earlier `export_model` wrote.

    Returns:
        `ModelReport`: `path`, `max_abs_error`, `bytes`, `sha256`, and `files`.

    Raises:
        As `export_decoder`, and ExportError if the sampler's latents differ from the
        model's by more than 1e-6, or its codes or those of the encoder from the
        model's; a failed check leaves no folder behind. Of the encoder of a
        HierarchicalVAE 1e-5 is allowed for each group of latents, each of which is
        computed from those before and their rounding.

    Example:

    >>> import export, zoo, tempfile
    >>> folder = tempfile.mkdtemp() + "/digits"
    >>> report = export.export_model(zoo.from_preset("dense_vae_digits"), folder)
    >>> sorted(report.files)
    ['decoder.onnx', 'encoder.onnx', 'generator.onnx', 'sampler.onnx']
    """
    check_options(opset, quantize)
    folder = Path(folder)
    ours = folder.is_dir() and (folder / "manifest.json").is_file()
    check_target(folder, overwrite, not ours, "not a folder that export_model wrote")
    with workspace_beside(folder) as workspace:
        from export import pipeline

        report = pipeline.folder(model, workspace, folder, opset, quantize, verify)
        put_in_place(workspace / "out", folder, overwrite)
    return report


def export_scorer(
    detector: Any,
    path: str | os.PathLike[str],
    *,
    opset: int = 17,
    verify: bool = True,
    overwrite: bool = False,
) -> ExportReport:
    """Writes a fitted `zoo.applications.AnomalyDetector` as one ONNX file.

    The file takes `image` (batch, H, W, C) float32 in [0, 1], and returns `score`
    (batch,) in nats, higher for normal images; `decision` (batch,), the score less the
    threshold, negative for anomalies; and `heat_map` (batch, H, W), where an image is
    unusual. The noise of the posterior's draws is fixed in the graph: an image has one
    score, always. `export.Scorer` runs it with numpy and onnxruntime alone.

    Args:
        detector: an `AnomalyDetector` on which `fit` was called, of any score but
            "regret".
        path: the file to write; its folder must exist.
        opset, verify, overwrite: as in `export_decoder`.

    Returns:
        `ExportReport`; errors are shares of what a score is made of.

    Raises:
        As `export_decoder`, and ExportError if a score differs from the detector's by
        more than 1e-4 of it.

    Example:

    >>> import export, zoo, tempfile
    >>> from zoo.applications import AnomalyDetector
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> x = model.sample(64, seed=0).round()
    >>> path = tempfile.mkdtemp() + "/scorer.onnx"
    >>> report = export.export_scorer(AnomalyDetector(model).fit(x), path)
    >>> report.max_abs_error <= 1e-4
    True
    """
    check_options(opset, None)
    with _one_file(path, overwrite) as (path, workspace):
        from export import pipeline

        return pipeline.scorer(detector, workspace, path, opset, verify)


def export_classifier(
    model: Any,
    path: str | os.PathLike[str],
    *,
    opset: int = 17,
    quantize: str | None = None,
    verify: bool = True,
    overwrite: bool = False,
) -> ExportReport:
    """Writes the classifier q(y|x) of a model of few labels as one ONNX file.

    The file takes `image` (batch, H, W, C) float32 in [0, 1] and returns
    `probabilities` (batch, num_classes) float32, those of `predict_proba`.
    `export.Classifier` runs it with numpy and onnxruntime alone.

    Args:
        model: a `zoo.SemiSupervisedVAE`, a `zoo.StackedSemiSupervisedVAE`, or another
            model with `num_classes` and `class_logits`.
        path: the file to write; its folder must exist.
        opset, quantize, verify, overwrite: as in `export_decoder`; compared are
            probabilities, of ordinary images and black-and-white ones.

    Returns:
        `ExportReport`.

    Raises:
        As `export_decoder`, and TypeError if the model has no classifier.

    Example:

    >>> import export, zoo, tempfile
    >>> model = zoo.SemiSupervisedVAE((8, 8, 1), 2, num_classes=3, hidden_units=(4,))
    >>> path = tempfile.mkdtemp() + "/classifier.onnx"
    >>> report = export.export_classifier(model, path)
    >>> report.max_abs_error <= 1e-5
    True
    """
    check_options(opset, quantize)
    with _one_file(path, overwrite) as (path, workspace):
        from export import pipeline

        return pipeline.classifier(model, workspace, path, opset, quantize, verify)


@contextlib.contextmanager
def _one_file(path, overwrite):
    """(Path, workspace) for whoever makes one file in workspace/out, put there last."""
    path = Path(path)
    check_target(path, overwrite, path.is_dir(), "a folder, not a file")
    with workspace_beside(path) as workspace:
        yield path, workspace
        (made,) = (workspace / "out").iterdir()
        put_in_place(made, path, overwrite)
