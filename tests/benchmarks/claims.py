"""What is asked of the zoo's speed, and the ratios that were measured."""

import statistics
from typing import NamedTuple

import contenders
import sampling


class Claim(NamedTuple):
    """A ratio, the least it is asked to be, and what it was in each turn.

    Attributes:
        what: both sides, in words.
        asked: the least ratio, or None where none is asked.
        each_turn: ratio in each turn.
    """

    what: str
    asked: float | None
    each_turn: list[float]

    @property
    def measured(self):
        """The median: of ratios within a turn, as the next finds another machine."""
        return statistics.median(self.each_turn)


def claims(record):
    """Claims about those parts that a record has."""
    found = []
    if "dense" in record:
        found += dense_claims(record["dense"])
    for part, model in (("conv", "ConvVAE"), ("ladder", "HierarchicalVAE")):
        if part in record:
            found += conv_claims(record[part], model)
    if "sampling" in record:
        found += sampling_claims(record["sampling"])
    return found


def dense_claims(results):
    best = {backend: contenders.zoo_name(backend) for backend in contenders.BACKENDS}
    asked = [
        ("jax", contenders.TORCH_LOOP, 2.0),
        ("jax", contenders.JAX_SCAN, 0.95),
        ("tensorflow", contenders.TORCH_LOOP, 1.1),
        ("torch", contenders.TORCH_LOOP, 0.9),
    ]
    found = [
        faster("DenseVAE", results, best[b], peer, least) for b, peer, least in asked
    ]
    if contenders.PYTHAE in results:
        fastest = max(best.values(), key=lambda name: speed(results[name]))
        found += [
            faster("DenseVAE", results, fastest, contenders.PYTHAE, 2.0),
            faster("DenseVAE", results, best["torch"], contenders.PYTHAE, None),
        ]
    return found


def conv_claims(results, model):
    peers = {
        "tensorflow": contenders.TENSORFLOW_LOOP,
        "jax": contenders.JAX_STEPS,
        "torch": contenders.TORCH_LOOP,
    }
    return [
        faster(model, results, contenders.zoo_name(backend), peer, 0.95)
        for backend, peer in peers.items()
    ]


def sampling_claims(results):
    found = []
    # Asked against TensorFlow, Keras' default backend; JAX is shown beside it.
    for backend, asked in (("tensorflow", (5.0, 1.3)), ("jax", (None, None))):
        jitted = sampling.jitted_name(backend)
        for preset, calls in results["calls"].items():
            for images, least in zip(("1", "64"), asked, strict=True):
                what = f"{preset}, {images} at a time: {sampling.DECODE} / {jitted}"
                ours, theirs = calls[sampling.DECODE][images], calls[jitted][images]
                found.append(shorter(what, ours, theirs, least))
    starts = results["start"]
    ours, theirs = sampling.EXPORTED_START, sampling.start_name("torch")
    what = f"cold start: {ours} / {theirs}"
    return [*found, shorter(what, starts[ours], starts[theirs], 10.0)]


def speed(figures):
    return figures["images_per_second"]


def faster(model, results, ours, theirs, asked):
    """A claim about images a second."""
    each = zip(results[ours]["each_turn"], results[theirs]["each_turn"], strict=True)
    return Claim(f"{model}: {ours} / {theirs}", asked, [x / y for x, y in each])


def shorter(what, ours, theirs, asked):
    """A claim about times: how many of ours go into theirs."""
    each = zip(ours["each_turn"], theirs["each_turn"], strict=True)
    return Claim(what, asked, [y / x for x, y in each])
