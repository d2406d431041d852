"""What a model of texts has beside its networks: a vocabulary, and `fit` by length."""

# Mixed into a model, whose attributes a checker does not know here.
# pyright: reportAttributeAccessIssue=false

from typing import Any

import numpy as np
from keras import ops

from zoo.training.inputs import is_array, split_validation
from zoo.training.text_rows import TextRows
from zoo.vocabulary import Vocabulary


class OfTexts:
    """Mixed into an `Autoencoder` of `zoo.event.Tokens`, above its base."""

    @property
    def vocabulary(self) -> Vocabulary | None:
        """What its tokens stand for."""
        return self.event.vocabulary

    def to_texts(self, tokens: Any) -> Any:
        """The texts of tokens, as `sample` and `reconstruct` give them.

        Args:
            tokens: whole numbers (N, t), or of more axes, as `interpolate` of
                `zoo.applications` gives them.

        Returns:
            list of N texts, of lists where there are more axes.

        Raises:
            ValueError: if the model has no vocabulary, or not such tokens.
        """
        if self.vocabulary is None:
            raise ValueError(
                f"This {type(self).__name__} has no vocabulary, and cannot tell what "
                "its tokens stand for: make it with a `vocabulary`."
            )
        if ops.is_tensor(tokens):
            tokens = ops.convert_to_numpy(tokens)
        tokens = np.asarray(tokens)
        if tokens.ndim > 2:
            return [self.to_texts(each) for each in tokens]
        return self.vocabulary.decode(tokens)

    def compile(self, *args, corruption=None, **options):
        """See `ELBOTrainer.compile`.

        Raises:
            ValueError: also for a `corruption`, which is one of pixels.
        """
        if corruption is not None:
            raise ValueError(
                "`corruption` changes pixels, which texts have none of; `word_dropout` "
                f"of {type(self).__name__} hides words from the decoder."
            )
        super().compile(*args, **options)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        sample_weight: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Trains on texts or their tokens: see `ELBOTrainer.fit`.

        Of arrays and lists a batch has texts of like length, and is no wider than they
        need: which ones come together is drawn anew every epoch.
        """
        if validation_split:
            (x, y, sample_weight), validation_data = split_validation(
                self.event.check(x), y, sample_weight, validation_split
            )
        if isinstance(validation_data, tuple):
            given, *beside = validation_data
            validation_data = (self._by_length(given, "validation_data"), *beside)
        elif validation_data is not None:
            validation_data = self._by_length(validation_data, "validation_data")
        return super().fit(
            self._by_length(x, "x"),
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_data=validation_data,
            sample_weight=sample_weight,
            **kwargs,
        )

    def _by_length(self, x, argument):
        """Tokens or texts that are in memory as `TextRows`; streams as they are."""
        if x is None or not (is_array(x) or isinstance(x, str)):
            return x
        return TextRows(self.event.check(x, argument))

    def event_config(self):
        """See `Autoencoder.event_config`."""
        vocabulary = self.vocabulary
        return {
            "max_length": self.event.shape[0],
            "vocabulary_size": self.event.vocabulary_size,
            "vocabulary": vocabulary and vocabulary.get_config(),
        }
