"""The README.md of an exported folder."""

import math

from export import readme_texts
from export.runtime.manifest import (
    CLASSIFIER,
    DECODER,
    ENCODER,
    GENERATOR,
    PRIOR_STEP,
    SAMPLER,
)
from export.runtime.signature import event_value, has_codes, is_of_texts


def readme(manifest):
    """Markdown text for a manifest's folder: what it is and how to use it."""
    return "\n".join(
        [
            *_front_matter(manifest),
            f"# {manifest.get('preset') or manifest['model']}, exported by vae-zoo",
            "",
            *_files(manifest),
            "",
            *_prior(manifest),
            "",
            *_made_of(manifest),
            "",
            "With numpy and onnxruntime alone:",
            "",
            "```python",
            *(["import json", ""] if manifest.get("vocabulary") else []),
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


def _front_matter(manifest):
    """What model hubs read: between two lines of dashes, in YAML."""
    lines = ["library_name: onnx"]
    if manifest.get("license"):
        lines.append(f"license: {manifest['license'].lower()}")
    if manifest.get("data"):
        lines += ["datasets:", f"- {manifest['data']}"]
    if SAMPLER in manifest["files"] and not _labels(manifest):
        tag = "text" if is_of_texts(manifest) else "unconditional-image"
        lines.append(f"pipeline_tag: {tag}-generation")
    tags = ("variational-autoencoder", "vae-zoo", "onnxruntime")
    return ["---", *lines, "tags:", *(f"- {tag}" for tag in tags), "---", ""]


def _prior(manifest):
    """Where what the decoder takes comes from: not from N(0, I), unless it is said."""
    drawn = [name for name in (SAMPLER, GENERATOR) if name in manifest["files"]]
    by = " and ".join(f"`{name}`" for name in drawn)
    draw = f"{by} draw from it." if drawn else "Nothing here draws from it."
    name = manifest.get("latent_prior")
    if name == "standard_normal" and is_of_texts(manifest):
        return [f"The prior of `z` is N(0, I): {draw}"]
    if name == "standard_normal":
        return ["Samples are `decoder.onnx` of `z` drawn from N(0, I)."]
    if name == "uniform_codes":
        return [
            "The model has no learned prior over its codes: drawn at random they give "
            "no images",
            "like those it was trained on.",
        ]
    if has_codes(manifest):
        return [f"Codes have a learned prior, one after another: {draw}"]
    if name is None:
        return [f"Its groups of latents are drawn one after another: {draw}"]
    kinds = {
        "label_normal": "learned for each label",
        "flow": "learned by a flow",
        "label_flow": "learned by a flow for each label",
        "Mixture": "a learned mixture of normal distributions",
        # What a VampPrior has become.
        "MixtureNormal": "a learned mixture of normal distributions",
    }
    kind = kinds.get(name, f"{name!r}")
    lines = [
        f"The prior of `z` is {kind}, and is not N(0, I), of which `decoder.onnx`",
        f"makes nothing of use: {draw}",
    ]
    if name in ("flow", "label_flow"):
        noun = "texts" if is_of_texts(manifest) else "images"
        lines += [
            "A flow has learned nothing of noise larger than its own: at a "
            "`temperature` above 1",
            f"{noun} get odd, and from 1.5 on no two programs agree on them.",
        ]
    return lines


def _made_of(manifest):
    """Versions, how weights are stored, and what images the model was trained on."""
    versions = ", ".join(f"{k} {v}" for k, v in manifest["versions"].items())
    stored = {"fp16": "16 bits", "int8": "8 bits"}.get(manifest.get("quantize"))
    lines = [f"Made with {versions}; onnxruntime 1.21 or later runs all files."]
    if stored:
        lines.append(
            f"Weights of the networks are stored in {stored}, those of the prior in 32."
        )
    if manifest.get("data"):
        noun = "texts" if is_of_texts(manifest) else "images"
        licence = manifest.get("data_license") or "not stated by its source"
        lines.append(
            f"Trained on {manifest['data']} (licence of the {noun}: {licence}); "
            f"weights: {manifest['license']}."
        )
    return lines


def _files(manifest):
    beside = " and `labels`" if _labels(manifest) else ""
    if is_of_texts(manifest):
        return readme_texts.files(manifest, _labels(manifest), beside)
    image = ", ".join(map(str, manifest["image_shape"]))
    if has_codes(manifest):
        shape = ", ".join(map(str, manifest["code_shape"]))
        last = manifest["codebook_size"] - 1
        latents = "codes"  # the networks see no labels: they concern the prior alone
        lines = [
            f"- `decoder.onnx`: `codes` (batch, {shape}) int32 from 0 to {last}, which "
            "the graph does",
            f"  not check, to `image` (batch, {image}) float32 in [0, 1].",
            "- `encoder.onnx`: `image` to `codes`, the most probable ones.",
        ]
    else:
        latents = "z" if DECODER in manifest["files"] else None
        lines = _networks(manifest, image, beside)
    if SAMPLER in manifest["files"]:
        lines += [
            "- `sampler.onnx`: `seed` (int64, >= 0), `num_samples` (int64), "
            f"`temperature` (float32){beside} to",
            f"  `image` (num_samples, {image})"
            f"{f' and `{latents}`' if latents else ''}. A seed gives the same images",
            *_in_every_language(manifest),
        ]
    if GENERATOR in manifest["files"]:
        lines += _generator(manifest, image, beside)
    if PRIOR_STEP in manifest["files"]:
        lines += _prior_step(manifest, beside)
    if CLASSIFIER in manifest["files"]:
        classes = manifest["num_classes"]
        lines += [
            f"- `classifier.onnx`: `image` to `probabilities` (batch, {classes}) "
            "float32, of each class;",
            '  with vae-zoo, `export.Classifier("classifier.onnx").predict(images)`.',
        ]
    if _labels(manifest):
        lines += [f"- `labels`: {_labels(manifest)}."]
    return [
        *lines,
        "- `manifest.json`: sizes, SHA-256, measured errors, golden vectors.",
    ]


def _in_every_language(manifest):
    """The end of a sentence: a seed gives the same images ..."""
    if not manifest["noise"]["uniforms"]:
        return ["  in every language."]
    return [
        "  in every language, but where a random number lies within rounding of the",
        "  edge between two choices: there another program may choose otherwise.",
    ]


def _networks(manifest, image, beside):
    """Decoder and encoder of real numbers, as far as there are any."""
    lines, files = [], manifest["files"]
    if DECODER in files:
        row = ", ".join(map(str, files[DECODER]["inputs"]["z"]["shape"][1:]))
        lines += [
            f"- `decoder.onnx`: `z` (batch, {row}) float32{beside} to `image`",
            f"  (batch, {image}) float32 in [0, 1].",
        ]
    if ENCODER in files:
        outputs = files[ENCODER]["outputs"]
        row = ", ".join(map(str, next(iter(outputs.values()))["shape"][1:]))
        if list(outputs) == ["mean", "log_var"]:
            given = f"`mean` and `log_var` (batch, {row}) float32"
        else:
            given = ", ".join(f"`{name}`" for name in outputs)
        lines += [f"- `encoder.onnx`: `image`{beside} to {given}."]
    return lines


def _generator(manifest, image, beside):
    noise = manifest["noise"]
    given = []
    if noise["normals"]:
        given.append(f"`noise` (batch, {noise['normals']}) float32 from N(0, 1)")
    if noise["uniforms"]:
        given.append(f"`uniforms` (batch, {noise['uniforms']}) float32 in [0, 1)")
    return [
        f"- `generator.onnx`: {', '.join(given)}, `temperature` (float32){beside}",
        f"  to `image` (batch, {image}): `sampler.onnx` with random numbers of yours,",
        "  for runtimes without unsigned integers.",
    ]


def _prior_step(manifest, beside):
    tensors, heads, head_dim = manifest["cache_shape"]
    steps = math.prod(manifest["code_shape"])
    return [
        "- `prior_step.onnx`, to choose each code yourself: `code` (batch,) int32, the",
        f"  one before, and `cache` (batch, {tensors}, {heads}, places, {head_dim}) "
        f"float32{beside}",
        f"  to the `logits` (batch, {manifest['codebook_size']}) of the next code and "
        "`new_cache`, which has",
        "  one place more. Begin with any code and a cache of 0 places; "
        f"{steps} steps, row by row.",
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
    ((name, value),) = event_value(16, manifest).items()
    shape = ", ".join(map(str, value.shape))
    made = "tokens" if is_of_texts(manifest) else "images"
    run = f'({made},) = session.run(["{name}"], inputs)  # ({shape})'
    tail = [run, *readme_texts.tail_of_code(manifest)]
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
            *tail,
        ]
    if has_codes(manifest):
        shape = ", ".join(map(str, (16, *manifest["code_shape"])))
        given, labels, beside = f'"codes": np.zeros(({shape}), np.int32)', [], []
    else:
        given = f'"z": np.zeros((16, {manifest["latent_dim"]}), np.float32)'
    return [
        'session = onnxruntime.InferenceSession("decoder.onnx")',
        *labels,
        "inputs = {",
        f"    {given},  # yours",
        *beside,
        "}",
        *tail,
    ]


def _with_vae_zoo(manifest):
    labels = ", labels" if _labels(manifest) else ""
    if is_of_texts(manifest):
        return readme_texts.with_vae_zoo(manifest, labels)
    if SAMPLER in manifest["files"]:
        return [
            "With vae-zoo, which also checks the files: "
            f"`export.Sampler(folder).sample(16{labels}, seed=0)`",
            "gives the same images.",
        ]
    latents = "codes" if has_codes(manifest) else "z"
    return [f"With vae-zoo: `export.Sampler(folder).decode({latents}{labels})`."]
