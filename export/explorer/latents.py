"""What the sliders of a page need to know: how important each latent is, and its range.

A latent's importance, where nothing better is known, is how much the image changes, or
how many tokens of the text do, when the latent goes from one standard deviation below
its mean to one above.
"""

import numpy as np

from export.runtime.chunks import run_in_chunks
from export.runtime.prior import read_prior
from zoo.threefry import normals

_SEED = 0
# Draws that ranges are taken from, and how many standard deviations they go.
_DRAWS = 2048
_DEVIATIONS = 3
# Images decoded to compare latents, at most, and at a time.
_MOST_IMAGES = 4096
_AT_A_TIME = 256


def describe_latents(decoder, importance=None, threads=2, sampler=None):
    """The JSON entry `latents` of a page.

    Args:
        decoder: the `Session` of a decoder whose latents are vectors.
        importance: what each latent counts, in nats; measured if not given.
        threads: how many threads may decode.
        sampler: the `Session` of its sampler.onnx, which draws from a prior that the
            decoder says nothing of; None if there is none.

    Returns:
        dict of `order`, latents by falling importance; `weight`, `low`, `high` and
        `centre` of each; and `unit`, "nats" or "change".
    """
    latent_dim = decoder.metadata["latent_dim"]
    labels = _labels(decoder.metadata, _DRAWS)
    prior = read_prior(decoder)
    z = normals(_SEED, _DRAWS, latent_dim)
    if prior is not None:
        z = prior(z, labels)
    elif sampler is not None:
        z = _drawn(sampler, labels)
    unit = "nats"
    if importance is None or len(importance) != latent_dim:
        unit, importance = "change", _influence(decoder, z, labels, threads)
    importance = np.asarray(importance, np.float64)
    centre = z.mean(axis=0, dtype=np.float64)
    reach = _DEVIATIONS * z.std(axis=0, dtype=np.float64)
    return {
        "order": np.argsort(-importance, kind="stable").tolist(),
        "weight": _rounded(importance, 4),
        "unit": unit,
        "low": _rounded(np.floor(10 * (centre - reach)) / 10, 1),
        "high": _rounded(np.ceil(10 * (centre + reach)) / 10, 1),
        "centre": _rounded(centre, 4),
    }


def _drawn(sampler, labels):
    """Latents that a sampler.onnx draws."""
    feeds = {
        "seed": np.array(_SEED, np.int64),
        "num_samples": np.array(_DRAWS, np.int64),
        "temperature": np.array(1, np.float32),
    }
    if labels is not None:
        feeds["labels"] = labels
    return sampler.run(feeds)["z"]


def _influence(decoder, z, labels, threads):
    """How much the image changes with each latent: root mean square of pixels.

    Of texts, of whether each token is another.
    """
    latent_dim = z.shape[1]
    draws = max(1, min(8, _MOST_IMAGES // (2 * latent_dim)))
    deviations = z.std(axis=0)
    means = z.mean(axis=0)
    change = np.zeros(latent_dim)
    for row in range(draws):
        for start in range(0, latent_dim, _AT_A_TIME):
            which = np.arange(start, min(start + _AT_A_TIME, latent_dim))
            ends = []
            for side in (-1, 1):
                moved = np.repeat(z[row : row + 1], len(which), axis=0)
                moved[range(len(which)), which] = (
                    means[which] + side * deviations[which]
                )
                feeds = {"z": moved}
                if labels is not None:
                    feeds["labels"] = np.repeat(labels[row : row + 1], len(which), 0)
                made = run_in_chunks(decoder, feeds, threads)
                ends.append(made[decoder.event.output])
            if decoder.event.output == "tokens":
                difference = ends[1] != ends[0]
            else:
                difference = (ends[1] - ends[0]).reshape(len(which), -1)
            change[which] += np.mean(difference.astype(np.float64) ** 2, axis=1)
    return np.sqrt(change / draws)


def _labels(metadata, count):
    """All classes in turn, or attributes at random; None for a model without labels."""
    if metadata["num_classes"] is not None:
        return np.arange(count, dtype=np.int32) % metadata["num_classes"]
    if metadata["num_attributes"] is not None:
        rng = np.random.default_rng(_SEED)
        return rng.random((count, metadata["num_attributes"]), dtype=np.float32)
    return None


def _rounded(array, decimals):
    return [round(float(value), decimals) for value in array]
