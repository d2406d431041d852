"""Whether images are black on white where a model knows white on black."""

import numpy as np

# Of two means, black being 0 and white 1: nearer ones say nothing about what is ground.
_LEAST_DISTANCE = 0.3
NUM_SAMPLES = 64


def print_polarity(model, info, images, inverted, console):
    """Prints the sentence of `polarity_sentence`, if there is one."""
    said = polarity_sentence(model, info, images, inverted)
    if said:
        console.print(said, style="yellow", markup=False, highlight=False)


def polarity_sentence(model, info, images, inverted=False):
    """Says so if images look like the negatives of those a preset was trained on.

    They do if their mean is far from that of the training images, and that of their
    negatives less than half as far.

    Args:
        model: the preset's model.
        info: `zoo.preset_info` of it. The mean that it lacks is that of 64 samples.
        images: float32 (N, H, W, C) in [0, 1].
        inverted: whether they were inverted already.

    Returns:
        A sentence, or None.
    """
    mean = float(np.mean(images, dtype=np.float64))
    # No other mean is far enough then, and samples of codes take a while.
    if 4 * abs(mean - 0.5) < _LEAST_DISTANCE:
        return None
    own = info.get("dataset", {}).get("mean")
    if own is None:
        num_classes = getattr(model, "num_classes", None)
        # Attributes, unlike classes, cannot be made up.
        if not model.can_sample or (model.label_dim and not num_classes):
            return None
        labels = np.arange(NUM_SAMPLES) % num_classes if num_classes else None
        own = np.mean(model.sample(NUM_SAMPLES, labels, seed=0), dtype=np.float64)
    distance, of_negatives = abs(mean - own), abs(1 - mean - own)
    if distance < _LEAST_DISTANCE or of_negatives >= distance / 2:
        return None
    remedy = "try without" if inverted else "try"
    return (
        f"The images look like negatives of those the preset was trained on, with a "
        f"mean of {mean:.2f} where 0 is black and 1 white, against {own:.2f}: {remedy} "
        "--invert (`invert=True`)."
    )
