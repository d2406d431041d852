"""What a model makes of random numbers, to compare generators and samplers with.

Uniform numbers choose: a component, a code. Two programs that round in other places
choose otherwise, now and then, where a number lies on the edge between two choices.
Rows whose numbers lie so near an edge that the model itself would choose otherwise, had
they been a little larger or smaller, are left out of the comparison.
"""

import numpy as np

from export.runtime.golden import max_error
from zoo import threefry

# How far uniform numbers are moved, many times what rounding moves a probability.
_SHIFT = np.float32(2e-6)
# What tells a leap from a slope.
_LEAPS = {"image": 1e-4, "latents": 1e-3}
_LAST = np.float32(1 - 2.0**-24)
# How far the uniforms of stored draws keep from edges, so that every machine draws the
# same: the first that one draw does. Edges of a large codebook are dense.
_GOLDEN_SHIFTS = np.float32([1e-4, 1e-5, 1e-6])
_GOLDEN_DRAWS = 16


def comparison(subject, all_feeds):
    """A function of one of the feeds and a file's outputs: {about: error}.

    Args:
        subject: a `Subject`.
        all_feeds: inputs of a generator.onnx or a sampler.onnx, a list.
    """
    given = [_numbers(subject.model, feeds) for feeds in all_feeds]
    if subject.model.noise.uniforms:
        made = _stacked(subject.model, given)
    else:
        made = [
            (*_generate(subject.model, **numbers), slice(None)) for numbers in given
        ]
    made = {id(feeds): one for feeds, one in zip(all_feeds, made, strict=True)}

    def compare(feeds, got):
        image, latents, rows = made[id(feeds)]
        errors = {"values": max_error(got["image"][rows], image[rows])}
        if subject.latent_name in got:
            drawn = got[subject.latent_name]
            errors["latents"] = max_error(drawn[rows], latents[0][rows])
        return errors

    return compare


def golden(session, feeds):
    """Feeds of a generator whose uniforms keep away from edges, and what it gave."""
    uniforms = feeds.get("uniforms")
    if uniforms is None:
        return feeds, session.run(feeds)
    rows, size = uniforms.shape
    draws = [threefry.uniforms(seed, rows, size) for seed in range(_GOLDEN_DRAWS - 1)]
    many = {
        name: np.concatenate([array] * _GOLDEN_DRAWS) if array.ndim else array
        for name, array in feeds.items()
    }
    many["uniforms"] = tried = np.concatenate([uniforms, *draws])
    image = session.run(many)["image"]
    for shift in _GOLDEN_SHIFTS:
        moved = [
            session.run({**many, "uniforms": np.clip(tried + by, 0, _LAST)})["image"]
            for by in (-shift, shift)
        ]
        stays = _stays(np.concatenate([image, *moved]), len(tried), _LEAPS["image"])
        stays = stays.reshape(_GOLDEN_DRAWS, rows).all(axis=1)
        if stays.any():
            break
    first = int(np.argmax(stays)) * rows
    feeds = {**feeds, "uniforms": tried[first : first + rows]}
    return feeds, session.run(feeds)


def _numbers(model, feeds):
    """What `generate` takes, from inputs of a generator or a sampler."""
    if "seed" not in feeds:
        return dict(feeds)
    seed, rows = int(feeds["seed"]), int(feeds["num_samples"])
    numbers = {"temperature": feeds["temperature"]}
    if model.noise.normals:
        numbers["noise"] = threefry.normals(seed, rows, model.noise.normals)
    if model.noise.uniforms:
        numbers["uniforms"] = threefry.uniforms(seed, rows, model.noise.uniforms)
    if "labels" in feeds:
        numbers["labels"] = feeds["labels"]
    return numbers


def _generate(model, **numbers):
    """(image, [latents of each group]) as NumPy arrays."""
    import keras
    from keras import ops

    tensors = {name: ops.convert_to_tensor(array) for name, array in numbers.items()}
    z = model.draw_latents(**tensors)
    image = model.expected_images(z, tensors.get("labels"))
    latents = [ops.convert_to_numpy(group) for group in keras.tree.flatten(z)]
    return ops.convert_to_numpy(image), latents


def _stacked(model, given):
    """[(image, latents, rows to compare)]: all at once, as draws in a loop are slow."""
    sizes = [len(numbers["uniforms"]) for numbers in given]
    arrays = {
        name: np.concatenate([numbers[name] for numbers in given])
        for name in given[0]
        if name != "temperature"
    }
    temperatures = [numbers["temperature"] for numbers in given]
    arrays["temperature"] = np.repeat(np.float32(temperatures), sizes)
    total = sum(sizes)
    arrays = {name: np.concatenate([array] * 3) for name, array in arrays.items()}
    shifts = np.repeat(np.float32([0, -_SHIFT, _SHIFT]), total)[:, None]
    arrays["uniforms"] = np.clip(arrays["uniforms"] + shifts, 0, _LAST)
    image, latents = _generate(model, **arrays)
    sure = _stays(image, total, _LEAPS["image"])
    for group in latents:
        sure &= _stays(group, total, _LEAPS["latents"])
    ends = np.cumsum(sizes)
    parts = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    return [(image[p], [group[p] for group in latents], sure[p]) for p in parts]


def _stays(array, total, leap):
    """Which of the first rows are those of the two later thirds, but for a slope."""
    rows = array.reshape(3, total, -1).astype(np.float64)
    return (np.abs(rows[1:] - rows[0]) <= leap).all(axis=(0, 2))
