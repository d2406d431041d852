"""What shipped presets must go on computing: inputs, and where outputs are compared."""

import base64
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).with_name("presets_golden.json")

# Pixels of an image that are compared.
PIXELS = 32
IMAGES, SAMPLES = 8, 6
ELBO_SEED, SAMPLE_SEED, TEMPERATURE = 3, 11, 0.9
# With the seed of all, a random number lies within 3e-8 of the edge between two codes.
SAMPLE_SEEDS = {"vq_vae_emoji": 12}
# Of each kind of latents and of pixels one, and how many images are compressed.
COMPRESSED = ("dense_vae_mnist", "hierarchical_vae_cifar10", "vq_vae_mnist")
FEW = 2


def inputs(model):
    """Eight observations: texts of any tokens, or smooth patterns."""
    return images(model) if hasattr(model, "image_shape") else tokens(model)


def tokens(model):
    """Rows (8, T) of 3 to 10 tokens drawn at random, and their ends."""
    (length,), size = model.event.shape, model.event.vocabulary_size
    drawn = np.random.default_rng(5).integers(1, size, (IMAGES, length), np.int32)
    return np.where(np.arange(length) < 3 + np.arange(IMAGES)[:, None], drawn, 0)


def images(model):
    """Smooth patterns (8, H, W, C) in [0, 1]; of two levels for binary models."""
    rng = np.random.default_rng(5)
    h, w, c = model.image_shape
    y, x = np.mgrid[0:h, 0:w] / max(h, w)
    out = np.zeros((IMAGES, h, w, c), np.float32)
    for i in range(IMAGES):
        for channel in range(c):
            waves = 0
            for _ in range(4):
                size = rng.normal()
                across, down = rng.uniform(0, 2.5), rng.uniform(0, 2.5)
                phase = rng.uniform(0, 6.3)
                angle = 2 * np.pi * (across * x + down * y) + phase
                waves = waves + size * np.cos(angle)
            out[i, ..., channel] = 1 / (1 + np.exp(-waves))
    if type(model.likelihood).__name__ == "Bernoulli":
        out = (out > 0.5).astype("float32")
    return out


def labels(model):
    """One an image, or None for a model that takes none."""
    classes = getattr(model, "num_classes", None)
    return None if classes is None else np.arange(IMAGES) % classes


def some_pixels(array):
    """`PIXELS` pixels of each image, spread over it: (N, PIXELS)."""
    flat = array.reshape(len(array), -1)
    return flat[:, np.linspace(0, flat.shape[1] - 1, PIXELS).astype(int)]


def measure(model):
    """{what: array}: ELBO, and pixels of samples and reconstructions, of a preset."""
    x, y = inputs(model), labels(model)
    samples = model.sample(
        SAMPLES,
        None if y is None else y[:SAMPLES],
        temperature=TEMPERATURE,
        seed=SAMPLE_SEEDS.get(model.preset_name, SAMPLE_SEED),
    )
    return {
        "elbo": model.elbo(x, y, seed=ELBO_SEED)["elbo"],
        "samples": some_pixels(samples),
        "reconstructions": some_pixels(model.reconstruct(x, y)),
    }


def to_compress(model):
    """Some images (FEW, H, W, C) of 256 levels, or of two."""
    return np.round(255 * images(model)[:FEW]) / np.float32(255)


def graph_digest(path):
    """SHA-256 of an ONNX file's graph and weights, without what it says of itself."""
    import onnx

    model = onnx.load(path)
    del model.metadata_props[:]
    data = model.SerializeToString(deterministic=True)
    return hashlib.sha256(data).hexdigest()


def write_golden(names):
    """Takes what presets compute now, trained anew, for what they must go on computing.

    Run on TensorFlow from the root, as `PYTHONPATH=. python tests/preset_probes.py
    NAME ...`.
    """
    import export
    import zoo
    from zoo.applications import compress

    golden = json.loads(GOLDEN.read_text())
    for name in names:
        model = zoo.from_preset(name)
        entry = {"elbo": [], "samples": [], "reconstructions": []}
        for what, array in measure(model).items():
            digits = "{:.8g}" if what == "elbo" else "{:.7f}"
            rounded = [float(digits.format(number)) for number in array.ravel()]
            entry[what] = np.reshape(rounded, array.shape).tolist()
        with tempfile.TemporaryDirectory() as folder:
            export.export_model(model, Path(folder) / name, verify=False)
            entry["graphs"] = {
                file: graph_digest(Path(folder) / name / file)
                for file in ("decoder.onnx", "encoder.onnx", "sampler.onnx")
            }
        if name in COMPRESSED:
            file = compress(model, to_compress(model))
            entry["compressed"] = base64.b64encode(file).decode()
        golden[name] = entry

    def lines(entry):
        compact = (json.dumps(v, separators=(",", ":")) for v in entry.values())
        pairs = zip(entry, compact, strict=True)
        return ",\n".join(f'  "{key}":{value}' for key, value in pairs)

    parts = [f'"{name}":{{\n{lines(entry)}}}' for name, entry in golden.items()]
    GOLDEN.write_text("{" + ",\n ".join(parts) + "}\n")


if __name__ == "__main__":
    write_golden(sys.argv[1:])
