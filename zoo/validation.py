"""One clear sentence for input that a model cannot take."""

import keras
import numpy as np

# Of layers, latents and the like: more would be no model, and its lists no end.
MOST_OF_A_SIZE = 2**24


def check_image_shape(image_shape):
    """A tuple (H, W, C) of ints with H, W >= 8 and C >= 1.

    Raises:
        ValueError, TypeError: otherwise.
    """
    try:
        shape = tuple(int(size) for size in image_shape)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(
            "`image_shape` must be (height, width, channels), such as (28, 28, 1); "
            f"got {image_shape!r}."
        ) from None
    if len(shape) != 3 or min(shape) < 1 or max(shape) > MOST_OF_A_SIZE:
        raise ValueError(
            "`image_shape` must be (height, width, channels), such as (28, 28, 1); "
            f"got {image_shape!r}."
        )
    if min(shape[:2]) < 8:
        raise ValueError(
            "`image_shape` must be at least 8 pixels high and wide; "
            f"got {shape[0]}x{shape[1]}."
        )
    return shape


def check_whole_number(value, argument, minimum, maximum: int | None = MOST_OF_A_SIZE):
    """`value` as an int >= minimum and, unless that is None, <= maximum.

    Raises:
        ValueError: otherwise.
    """
    try:
        valid = not isinstance(value, bool) and int(value) == value >= minimum
        valid = valid and (maximum is None or value <= maximum)
    except (TypeError, ValueError, OverflowError):  # no number, NaN, infinity
        valid = False
    if not valid:
        wanted = f">= {minimum}"
        if maximum not in (None, MOST_OF_A_SIZE) or _is_more(value, maximum):
            wanted += f" and <= {maximum}"
        raise ValueError(
            f"`{argument}` must be a whole number {wanted}; got {value!r}."
        )
    return int(value)


def _is_more(value, maximum):
    is_number = isinstance(value, int | float)
    return maximum is not None and is_number and value > maximum


def check_share(value, argument):
    """`value` as a float in [0, 1).

    Raises:
        ValueError: otherwise.
    """
    try:
        valid = not isinstance(value, bool) and 0 <= value < 1
    except TypeError:
        valid = False
    if not valid:
        raise ValueError(f"`{argument}` must lie in [0, 1); got {value!r}.")
    return float(value)


def check_choice(value, argument, choices):
    """`value`, if it is one of `choices`.

    Raises:
        ValueError: otherwise.
    """
    if value not in choices:
        known = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"`{argument}` must be one of {known}; got {value!r}.")
    return value


def check_batch(count, minimum, who):
    """Refuses a batch of `count` images (None: not known yet) that is too small.

    Raises:
        ValueError: if `count` is known and less than `minimum`.
    """
    if count is not None and count < minimum:
        raise ValueError(
            f"{who} compares the images of a batch with each other: it needs batches "
            f"of at least {minimum} images; got a batch of {count}."
        )


def check_shape_and_dtype(shape, dtype, image_shape, argument="x"):
    """Checks what is known of a batch before its values are: its shape and dtype.

    Raises:
        ValueError: for a wrong rank, size or number of channels.
        TypeError: for integer or text pixels.
    """
    height, width, channels = image_shape
    wanted = f"(N, {height}, {width}, {channels})"
    shape = tuple(shape)
    if len(shape) != 4:
        raise ValueError(
            f"`{argument}` must be images of shape {wanted}; got {len(shape)} "
            f"dimensions, shape {shape}."
        )
    if shape[3] is not None and shape[3] != channels:
        raise ValueError(
            f"`{argument}` must have {channels} channel(s), shape {wanted}; "
            f"got {shape[3]}, shape {shape}."
        )
    for given, want in zip(shape[1:3], (height, width), strict=True):
        if given is not None and given != want:
            raise ValueError(
                f"`{argument}` must be images of {height}x{width} pixels, shape "
                f"{wanted}; got shape {shape}: resize them first."
            )
    dtype = str(dtype).rsplit(".", 1)[-1]
    if "float" not in dtype and "bool" not in dtype:
        raise TypeError(
            f"`{argument}` must be float32 pixels in [0, 1]; got {dtype}: divide "
            "8-bit images by 255 first."
        )


def check_values(images, argument="x"):
    """Checks a NumPy batch for emptiness, NaN and range.

    Raises:
        ValueError: otherwise.
    """
    if images.size == 0:
        raise ValueError(
            f"`{argument}` must hold at least one image; got shape {images.shape}."
        )
    if images.dtype == bool:
        return
    low, high = float(np.min(images)), float(np.max(images))
    # NaN propagates through min and max, and fails every comparison.
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(
            f"`{argument}` must be finite pixels in [0, 1]; got NaN or infinite values."
        )
    if low < 0 or high > 1:
        raise ValueError(
            f"`{argument}` must be pixels in [0, 1]; got values from {low:g} to "
            f"{high:g}: rescale them first."
        )


