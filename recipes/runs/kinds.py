"""What a run does of images, and otherwise of texts."""

import numpy as np

from recipes.data import binarize
from recipes.data.classes import labels_for
from recipes.documents.card import write_card
from recipes.documents.examples import text_examples
from recipes.documents.preset_pictures import write_pictures, write_training
from recipes.metrics.evaluation import evaluate_model
from recipes.metrics.polarity import print_polarity
from recipes.metrics.texts import evaluate_texts
from recipes.runs.tensorboard import TensorBoardImages, TensorBoardTexts
from zoo.presets import update_metadata

# Images that are scored at a time while a model is trained.
_VALIDATED = 500


class OfImages:
    """The run of a model of images."""

    @staticmethod
    def validation_batch(data, training):
        """How many are scored at a time while the model is trained."""
        return min(_VALIDATED, len(data.validation))

    @staticmethod
    def summaries(folder, validation, labels, every):
        """A callback that shows what the model makes, in its logs."""
        return TensorBoardImages(folder, validation, labels, every=every)

    @staticmethod
    def facts(data):
        """What a preset keeps of the data it was trained on."""
        return {
            "training_images": len(data.train),
            # Of all pixels, to tell whether other images are their negatives.
            "mean": round(float(np.mean(data.train, dtype=np.float64)), 4),
        }

    @staticmethod
    def remark(model, info, data, reading, console):
        """Says what may be wrong with data for a preset."""
        print_polarity(model, info, data.train, reading.get("invert"), console)

    @staticmethod
    def evaluate(model, data, binarized, split="test", **options):
        """The figures of a model on test data."""
        labels = labels_for(model, data, "test")
        return evaluate_model(
            model, data.test, labels, binarized=binarized, split=split, **options
        )

    @staticmethod
    def write(preset, model, data, binarized, histories):
        """Adds to a preset what there is to see."""
        test, labels = data.test[:64], labels_for(model, data, "test")
        images = binarize(test) if binarized else test
        write_pictures(
            preset, model, images, None if labels is None else labels[:64], histories
        )
        write_card(preset)


class OfTexts:
    """The run of a model of texts."""

    @staticmethod
    def validation_batch(data, training):
        # The odds of all tokens at each place take memory.
        return min(training.batch_size, len(data.validation))

    @staticmethod
    def summaries(folder, validation, labels, every):
        return TensorBoardTexts(folder, validation, labels, every=every)

    @staticmethod
    def facts(data):
        return {"training_texts": len(data.train)}

    @staticmethod
    def remark(model, info, data, reading, console):
        pass  # the report of the data tells of unknown words, and of long texts

    @staticmethod
    def evaluate(model, data, binarized, split="test", **options):
        metrics = evaluate_texts(model, data, "test", **options)
        if split != "test":
            metrics[f"{split}_texts"] = metrics.pop("test_texts")
        return metrics

    @staticmethod
    def write(preset, model, data, binarized, histories):
        labels = labels_for(model, data, "test")
        update_metadata(preset, examples=text_examples(model, data.test, labels))
        write_training(preset, histories)
        write_card(preset)


def kind_of(model):
    """What a run of a model is: `OfImages` or `OfTexts`."""
    return OfTexts if model.event.noun == "texts" else OfImages
