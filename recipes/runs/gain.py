"""Whether fine-tuning made a preset better, by images that it was not trained on."""

import dataclasses

import numpy as np

from recipes.data import binarize
from recipes.data.classes import labels_for
from recipes.documents.texts import COMPARED
from recipes.metrics.intervals import standard_error


@dataclasses.dataclass(frozen=True)
class Gain:
    """A figure of validation images before and after, in nats an image.

    Attributes:
        figure: "elbo", or "log_likelihood" of models that are not trained by theirs.
        before, after: means over the images.
        standard_error: of the mean difference of pairs.
        images: how many there are.
    """

    figure: str
    before: float
    after: float
    standard_error: float
    images: int

    @classmethod
    def measure(cls, before, after, data, binarized, seed=0):
        """Scores two models on `data.validation`, with the same noise.

        Args:
            before, after: models of the zoo.
            data: `recipes.data.ImageData`.
            binarized: binarize the images once, as a test split is.
            seed: of the noise.
        """
        images = binarize(data.validation) if binarized else data.validation
        labels = labels_for(before, data, "validation")
        figure = "elbo" if after.objective.holds_kl else "log_likelihood"
        each = [m.elbo(images, labels, seed=seed)[figure] for m in (before, after)]
        difference = each[1] - each[0]
        means = (float(np.mean(nats, dtype=np.float64)) for nats in each)
        return cls(figure, *means, standard_error(difference), len(images))

    @property
    def sentence(self):
        """What was gained, in words."""
        gain, margin = self.after - self.before, 2 * self.standard_error
        said = (
            f"{COMPARED[self.figure]} of the {self.images:,} validation images: "
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
                "more --epochs, another --learning-rate or more images, in another "
                "--out."
            )

    def record(self):
        """The same as JSON values."""
        return {
            "validation_images": self.images,
            f"validation_{self.figure}_before": self.before,
            f"validation_{self.figure}": self.after,
            "gain_standard_error": self.standard_error,
        }
