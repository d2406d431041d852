"""Checks of what callers pass in: one clear sentence each."""

import math
import operator
import os

import numpy as np
import numpy.typing as npt

from zoo.threefry import MAX_SEED

Float32 = npt.NDArray[np.float32]
Tokens = npt.NDArray[np.int32]

MAX_OUTPUT_BYTES = 2 * 2**30


def check_int(name, value, minimum):
    """`value` as an int of at least `minimum`."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(
            f"`{name}` must be an integer; got {short(value)} ({type(value).__name__})."
        ) from None
    if number < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}; got {number}.")
    return number


def check_num_samples(value, image_shape):
    """`num_samples`, if that many float32 images fit in `MAX_OUTPUT_BYTES`."""
    number = check_int("num_samples", value, 0)
    most = MAX_OUTPUT_BYTES // (4 * math.prod(image_shape))
    if number > most:
        raise ValueError(
            f"`num_samples` must be at most {most} for images of shape "
            f"{tuple(image_shape)}, {MAX_OUTPUT_BYTES // 2**30} GB in one array; got "
            f"{number}: draw them in several calls with different seeds."
        )
    return number


def check_temperature(value):
    """`temperature` as a finite float >= 0."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"`temperature` must be a number >= 0; got {short(value)} "
            f"({type(value).__name__})."
        ) from None
    if not 0 <= number < math.inf:
        raise ValueError(
            f"`temperature` must be a finite number >= 0; got {short(value)}."
        )
    return number


def check_seed(value):
    """`seed` as an int from 0 to 2**63 - 1, or None for fresh randomness."""
    if value is None:
        return None
    number = check_int("seed", value, 0)
    if number > MAX_SEED:
        raise ValueError(
            f"`seed` must be at most {MAX_SEED}, 2**63 - 1; got {short(number)}."
        )
    return number


def check_threads(value):
    """How many threads to use: `value`, or up to 4 of the cores there are."""
    if value is None:
        return min(_cores(), 4)
    return check_int("threads", value, 1)


def _cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_array(name, value, row_shape, row):
    """`value` as a finite float32 array (N, *row_shape)."""
    try:
        array = np.asarray(value)
    except Exception as error:  # ragged lists, tensors on another device
        raise TypeError(
            f"`{name}` must be an array of numbers; got {type(value).__name__}, which "
            "numpy cannot read."
        ) from error
    if array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16":
        raise TypeError(
            f"`{name}` must be an array of real numbers; got dtype {array.dtype}."
        )
    wanted = ", ".join(str(n) for n in ("N", *row_shape))
    if array.ndim != 1 + len(row_shape) or array.shape[1:] != tuple(row_shape):
        raise ValueError(
            f"`{name}` must have shape ({wanted}), one {row} a row; got {array.shape}."
        )
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(array).all():
        raise ValueError(
            f"`{name}` must be finite in float32; got NaN or infinite values."
        )
    return array


def check_images(value, image_shape):
    """`value` as float32 images (N, H, W, C) in [0, 1]."""
    images = check_array("images", value, image_shape, "image")
    if images.size and (images.min() < 0 or images.max() > 1):
        raise ValueError(
            "`images` must lie in [0, 1]; got values from "
            f"{images.min():.4g} to {images.max():.4g} (8-bit pixels: divide by 255)."
        )
    return images


def check_codes(value, codebook_size, code_shape):
    """`value` as codes int32 (N, *code_shape) from 0 to codebook_size - 1."""
    try:
        codes = np.asarray(value)
    except Exception as error:  # ragged lists, tensors on another device
        raise TypeError(
            f"`codes` must be an array of whole numbers; got {type(value).__name__}, "
            "which numpy cannot read."
        ) from error
    if codes.dtype.kind not in "iu":
        raise TypeError(
            f"`codes` must be an array of whole numbers; got dtype {codes.dtype}."
        )
    if codes.ndim == 0 or codes.shape[1:] != code_shape:
        wanted = ", ".join(map(str, ("N", *code_shape)))
        raise ValueError(
            f"`codes` must have shape ({wanted}), one grid a row; got {codes.shape}."
        )
    if codes.size and not 0 <= codes.min() <= codes.max() < codebook_size:
        raise ValueError(
            f"`codes` must lie between 0 and {codebook_size - 1}; got values from "
            f"{short(int(codes.min()))} to {short(int(codes.max()))}."
        )
    return np.ascontiguousarray(codes, dtype=np.int32)


def short(value):
    """What was given, in few characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
