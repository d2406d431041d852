"""Images, block after block: as many at once as there are bits to pop latents of."""

import numpy as np

from zoo.applications.bits_back.container import first_words
from zoo.applications.bits_back.levels import (
    levels_logits,
    pop_levels,
    push_decisions,
)
from zoo.applications.bits_back.rounding import Notes
from zoo.applications.bits_back.stack import Stack

# Words to begin with: more than the latents of one image ever take.
_WORDS_PER_LATENT, _MORE_WORDS = 2, 256
# Blocks of 2^8 images at most, of 2^23 numbers that describe their pixels.
_MOST_IMAGES, _MOST_NUMBERS = 256, 1 << 23
# Of bits that a block may take, as images differ.
_RESERVE = 1.1


class Coded:
    """What `push_all` gives: see `Container`.

    Attributes:
        words: uint32.
        used: how many of the first words are of no use any more.
        schedule: how many blocks of 1, 2, 4, ... images.
        notes: whole numbers.
    """

    def __init__(self, words, used, schedule, notes):
        self.words, self.used = words, used
        self.schedule, self.notes = schedule, notes


def first_count(latents):
    """How many words a stack begins with, of so many latents an image."""
    return _WORDS_PER_LATENT * latents + _MORE_WORDS if latents else 0


def most_images(model):
    """How many images a block may have."""
    height, width, channels = model.image_shape
    numbers = height * width * model.likelihood.parameters(channels)
    return 1 << (max(1, min(_MOST_IMAGES, _MOST_NUMBERS // numbers)).bit_length() - 1)


def push_all(coder, levels, labels, classes, latents, progress):
    """Codes all images: `Coded`.

    Args:
        coder: such as a `VectorCoder`.
        levels: int64 (N, H, W, C).
        labels: int (N,), or None.
        classes: how many labels may be, 0 for none.
        latents: how many an image has.
        progress: function of the images done and all, or None.
    """
    begin = first_words(first_count(latents))
    stack, notes = Stack(begin), Notes()
    size, done, schedule, most = 1, 0, [], most_images(coder.model)
    while done < len(levels):
        before, lowest = stack.size, stack.lowest
        stack.lowest = before
        rows = slice(done, min(done + size, len(levels)))
        given = None if labels is None else labels[rows]
        coder.push(stack, notes, levels[rows], given)
        if given is not None:
            push_labels(stack, given, classes)
        needed = (before - stack.lowest) / (rows.stop - done)
        stack.lowest = min(lowest, stack.lowest)
        schedule += [0] * (size.bit_length() - len(schedule))
        schedule[-1] += 1
        done, notes.where = rows.stop, notes.where + 1
        if progress is not None:
            progress(done, len(levels))
        left = stack.size - stack.lowest
        if size < most and 2 * size * _RESERVE * needed <= left:
            size *= 2
    # The last two of those that lay there are in the coder's own state.
    used = len(begin) - max(0, min(len(begin), stack.lowest // 32 - 2))
    kept = stack.words[len(begin) - used :]
    return Coded(kept, used, schedule, notes.write())


def block_sizes(schedule, count):
    """How many images each block has.

    Raises:
        ValueError: if they are not so many images.
    """
    sizes = [1 << power for power, blocks in enumerate(schedule) for _ in range(blocks)]
    before = sum(sizes[:-1])
    if sizes and before < count <= before + sizes[-1]:
        sizes[-1] = count - before
    if sum(sizes) != count:
        raise ValueError(f"blocks of {sum(sizes):,} images, of {count:,}")
    return sizes


def pop_all(coder, found, latents, progress):
    """Decodes all images of a `Container`: levels (N, H, W, C)."""
    count, shape = found.shape[0], found.shape[1:]
    begin = first_words(first_count(latents))
    stack = Stack(np.concatenate([begin[: len(begin) - found.used], found.words]))
    notes = Notes(found.notes)
    sizes = block_sizes(found.schedule, count)
    levels, done = np.zeros(found.shape, np.int64), 0
    for number in reversed(range(len(sizes))):
        notes.where, size = number, sizes[number]
        labels = pop_labels(stack, size, found.classes) if found.classes else None
        rows = slice(count - done - size, count - done)
        levels[rows] = coder.pop(stack, notes, (size, *shape), labels)
        done += size
        if progress is not None:
            progress(done, count)
    return levels


def push_labels(stack, labels, classes):
    """Pushes labels (B,), all equally probable."""
    push_decisions(stack, levels_logits(labels, **_equal(classes)))


def pop_labels(stack, count, classes):
    """Labels that were pushed: int64 (count,)."""
    return pop_levels(stack, (count,), **_equal(classes))


def _equal(classes):
    return {
        "num_levels": classes,
        "share_below": lambda edges: edges / classes,
        "notes": Notes(),
        "part": 0,
    }
