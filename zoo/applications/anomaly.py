"""AnomalyDetector: unusual images and texts, by scikit-learn's conventions."""

import os
import warnings
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from keras import ops

from zoo.applications import scores
from zoo.applications.regret import regrets
from zoo.evaluation.likelihood import PIXELS_PER_CALL
from zoo.evaluation.scikit_learn import import_scikit_learn
from zoo.inference import BATCH, run_batches
from zoo.presets.folder import preset_info
from zoo.presets.loading import from_preset

_base = import_scikit_learn("base")
_check_is_fitted = import_scikit_learn("utils.validation").check_is_fitted

# What a preset's metadata keep of a fitted detector, as this entry.
ENTRY = "anomaly"
_OPTIONS = ("score", "quantile", "seed", "num_draws", "levels")
_FOUND = ("reference", "offset", "num_images", "binary")


class AnomalyDetector(_base.OutlierMixin, _base.BaseEstimator):
    """Tells images that are unlike those a model has learned.

    A scikit-learn estimator of outliers: scores are higher for normal images, `predict`
    gives +1 for them and -1 for the others. Posterior draws use the same noise for
    every image, fixed by `seed`, so that an image has one score, in whatever batch, on
    whichever backend and in an exported scorer.onnx, up to rounding.

    `score` is one of

    - "elbo": log p(x|z) less the KL, the bound of log p(x);
    - "likelihood": the importance-weighted bound with `num_draws` draws (Burda et al.,
      2016);
    - "reconstruction": E log p(x|z), without the KL;
    - "smoothed_error": log N(x - E[x|z]; 0, 0.1^2), up to a constant, of the mean of
      all draws' E[x|z] and after a Gaussian filter of one pixel: a stroke that is a
      pixel off is not odd;
    - "latent": E log p(z), without the image;
    - "typicality": minus the distance of the ELBO from the mean ELBO of the images that
      `fit` was given (Nalisnick et al., "Detecting Out-of-Distribution Inputs to Deep
      Generative Models Using Typicality", 2019, for single images);
    - "regret": minus what the ELBO gains if the posterior is fitted to the one image
      (Xiao et al., "Likelihood Regret", 2020): some sixty gradient steps an image, and
      thus a hundred times as slow as the others;
    - "level_ratio", of a `zoo.HierarchicalVAE`: the ELBO where the image tells its
      coarsest `levels` levels alone, less the ELBO (Havtorn et al., "Hierarchical VAEs
      Know What They Don't Know", 2021, equation 9).

    Likelihoods alone fail out of distribution: images of another, simpler kind are
    often *more* likely than those of training (Nalisnick et al., "Do Deep Generative
    Models Know What They Don't Know?", 2019). For odd ones among images of one kind
    take "smoothed_error", for images of another "latent" of a `zoo.HierarchicalVAE`.

    A model of classes scores an image given the class under which its ELBO is largest.

    Args:
        model: a model of the zoo, trained. It is shared, not copied, by
            `sklearn.base.clone`.
        score: what images are scored by.
        quantile: the share of the images that `fit` is given that are to count as
            normal, in (0, 1).
        seed: integer that fixes the noise.
        num_draws: draws from the posterior, K >= 1.
        levels: of "level_ratio": how many levels, from the coarsest, the image tells.

    Attributes:
        offset_: the threshold, in nats: `decision_function` is the score less it.
        reference_: the mean ELBO of the images of `fit`, in nats; 0 where the score
            does not ask for it.
        num_images_: how many images `fit` was given.
        binary_: whether the pixels of the first 256 were all 0 or 1.

    Example:

    >>> import numpy as np, zoo
    >>> from zoo.applications import AnomalyDetector
    >>> model = zoo.from_preset("dense_vae_digits")
    >>> usual = model.sample(64, seed=0).round()
    >>> detector = AnomalyDetector(model, quantile=0.95).fit(usual)
    >>> noise = np.random.default_rng(0).random((3, 28, 28, 1), dtype="float32")
    >>> detector.predict(noise.round())
    array([-1, -1, -1])
    """

    def __init__(
        self,
        model: Any,
        score: str = "elbo",
        quantile: float = 0.99,
        seed: int = 0,
        num_draws: int = 10,
        levels: int = 1,
    ):
        self.model = model
        self.score = score
        self.quantile = quantile
        self.seed = seed
        self.num_draws = num_draws
        self.levels = levels

    def __sklearn_clone__(self):
        """An unfitted detector of the same model, whose weights are not copied."""
        return type(self)(**self.get_params(deep=False))

    def fit(self, x: Any, y: Any = None) -> Self:
        """Finds the threshold, and of "typicality" the reference.

        Args:
            x: normal images (N, H, W, C), float32 in [0, 1], or rows (N, H * W * C) of
                them, as a `Pipeline` makes them; of a model of texts, those or their
                tokens (N, T). Such as the model was *not* trained on, which are less
                likely than those that it was.
            y: ignored, as scikit-learn has it.

        Returns:
            the detector.

        Raises:
            ValueError, TypeError: for images that the model does not take, and for
                options that are out of range or that the model has no score for.
        """
        self.check_options()
        x = self._images(x)
        self.model.remark_on(x)
        if (remark := self.model.remark_on_likelihood) and self.score != "latent":
            warnings.warn(remark, stacklevel=2)
        typical, reference = self.score == "typicality", 0.0
        found = self._scores(x, self._spec("elbo" if typical else None))
        if typical:
            reference = float(np.mean(found, dtype=np.float64))
            found = -np.abs(found - np.float32(reference))
        if not np.all(np.isfinite(found)):
            raise ValueError(
                f"The model gives {int(np.sum(~np.isfinite(found))):,} of {len(x):,} "
                "images a score that is no finite number: its weights are damaged, or "
                "it was trained in another scale."
            )
        self.reference_ = reference
        self.offset_ = float(np.quantile(found.astype(np.float64), 1 - self.quantile))
        self.num_images_ = len(x)
        self.binary_ = bool(np.all(np.isin(x[:BATCH], (0, 1))))
        return self

    def score_samples(self, x: Any) -> npt.NDArray[np.float32]:
        """The score of each image in nats, float32 (N,): higher is more normal.

        Args:
            x: images as for `fit`.

        Raises:
            ValueError, TypeError: for images that the model does not take.
            sklearn.exceptions.NotFittedError: before `fit`.
        """
        self._check_fitted()
        return self._scores(self._images(x), self.spec)

    def decision_function(self, x: Any) -> npt.NDArray[np.float32]:
        """The score less the threshold, (N,): negative for anomalies."""
        return self.score_samples(x) - np.float32(self.offset_)

    def predict(self, x: Any) -> npt.NDArray[np.int64]:
        """+1 for normal images, -1 for anomalies: int64 (N,)."""
        return np.where(self.decision_function(x) < 0, -1, 1)

    def heat_map(self, x: Any) -> npt.NDArray[np.float32]:
        """Where an image is unusual: -E log p(x_i|z) of each pixel, (N, H, W), in nats.

        What the pixel adds to the reconstruction term, its channels together; the same
        whichever `score` was chosen. Of densities it may be negative. Of texts what
        each token adds, given those before it, (N, T).

        Args:
            x: images as for `fit`.

        Raises:
            As `score_samples`; NotImplementedError for a likelihood without
            `log_prob_per_dim`.
        """
        self._check_fitted()
        return self._batched("heat map", scores.heat_maps, self._images(x))

    @property
    def spec(self) -> scores.ScoreSpec:
        """All that scores depend on beside the model, of a detector that was fitted."""
        self._check_fitted()
        return self._spec(reference=self.reference_)

    # Saving and loading.

    def save_to_preset(
        self, folder: str | os.PathLike[str], metadata: dict[str, Any] | None = None
    ) -> None:
        """Saves model and detector to a new folder: see `zoo.presets.save_to_preset`.

        The folder is a preset like any other, whose metadata hold the threshold.

        Raises:
            As there; NotFittedError before `fit`.
        """
        kept = {**(metadata or {}), ENTRY: self.to_json()}
        self.model.save_to_preset(folder, kept)

    def to_json(self) -> dict[str, Any]:
        """What a preset keeps of a fitted detector, as JSON values."""
        self._check_fitted()
        return {
            **{name: getattr(self, name) for name in _OPTIONS},
            **{name: getattr(self, f"{name}_") for name in _FOUND},
        }

    @classmethod
    def from_preset(cls, name_or_folder: str | os.PathLike[str]) -> Self:
        """The detector that `save_to_preset` saved, fitted.

        Raises:
            As `zoo.from_preset`, and for a preset that no detector was saved in.
        """
        kept = preset_info(name_or_folder).get(ENTRY)
        if kept is None:
            raise ValueError(
                f"{os.fspath(name_or_folder)!r} holds no fitted detector: fit one, as "
                "AnomalyDetector(zoo.from_preset(...)).fit(x), and save it with "
                "save_to_preset."
            )
        model = from_preset(name_or_folder)
        detector = cls(model, **{name: kept[name] for name in _OPTIONS})
        detector.check_options()
        for name in _FOUND:
            setattr(detector, f"{name}_", kept[name])
        return detector

    # What they share.

    def _spec(self, score=None, reference=0.0):
        options = self.num_draws, self.seed, self.levels
        return scores.ScoreSpec(score or self.score, *options, reference)

    def check_options(self) -> None:
        """Refuses options out of range, and a score that the model does not have.

        Raises:
            ValueError, TypeError: saying which.
        """
        if not hasattr(self.model, "elbo_terms"):
            raise TypeError(
                "`model` must be a model of the zoo, such as zoo.from_preset(...); got "
                f"{type(self.model).__name__}."
            )
        quantile = self.quantile
        if not isinstance(quantile, int | float) or not 0 < quantile < 1:
            raise ValueError(
                "`quantile` must be the share of normal images, between 0 and 1; got "
                f"{quantile!r}."
            )
        self._spec().check(self.model)

    def _check_fitted(self):
        _check_is_fitted(self, "offset_")

    def _images(self, x):
        """Images as the model takes them, of rows of a table, too."""
        event = self.model.event
        flat = getattr(x, "ndim", 0) == 2 and x.shape[1] == event.size
        if flat and len(event.shape) > 1:
            x = np.asarray(x).reshape(-1, *event.shape)
        return event.check(x, rows=True)

    def _scores(self, x, spec):
        """Scores of images that have been checked."""
        if spec.score != "regret":
            return self._batched(spec, scores.scores, x, spec)
        given = [x]
        if getattr(self.model, "num_classes", None) is not None:
            given.append(self._batched("label", scores.best_labels, x))

        def of_batch(images, *labels):
            return -regrets(self.model, spec, images, *labels)

        return np.concatenate(list(run_batches(of_batch, given, self._at_most())))

    def _batched(self, name, function, x, spec=None):
        spec = spec or self._spec()

        def of_images(images):
            return function(self.model, spec, ops.convert_to_tensor(images))

        named = f"{name} by {spec}"
        most = self._at_most()
        return self.model.inference.batched(named, of_images, x, at_most=most)

    def _at_most(self):
        """Images in one call: as many as `zoo.evaluation.likelihood` has at a time."""
        event = self.model.event
        drawn = event.cost(event.shape) * self.num_draws
        drawn *= getattr(self.model, "num_classes", None) or 1
        return max(1, min(BATCH, PIXELS_PER_CALL // drawn))
