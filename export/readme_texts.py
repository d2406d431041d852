"""What the README.md of an exported folder says where the model is one of texts."""

from export.runtime.manifest import GENERATOR, SAMPLER


def files(manifest, labels, beside):
    """Lines about each file.

    Args:
        manifest: of the folder.
        labels: what labels are, in words, or empty.
        beside: of sentences about inputs, where there are labels.
    """
    length, size = manifest["max_length"], manifest["vocabulary_size"]
    latent, noise = manifest["latent_dim"], manifest["noise"]
    lines = [
        f"- `decoder.onnx`: `z` (batch, {latent}) float32{beside} to `tokens`",
        f"  (batch, {length}) int32, each the most probable one after those before it.",
        f"- `encoder.onnx`: `tokens`{beside} to `mean` and `log_var` (batch, {latent}) "
        "float32.",
    ]
    if SAMPLER in manifest["files"]:
        lines += [
            "- `sampler.onnx`: `seed` (int64, >= 0), `num_samples` (int64), "
            f"`temperature` (float32){beside} to",
            f"  `tokens` (num_samples, {length}) and `z`. A seed gives the same texts",
            "  in every language, but where a random number lies within rounding of",
            "  the edge between two tokens: there another program may choose another.",
        ]
    if GENERATOR in manifest["files"]:
        lines += [
            f"- `generator.onnx`: `noise` (batch, {noise['normals']}) float32 from "
            f"N(0, 1), `uniforms` (batch, {noise['uniforms']})",
            f"  float32 in [0, 1), `temperature` (float32){beside} to `tokens` (batch, "
            f"{length}): `sampler.onnx` with",
            "  random numbers of yours, for runtimes without unsigned integers.",
        ]
    if labels:
        lines.append(f"- `labels`: {labels}.")
    return [
        *lines,
        f"- `tokens`: whole numbers from 0 to {size - 1}, which the graphs do not",
        f"  check; 0 ends a text and fills its row, {length} are the most.",
        *_vocabulary(manifest),
        "- `manifest.json`: sizes, SHA-256, measured errors, golden vectors.",
    ]


def _vocabulary(manifest):
    kind = (manifest.get("vocabulary") or {}).get("kind")
    if kind is None:
        return ["  No vocabulary is here that says what they stand for."]
    pieces = {
        "words": "words.",
        "bytes": "pieces of UTF-8, each byte written as the\n  character of its number "
        "(Latin-1).",
    }
    return [
        "- `vocabulary`, in `manifest.json` and the metadata of each file: what tokens",
        f"  stand for, {pieces[kind]}",
    ]


def tail_of_code(manifest):
    """Lines that make texts of the tokens of the code before."""
    vocabulary = manifest.get("vocabulary")
    if vocabulary is None:
        return []
    joined = {
        "words": '" ".join(words)',
        "bytes": '"".join(words).encode("latin-1").decode("utf-8", "replace").strip()',
    }
    return [
        'with open("manifest.json", encoding="utf-8") as file:',
        '    vocabulary = json.load(file)["vocabulary"]["tokens"]',
        "for row in tokens.tolist():",
        "    words = [vocabulary[token] for token in row if token]  # 0 is the end",
        f"    print({joined[vocabulary['kind']]})",
    ]


def with_vae_zoo(manifest, labels):
    """Lines about this package; `labels` is how code names them, or empty."""
    if SAMPLER not in manifest["files"]:
        return [f"With vae-zoo: `export.Sampler(folder).decode(z{labels})`."]
    given = "texts" if manifest.get("vocabulary") else "tokens"
    return [
        "With vae-zoo, which also checks the files: "
        f"`export.Sampler(folder).sample(16{labels}, seed=0)`",
        f"gives the same {given}.",
    ]
