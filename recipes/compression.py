"""How few bits images take, lossless: models of the zoo beside files of other kinds.

python -m recipes.compression compresses test images by presets, decompresses them again
and checks that they are the same, and counts the bytes of gzip, xz, PNG and WebP of the
same images. What was finished before a kill is kept. --save puts the figures into the
package's own table, which `make readme` shows.
"""

import gzip
import io
import json
import lzma
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from recipes.commands.options import Backend, DataDir, Out
from recipes.commands.screen import screen
from recipes.commands.starting import start_keras
from recipes.common.errors import one_sentence_errors
from recipes.common.files import make_folder, write_whole
from recipes.data import binarize, load_images
from recipes.documents.readme import COMPRESSION

BINARY, GREY, COLOUR = "binarized MNIST", "MNIST, 256 levels", "CIFAR-10"
# Presets, and how many test images of each kind; of CIFAR-10 the first.
PRESETS = {
    BINARY: ("dense_vae_mnist", "conv_vae_mnist", "hierarchical_vae_mnist"),
    GREY: ("vq_vae_mnist",),
    COLOUR: ("hierarchical_vae_cifar10",),
}
COUNTS = {BINARY: 10000, GREY: 10000, COLOUR: 1000}
# Images below each other in one picture, of which the counts are multiples.
TOGETHER = 200


def images_of(kind, data_dir):
    """float32 (N, H, W, C), the test images of a kind."""
    name = "cifar10" if kind == COLOUR else "mnist"
    images = load_images(name, data_dir=data_dir, splits="test").test[: COUNTS[kind]]
    return binarize(images) if kind == BINARY else images


def by_preset(name, images):
    """{figure: value} of a preset.

    Raises:
        RuntimeError: if the images that come out are others.
    """
    import zoo
    from zoo.applications import compress, decompress

    model = zoo.from_preset(name)
    start = time.perf_counter()
    file = compress(model, images)
    middle = time.perf_counter()
    again = decompress(model, file)
    end = time.perf_counter()
    if not np.array_equal(np.round(255 * again), np.round(255 * images)):
        raise RuntimeError(f"{name} does not give the images that it was given.")
    elbo = model.elbo(images, seed=0)["elbo"].mean()
    return {
        "bytes": len(file),
        "elbo_bits_per_dim": float(-elbo / np.log(2) / images[0].size),
        "compressed_per_second": len(images) / (middle - start),
        "decompressed_per_second": len(images) / (end - middle),
    }


def by_programs(images, binary):
    """{method: bytes} of programs that know nothing of what the images show."""
    levels = np.round(255 * images).astype(np.uint8)
    stream = np.packbits(levels > 0).tobytes() if binary else levels.tobytes()
    every = levels.tobytes()
    # WebP takes no picture higher than 16,383.
    several = levels.reshape(-1, TOGETHER * levels.shape[1], *levels.shape[2:])
    return {
        "gzip -9, all in one": min(len(gzip.compress(s, 9)) for s in (stream, every)),
        "xz -9e, all in one": min(
            len(lzma.compress(s, preset=9 | lzma.PRESET_EXTREME))
            for s in (stream, every)
        ),
        "PNG, each": _pictures(levels, "PNG", binary),
        f"PNG, pictures of {TOGETHER}": _pictures(several, "PNG", binary),
        "WebP, each": _pictures(levels, "WEBP"),
        f"WebP, pictures of {TOGETHER}": _pictures(several, "WEBP"),
    }


def _pictures(images, kind, binary=False):
    """The bytes of pictures, uint8 (H, W, C) each."""
    from PIL import Image

    options = {"PNG": {"optimize": True}, "WEBP": {"lossless": True, "quality": 100}}
    total = 0
    for image in images:
        picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
        if binary:
            picture = picture.point(lambda level: level, mode="1")
        picture.save(file := io.BytesIO(), kind, **options[kind])
        total += file.tell()
    return total


def main(
    backend: Backend = None,
    data_dir: DataDir = None,
    out: Out = Path("runs") / COMPRESSION,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the rows in the package.")
    ] = False,
):
    """Counts the bits that images take, by presets and by programs."""
    with one_sentence_errors("Interrupted: the same command goes on."):
        start_keras(backend)
        kept = make_folder(out) / f"{COMPRESSION}.json"
        done = json.loads(kept.read_text("utf-8")) if kept.is_file() else []
        for kind, presets in PRESETS.items():
            images = images_of(kind, data_dir)
            known = {row["method"] for row in done if row["data"] == kind}
            rows = []
            for name in presets:
                if name not in known:
                    rows.append({"method": name, **by_preset(name, images)})
                    _keep(kept, done, kind, images, rows)
            if not any(method.startswith("gzip") for method in known):
                found = by_programs(images, kind == BINARY)
                rows += [{"method": m, "bytes": size} for m, size in found.items()]
                _keep(kept, done, kind, images, rows)
        if save:
            write_whole(Path(__file__).with_suffix(".json"), _text(done))


def _keep(path, done, kind, images, rows):
    """Adds new rows to those that are done, and writes and shows them."""
    while rows:
        row = rows.pop(0)
        rate = 8 * row["bytes"] / images.size
        row |= {"data": kind, "images": len(images), "bits_per_dim": rate}
        done.append(row)
        screen().print(f"{kind}, {row['method']}: {rate:.4f} bits/dim")
    write_whole(path, _text(done))


def _text(rows):
    return (json.dumps(rows, indent=1, sort_keys=True) + "\n").encode()


if __name__ == "__main__":
    typer.run(main)
