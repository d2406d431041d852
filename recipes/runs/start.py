"""The preset that a training starts from: one of a chain of trainings."""

import zoo
from recipes.common.events import noun_of
from recipes.common.histories import read_histories
from recipes.common.presets import read_preset


class Start:
    """A preset whose weights a recipe begins with, in place of fresh ones.

    Args:
        preset: its name or folder.

    Raises:
        ValueError, OSError: if there is none, or it is damaged.
    """

    def __init__(self, preset):
        self.preset = read_preset(preset)
        self.training = self.preset.entry("training")

    @property
    def digest(self):
        """The SHA-256 of its weights."""
        return self.preset.info.get("sha256", {}).get("model.weights.h5")

    def check(self, data, seed):
        """Refuses a preset that was trained on images that are held out now.

        Args:
            data: `recipes.data.ImageData` or `recipes.data.texts.TextData`.
            seed: of the run, which chooses the images that are held out.

        Raises:
            ValueError: if its data set, the number of training images or the seed
                are others.
        """
        before, noun = self.preset.entry("dataset"), noun_of(self.preset.info)
        for what, was, now in (
            ("on", before.get("name"), data.name),
            (f"on so many {noun}:", before.get(f"training_{noun}"), len(data.train)),
            ("with seed", self.training.get("seed"), seed),
        ):
            if was != now:
                raise ValueError(
                    f"`start_from` must be trained on the {noun} that this run trains "
                    f"on, or its validation {noun} are not new to it: "
                    f"{self.preset.name!r} was trained {what} {was}, the run is {now}."
                )

    def give_weights(self, model):
        """Gives a model the preset's weights.

        Raises:
            ValueError: if they do not fit it.
        """
        weights = zoo.from_preset(self.preset.folder).get_weights()
        wanted = [tuple(weight.shape) for weight in model.weights]
        if [weight.shape for weight in weights] != wanted:
            raise ValueError(
                f"`start_from` must be a preset of the recipe's own model, a "
                f"{type(model).__name__} of {model.count_params():,} parameters; "
                f"{self.preset.name!r} has other weights."
            )
        model.set_weights(weights)

    def extend(self, record):
        """The record of a run, and in "after" those of the trainings before it."""
        earlier = {k: v for k, v in self.training.items() if k != "after"}
        return {**record, "after": [*self.training.get("after", []), earlier]}

    def extend_histories(self, histories):
        """Histories of a run behind those of the trainings before it."""
        joined = {}
        before = read_histories(self.preset.folder)
        for trained, history in histories.items():
            # A prior over codes begins anew.
            earlier = before.get(trained, {}) if trained == "model" else {}
            kept = [name for name in history if name in earlier or not earlier]
            joined[trained] = {
                name: [*earlier.get(name, []), *history[name]] for name in kept
            }
        return joined
