"""What is done with a shard: draw, encode, evaluate, score, fill in.

A job is made where the command runs, is sent to whoever works, loads its model there
once, and makes columns of shards. Columns depend on job and shard alone: noise is that
of the shard's number, and each call computes with as many threads, one.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

import export
from recipes.bulk.formats import levels
from recipes.bulk.shards import OBSERVED, Reader, WholeSet, labels_among


@dataclasses.dataclass(frozen=True)
class Model:
    """Where a model lies, and which it is.

    Attributes:
        source: preset's name, address on the hub or folder; a detector's folder; or an
            exported file or folder. Every machine that works must find it there.
        digest: of its weights.
        backend: that runs it; None of an exported one, which runs without Keras.
    """

    source: str
    digest: str
    backend: str | None

    def facts(self):
        """What results depend on, as JSON."""
        return {"digest": self.digest, "backend": self.backend}

    def load(self):
        """A model of the zoo."""
        import zoo

        return zoo.from_preset(self.source)

    def sampler(self):
        """The exported model, on one thread."""
        return export.Sampler(self.source, threads=1)


@dataclasses.dataclass(frozen=True)
class Job:
    """What all jobs are.

    Attributes:
        model: of `Model`.
        seed: fixes the noise.
    """

    name: ClassVar[str]
    model: Model
    seed: int = 0

    def load(self) -> Any:
        """What `columns` needs, loaded where the work is done."""
        return self.model.sampler() if not self.model.backend else self.model.load()

    def columns(self, loaded, shard) -> dict[str, np.ndarray]:
        """{name: array} of the rows of a shard."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """All that the result depends on, as JSON: who goes on must do the same."""
        facts = {"job": self.name}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Model | Reader | WholeSet):
                value = value.facts()
            facts[field.name] = value.tolist() if hasattr(value, "tolist") else value
        return facts


@dataclasses.dataclass(frozen=True)
class Sample(Job):
    """Images of a seed's rows, as 256 levels; of every class in turn, or of one."""

    name = "sample"
    temperature: float = 1.0
    label: int | str | None = None
    num_classes: int | None = None

    def columns(self, loaded, shard):
        rows = np.arange(shard.first, shard.first + shard.count)
        labels, given = None, self.label
        if self.num_classes and given is None:
            labels = given = rows % self.num_classes
        options = given, self.temperature, self.seed, shard.first
        if self.model.backend:
            drawn = list(map(levels, loaded.iter_sample(shard.count, *options)))
            images = np.concatenate(drawn)
        else:
            images = levels(loaded.sample(shard.count, *options))
        return {"row": rows, "image": images} | _if_any("label", labels)


@dataclasses.dataclass(frozen=True)
class OnImages(Job):
    """What is done with images that are there; other columns of theirs are kept.

    Attributes:
        reader: of the shards.
        takes_labels: whether the model is given the column of labels.
    """

    reader: Reader | WholeSet = None  # type: ignore[assignment]
    takes_labels: bool = False

    def columns(self, loaded, shard):
        x, kept = self.reader.read(shard)
        labels = labels_among(kept) if self.takes_labels else None
        made = self.made(loaded, x, labels, kept, self._seed(shard))
        return {n: a for n, a in kept.items() if n not in made} | made

    def made(self, loaded, x, labels, kept, seed):
        """Columns of images (N, H, W, C), labels (N,) or None, other columns."""
        raise NotImplementedError

    def _seed(self, shard):
        sequence = np.random.SeedSequence((self.seed, shard.number))
        return int(sequence.generate_state(1)[0])


@dataclasses.dataclass(frozen=True)
class Encode(OnImages):
    """q(z|x): mean and log-variance, or codes, or whatever the encoder gives."""

    name = "encode"

    def made(self, loaded, x, labels, kept, seed):
        if not self.model.backend:
            found = loaded.encode(x, labels)
            if isinstance(found, tuple):
                return dict(zip(("mean", "log_var"), found, strict=True))
            return found if isinstance(found, dict) else {"codes": found}
        labels = loaded.known_labels(x, labels, prior=False)
        name = "posterior statistics" + ("" if labels is None else " given labels")
        found = loaded.inference.batched(name, loaded.posterior_statistics, x, labels)
        if not found:
            raise ValueError(
                f"The posterior of this {type(loaded).__name__} has no description "
                "in numbers to write."
            )
        return found


@dataclasses.dataclass(frozen=True)
class Evaluate(OnImages):
    """The ELBO and its parts, in nats; with K, -log p(x) by importance sampling."""

    name = "evaluate"
    num_importance_samples: int | None = None

    def made(self, loaded, x, labels, kept, seed):
        found = loaded.elbo(x, labels, seed=seed)
        if k := self.num_importance_samples:
            log_p = loaded.log_marginal_likelihood(x, labels, k, seed=seed)
            found["nll"] = -log_p
        return found


@dataclasses.dataclass(frozen=True)
class Score(OnImages):
    """The score of an `AnomalyDetector` or a scorer.onnx, and what it decides."""

    name = "anomaly score"

    def load(self):
        if not self.model.backend:
            return export.Scorer(self.model.source, threads=1)
        from zoo.applications import AnomalyDetector

        return AnomalyDetector.from_preset(self.model.source)

    def made(self, loaded, x, labels, kept, seed):
        scores = np.asarray(loaded.score_samples(x))
        decision = scores - (loaded.offset_ if self.model.backend else loaded.offset)
        return {"score": scores, "decision": decision, "anomaly": decision < 0}


@dataclasses.dataclass(frozen=True)
class Impute(OnImages):
    """Draws of missing pixels as 256 levels, their mean and their spread.

    Attributes:
        observed: bool (H, W); None where the column `OBSERVED` tells it of each image.
        num_draws, method, num_steps: of `zoo.applications.impute`.
    """

    name = "impute"
    observed: np.ndarray | None = None
    num_draws: int = 20
    method: str = "metropolis"
    num_steps: int = 100
    label: int | str | None = None

    def made(self, loaded, x, labels, kept, seed):
        from zoo.applications import impute

        observed = self.observed
        if observed is None:
            if OBSERVED not in kept:
                raise ValueError(
                    "Without --missing shards must have a column "
                    f"{OBSERVED!r}, (N, H, W), true where a pixel is observed."
                )
            observed = kept[OBSERVED].astype(bool)
        drawn = impute(
            loaded,
            x,
            observed,
            self.num_draws,
            seed,
            labels=self.label if labels is None else labels,
            method=self.method,
            num_steps=self.num_steps,
        )
        return {
            "draws": levels(np.swapaxes(drawn, 0, 1)),
            "mean": drawn.mean(axis=0),
            "spread": drawn.std(axis=0),
        }


def _if_any(name, array):
    return {} if array is None else {name: array}
