"""How samples of a seed come about: with NumPy, code by code, or by generator.onnx."""

import math
from typing import Any, NamedTuple

import numpy as np

from export.errors import RuntimeModelError
from export.priors.codes import draw_codes
from export.runtime.arguments import (
    check_int,
    check_seed,
    check_temperature,
)
from export.runtime.chunks import run_in_chunks
from export.runtime.labels import check_labels
from export.runtime.signature import NOISE, UNIFORMS, has_codes, is_of_texts
from zoo.threefry import fresh_seed, normals, uniforms

# Rows come from counters of 32 bits.
_MAX_ROWS = 2**32
# Rows of random numbers that exist at a time for a generator.
_BLOCK = 1024


class Draw(NamedTuple):
    """What was asked for, checked: rows `first`, `first` + 1, ... of a seed."""

    num_samples: int
    labels: Any
    temperature: float
    seed: int
    first: int


def check_draw(num_samples, labels, temperature, seed, first, session):
    """A `Draw` of arguments as `Sampler.sample` takes them, of a file's `Session`.

    Raises:
        TypeError, ValueError: if one is not as described there.
    """
    num_samples = session.event.check_count(num_samples)
    labels = check_labels(labels, num_samples, session.metadata)
    temperature = check_temperature(temperature)
    seed = check_seed(seed)
    first = check_int("first", first, 0)
    if first + num_samples > _MAX_ROWS:
        raise ValueError(
            f"`first` must be at most {_MAX_ROWS - num_samples}, as a seed has 2**32 "
            f"{session.event.noun}; got {first}."
        )
    seed = fresh_seed() if seed is None else seed
    return Draw(num_samples, labels, temperature, seed, first)


def draw_latents(prior, latent_dim, draw):
    """Latents float32 (num_samples, latent_dim) that a prior makes of normal noise."""
    noise = normals(draw.seed, draw.num_samples, latent_dim, draw.first)
    with np.errstate(over="ignore"):  # `decode` refuses infinite latents
        noise *= np.float32(draw.temperature)
    return prior(noise, draw.labels)


def step_codes(step, code_shape, draw, threads):
    """Codes int32 (num_samples, *code_shape), drawn with a prior_step.onnx."""
    places = math.prod(code_shape)
    numbers = uniforms(draw.seed, draw.num_samples, places, draw.first)
    codes = draw_codes(step, numbers, draw.temperature, draw.labels, threads)
    return codes.reshape(-1, *code_shape)


def generate(generator, draw, threads):
    """Images or tokens (num_samples, ...) of a generator.onnx."""
    drawn = {
        name: function
        for name, function in ((NOISE, normals), (UNIFORMS, uniforms))
        if name in generator.inputs
    }
    fixed = {"temperature": np.array(draw.temperature, np.float32)}
    ((name, value),) = generator.outputs.items()
    made = np.empty((draw.num_samples, *value.row_shape), value.dtype)
    for start in range(0, draw.num_samples, _BLOCK):
        rows = slice(start, min(start + _BLOCK, draw.num_samples))
        feeds = {
            numbers: function(
                draw.seed,
                rows.stop - start,
                generator.inputs[numbers].row_shape[0],
                draw.first + start,
            )
            for numbers, function in drawn.items()
        }
        if draw.labels is not None:
            feeds["labels"] = draw.labels[rows]
        made[rows] = run_in_chunks(generator, feeds, threads, fixed)[name]
    return made


def refuse(metadata, path):
    """Says why there is nothing here to draw from.

    Raises:
        RuntimeModelError: always.
    """
    name = metadata.get("latent_prior")
    if is_of_texts(metadata):
        raise RuntimeModelError(
            f"{path} cannot be sampled: it holds a decoder alone, which writes the "
            "most probable tokens of latents; open the folder that export.export_model "
            "wrote, or its generator.onnx, or use `decode`."
        )
    if not has_codes(metadata):
        raise RuntimeModelError(
            f"{path} cannot be sampled: its prior is {name!r}, which a decoder alone "
            "cannot draw from; open the folder that export.export_model wrote, whose "
            "generator.onnx does, or use `decode` on latents of your own."
        )
    if name != "uniform_codes":
        raise RuntimeModelError(
            f"{path} cannot be sampled: it holds a decoder alone, and the prior over "
            "its codes lies beside it; open the folder that export.export_model wrote."
        )
    raise RuntimeModelError(
        f"{path} cannot be sampled: its model has no learned prior over its codes; "
        "use `decode` on codes of your own, or train the prior with fit_prior and "
        "export again."
    )
