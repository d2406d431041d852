"""The README.md of an exported folder."""


def readme(manifest):
    """Markdown text for a manifest's folder: what it is and how to use it."""
    height, width, channels = manifest["image_shape"]
    latent_dim = manifest["latent_dim"]
    name = manifest.get("preset") or manifest["model"]
    return f"""# {name}, exported by vae-zoo

- `decoder.onnx`: `z` (batch, {latent_dim}) float32 to `image`
  (batch, {height}, {width}, {channels}) float32 in [0, 1].
- `encoder.onnx`: `image` to `mean` and `log_var` (batch, {latent_dim}) float32.
- `manifest.json`: sizes, SHA-256, measured errors, golden vectors.

With numpy and onnxruntime alone:

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("decoder.onnx")
z = np.random.default_rng(0).standard_normal((16, {latent_dim}), dtype=np.float32)
(images,) = session.run(["image"], {{"z": z}})  # (16, {height}, {width}, {channels})
```

With vae-zoo, which also checks the files: `export.Sampler(folder).sample(16, seed=0)`
gives the same images.
"""
