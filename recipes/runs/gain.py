"""Whether fine-tuning made a preset better, by what it was not trained on."""

import dataclasses

import numpy as np

from recipes.data import binarize
from recipes.data.classes import labels_for
from recipes.documents.texts import COMPARED
from recipes.metrics.intervals import standard_error


@dataclasses.dataclass(frozen=True)
class Gain:
    """A figure of validation images or texts before and after, in nats of each.

    Attributes:
        figure: "elbo", or "log_likelihood" of models that are not trained by theirs.
        before, after: means over them.
        standard_error: of the mean difference of pairs.
        count: how many there are.
        noun: what they are, "images" or "texts".
    """

    figure: str
    before: float
    after: float
    standard_error: float
    count: int
    noun: str = "images"

    @classmethod
    def measure(cls, before, after, data, binarized, seed=0):
        """Scores two models on `data.validation`, with the same noise.

        Args:
            before, after: models of the zoo.
            data: `recipes.data.ImageData` or `recipes.data.texts.TextData`.
            binarized: binarize the images once, as a test split is.
            seed: of the noise.
        """
        images = binarize(data.validation) if binarized else data.validation
        labels = labels_for(before, data, "validation")
        figure = "elbo" if after.objective.holds_kl else "log_likelihood"
        each = [m.elbo(images, labels, seed=seed)[figure] for m in (before, after)]
        difference = each[1] - each[0]
        noun = after.event.noun
        means = (float(np.mean(nats, dtype=np.float64)) for nats in each)
        return cls(figure, *means, standard_error(difference), len(images), noun)

    @property
    def sentence(self):
        """What was gained, in words."""
        gain, margin = self.after - self.before, 2 * self.standard_error
        said = (
            f"{COMPARED[self.figure]} of the {self.count:,} validation {self.noun}: "
            f"{self.before:,.1f} nats before, {self.after:,.1f} after "
            f"({gain:+,.1f} ± {margin:,.1f})."
        )
        if 0 < gain < margin:
            said += " So small a gain may be chance."
        return said

    def check(self):
        """Refuses a model that is no better than the one it was made from.

        Raises:
            ValueError: says so, and what to try.
        """
        if not self.after > self.before:
            raise ValueError(
                f"Nothing was gained, so no preset is written. {self.sentence} Try "
                f"more --epochs, another --learning-rate or more {self.noun}, in "
                "another --out."
            )

    def record(self):
        """The same as JSON values."""
        return {
            f"validation_{self.noun}": self.count,
            f"validation_{self.figure}_before": self.before,
            f"validation_{self.figure}": self.after,
            "gain_standard_error": self.standard_error,
        }
