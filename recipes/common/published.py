"""Published figures that stand beside a model's own, each with its protocol."""

from dataclasses import asdict, dataclass

# The split of a figure that was published of the images of the training.
TRAINING = "training"


@dataclass(frozen=True)
class Published:
    """A figure of others, and how it was made.

    Attributes:
        model: what it is of, and where it was published.
        value: the figure, as it was published.
        metric: the name of ours by the same protocol, among those of an evaluation.
        data: images and binarization.
        draws: K of an importance-weighted NLL; None where that is not said, and for
            figures that have none.
        prior: of the latents, "" where it does not matter.
        split: of the images; "" where all there are have been scored.
        differs: what is different about ours all the same, in words.
    """

    model: str
    value: str
    metric: str = ""
    data: str = ""
    draws: int | None = None
    prior: str = ""
    split: str = "test"
    differs: str = ""

    def record(self):
        """As JSON values."""
        return asdict(self)


def published_of(info):
    """The `Published` of a preset.

    Args:
        info: `zoo.preset_info` of it. Presets of older versions have pairs of a model
            and a figure; how those were made is not known.
    """
    return [
        Published(**each) if isinstance(each, dict) else Published(*each)
        for each in info.get("anchors", [])
    ]


def further_draws(published, k):
    """The K below `k` of published NLLs: ours are to be computed with them, too."""
    draws = {each.draws for each in published if each.metric == "nll"}
    return sorted(each for each in draws if each is not None and each < k)
