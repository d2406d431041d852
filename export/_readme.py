"""The README.md of an exported folder."""

from export.runtime.manifest import SAMPLER


def readme(manifest):
    """Markdown text for a manifest's folder: what it is and how to use it."""
    return "\n".join(
        [
            f"# {manifest.get('preset') or manifest['model']}, exported by vae-zoo",
            "",
            *_files(manifest),
            "",
            "With numpy and onnxruntime alone:",
            "",
            "```python",
            "import numpy as np",
            "import onnxruntime",
            "",
            *_code(manifest),
            "```",
            "",
            *_with_vae_zoo(manifest),
            "",
        ]
    )


def _files(manifest):
    image = ", ".join(map(str, manifest["image_shape"]))
    latent_dim = manifest["latent_dim"]
    beside = " and `labels`" if _labels(manifest) else ""
    lines = [
        f"- `decoder.onnx`: `z` (batch, {latent_dim}) float32{beside} to `image`",
        f"  (batch, {image}) float32 in [0, 1].",
        f"- `encoder.onnx`: `image`{beside} to `mean` and `log_var` (batch, "
        f"{latent_dim}) float32.",
    ]
    if SAMPLER in manifest["files"]:
        lines += [
            "- `sampler.onnx`: `seed` (int64, >= 0), `num_samples` (int64), "
            f"`temperature` (float32){beside} to",
            f"  `image` (num_samples, {image}) and `z`. A seed gives the same images",
            "  in every language.",
        ]
    if _labels(manifest):
        lines += [f"- `labels`: {_labels(manifest)}."]
    return [
        *lines,
        "- `manifest.json`: sizes, SHA-256, measured errors, golden vectors.",
    ]


def _labels(manifest):
    """What labels are, in words; empty for a model that takes none."""
    if manifest.get("num_classes") is not None:
        names = manifest.get("class_names")
        said = f": {', '.join(names)}" if names else ""
        return (
            f"int32 (batch,) from 0 to {manifest['num_classes'] - 1}{said}; others are "
            "not noticed by the graph"
        )
    if manifest.get("num_attributes") is not None:
        return f"float32 (batch, {manifest['num_attributes']})"
    return ""


def _code(manifest):
    image = ", ".join(map(str, manifest["image_shape"]))
    labels = []
    if manifest.get("num_classes") is not None:
        labels = [f"labels = np.arange(16, dtype=np.int32) % {manifest['num_classes']}"]
    elif manifest.get("num_attributes") is not None:
        shape = f"(16, {manifest['num_attributes']})"
        labels = [f"labels = np.zeros({shape}, dtype=np.float32)"]
    beside = ['    "labels": labels,'] if labels else []
    if SAMPLER in manifest["files"]:
        return [
            'session = onnxruntime.InferenceSession("sampler.onnx")',
            *labels,
            "inputs = {",
            '    "seed": np.array(0, np.int64),',
            '    "num_samples": np.array(16, np.int64),',
            '    "temperature": np.array(1.0, np.float32),',
            *beside,
            "}",
            f'(images,) = session.run(["image"], inputs)  # (16, {image})',
        ]
    return [
        'session = onnxruntime.InferenceSession("decoder.onnx")',
        *labels,
        "inputs = {",
        f'    "z": np.zeros((16, {manifest["latent_dim"]}), np.float32),  # yours',
        *beside,
        "}",
        f'(images,) = session.run(["image"], inputs)  # (16, {image})',
    ]


def _with_vae_zoo(manifest):
    labels = ", labels" if _labels(manifest) else ""
    if SAMPLER in manifest["files"]:
        return [
            "With vae-zoo, which also checks the files: "
            f"`export.Sampler(folder).sample(16{labels}, seed=0)`",
            "gives the same images.",
        ]
    return [f"With vae-zoo: `export.Sampler(folder).decode(z{labels})`."]
