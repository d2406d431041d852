"""Which image is trained on, which one stops the training, which one is the test."""

from __future__ import annotations

import dataclasses

import numpy as np

NAMES = ("train", "validation", "test")

# The test images of a source without a test split must stay the same whatever seed a
# run is given: with the run's own seed, a second run would train on the first's test.
_TEST_SEED = 0


def check_names(splits) -> tuple[str, ...]:
    """The wanted splits as a tuple.

    Raises:
        ValueError: if one of them is not "train", "validation" or "test".
    """
    wanted = (splits,) if isinstance(splits, str) else tuple(splits)
    if not wanted or any(name not in NAMES for name in wanted):
        raise ValueError(
            '`splits` must name some of "train", "validation" and "test", '
            f"received {splits!r}."
        )
    return wanted


def amount(value, count: int, argument: str, noun: str = "images") -> int:
    """How many of `count` images a number or a fraction asks for.

    Raises:
        ValueError: if `value` is neither an integer >= 0 nor a fraction in [0, 1).
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if whole and value >= 0:
        return int(value)
    if isinstance(value, float | np.floating) and 0 <= value < 1:
        # A fraction of a tiny set still asks for something.
        return max(1, round(float(value) * count)) if value else 0
    raise ValueError(
        f"`{argument}` must be a number of {noun} >= 0 or a fraction in [0, 1), "
        f"received {value!r}."
    )


def default_validation(count: int) -> int:
    """A tenth, at most 2,000: enough to stop on, and the rest is for training."""
    return min(2000, max(1, round(count / 10))) if count > 1 else 0


def default_test(count: int) -> int:
    """A tenth, at most 10,000: figures of so many are exact enough and take a while."""
    return min(10_000, max(1, round(0.1 * count)))


def cut(
    count: int, *, test=0, validation=0, seed: int = 0, noun: str = "images"
) -> dict[str, np.ndarray]:
    """Cuts `count` images into disjoint splits which together are all of them.

    Args:
        count: number of images.
        test: images or fraction for the test split, `None` for `default_test`; it
            depends on `count` alone, never on `seed` or `validation`.
        validation: images or fraction for the validation split, drawn by `seed` from
            what the test split leaves; `None` for `default_validation`.
        seed: seed of the validation split.
        noun: what errors call them.

    Returns:
        dict of sorted int64 indices for "train", "validation" and "test".

    Raises:
        ValueError: if nothing would be left to train on.
    """
    test_size = (
        default_test(count) if test is None else amount(test, count, "test", noun)
    )
    order = np.random.default_rng(_TEST_SEED).permutation(count)
    held_out, rest = order[:test_size], np.sort(order[test_size:])
    if validation is None:
        size = default_validation(len(rest))
    else:
        size = amount(validation, len(rest), "validation", noun)
    if test_size + size >= count:
        raise ValueError(
            f"{count} {noun} are too few for a test split of {test_size} and a "
            f"validation split of {size}: at least one must be left to train on."
        )
    order = np.random.default_rng(seed).permutation(len(rest))
    return {
        "train": np.sort(rest[order[size:]]),
        "validation": np.sort(rest[order[:size]]),
        "test": np.sort(held_out),
    }


@dataclasses.dataclass(frozen=True)
class Plan:
    """Which of a source's own splits each split comes from.

    Attributes:
        origin: for "train", "validation" and "test", the name of the source's split.
        test, validation, seed, noun: as in `cut`.
    """

    origin: dict[str, str]
    test: float | None
    validation: float | None
    seed: int
    noun: str = "images"

    @classmethod
    def make(cls, available, test, validation, seed, noun="images") -> Plan:
        """Plans for a source whose own splits are `available`, "train" among them."""
        origin = dict.fromkeys(NAMES, "train")
        if "test" in available:
            origin["test"] = "test"
            if validation is None and "validation" in available:
                origin["validation"] = "validation"
        elif "validation" in available:
            # What such data sets call "validation" is where results are published.
            origin["test"] = "validation"
        return cls(origin, test, validation, seed, noun)

    def indices(self, own: str, count: int) -> dict[str, np.ndarray]:
        """Indices of each split's images among the `count` of the source's own split.

        Raises:
            ValueError: if nothing would be left to train on.
        """
        if own != "train":
            return {split: np.arange(count) for split in NAMES[1:]}
        return cut(
            count,
            test=self.test if self.origin["test"] == own else 0,
            validation=self.validation if self.origin["validation"] == own else 0,
            seed=self.seed,
            noun=self.noun,
        )

    def sentences(self, wanted, counts: dict[str, int]) -> list[str]:
        """For the report: where each split came from, and how large it is."""
        seeds = {"validation": self.seed, "test": _TEST_SEED}
        lines = []
        for split in NAMES:
            own = self.origin[split]
            if split == "train":
                text = "the source's own training split, less what is held out of it"
            elif own == "train":
                text = f"cut from the training split (seed {seeds[split]})"
            else:
                text = f"the source's own {own} split"
            size = f"{counts[split]:,} {self.noun}" if split in counts else "none"
            size = size if split in wanted else "not loaded"
            lines.append(f"{split}: {text}, {size}")
        return lines