def is_rows(x):
    """Whether `x` gives images by their numbers, without being held in memory.

    It has a `shape`, a `dtype` and a length, and `x[:9]` and `x[[3, 0, 1]]` are arrays,
    but it does not claim to be one itself (`__array__`), to be read as a whole.
    """
    wanted = ("shape", "dtype", "__len__", "__getitem__")
    return not hasattr(x, "__array__") and all(hasattr(x, name) for name in wanted)


class CheckedRows:
    """Rows of images, checked as they are read."""

    def __init__(self, rows, argument):
        self.rows, self.argument = rows, argument
        self.shape, self.dtype = tuple(rows.shape), rows.dtype

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        images = self.rows[index]
        if images.size:
            check_values(images, self.argument)
        return images.astype("float32", copy=False)


def check_images(x, image_shape, argument="x", rows=False):
    """Images as a float32 NumPy array (N, H, W, C) with values in [0, 1].

    Args:
        x: images, or rows of them: see `is_rows`.
        image_shape: (H, W, C) that they must have.
        argument: the argument's name, for errors.
        rows: leave rows where they are, as `CheckedRows`.

    Raises:
        ValueError, TypeError: as in `check_shape_and_dtype` and `check_values`.
    """
    if is_rows(x):
        check_shape_and_dtype(x.shape, x.dtype, image_shape, argument)
        x = CheckedRows(x, argument)
        return x if rows else x[:]
    if keras.ops.is_tensor(x):
        x = keras.ops.convert_to_numpy(x)
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise ValueError(
            f"`{argument}` must be one array of images of equal size; got "
            f"{type(x).__name__} that NumPy cannot stack."
        ) from error
    if x.size == 0 and x.ndim != 4:
        check_values(x, argument)
    check_shape_and_dtype(x.shape, x.dtype, image_shape, argument)
    check_values(x, argument)
    return x.astype("float32", copy=False)


def check_temperature(temperature):
    """`temperature`, if it is a finite number >= 0.

    Raises:
        ValueError, TypeError: otherwise.
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(
            f"`temperature` must be a finite number >= 0; got {temperature!r}."
        )
    return temperature


def check_latents(z, specs, dtype="float32"):
    """Latents of groups as NumPy arrays of `dtype`, or integer where they are codes.

    Args:
        z: an array (N, *shape), or {name: array} where there are several groups.
        specs: a `zoo.latents.LatentSpec` for each group.
        dtype: of those that are no codes.

    Raises:
        ValueError, TypeError: for latents of another kind, shape or range.
    """
    if len(specs) == 1:
        name = "codes" if specs[0].is_codes else "z"
        return _check_group(z, specs[0], name, dtype)
    names = [spec.name for spec in specs]
    if not isinstance(z, dict) or set(z) != set(names):
        given = sorted(z) if isinstance(z, dict) else type(z).__name__
        raise ValueError(
            f"`z` must be a dictionary of the groups {', '.join(names)}; got {given}."
        )
    checked = {s.name: _check_group(z[s.name], s, s.name, dtype) for s in specs}
    counts = {name: len(rows) for name, rows in checked.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"All groups of `z` must be of one number; got {counts}.")
    return checked


def _check_group(z, spec, argument, dtype):
    if spec.is_codes:
        return check_codes(z, spec.codebook_size, tuple(spec.shape))
    if keras.ops.is_tensor(z):
        z = keras.ops.convert_to_numpy(z)
    z = np.asarray(z, dtype)
    if z.ndim == 0 or z.shape[1:] != tuple(spec.shape):
        wanted = ", ".join(map(str, spec.shape))
        raise ValueError(
            f"`{argument}` must be latents of shape (N, {wanted}); got shape {z.shape}."
        )
    return z


def check_codes(codes, codebook_size, code_shape):
    """Codes as an integer NumPy array (N, *code_shape) below codebook_size.

    Raises:
        ValueError: for codes of another shape or out of range.
        TypeError: for codes that are no integers.
    """
    if keras.ops.is_tensor(codes):
        codes = keras.ops.convert_to_numpy(codes)
    codes = np.asarray(codes)
    if codes.ndim == 0 or codes.shape[1:] != code_shape:
        wanted = ", ".join(map(str, code_shape))
        raise ValueError(
            f"`codes` must be of shape (N, {wanted}); got shape {codes.shape}."
        )
    if codes.dtype.kind not in "iu":
        raise TypeError(f"`codes` must be integers; got {codes.dtype}.")
    if codes.size and not 0 <= codes.min() <= codes.max() < codebook_size:
        raise ValueError(
            f"`codes` must lie between 0 and {codebook_size - 1}; got values from "
            f"{codes.min()} to {codes.max()}."
        )
    return codes
