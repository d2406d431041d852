"""What the JSON of a preset must look like: checked before anybody reads from it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from zoo.text import is_name, printable


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError("a name has letters, digits, '.', '_' and '-'")
    return text


# The largest that arrays count to.
Count = Annotated[int, Field(ge=0, lt=2**63)]
Size = Annotated[int, Field(ge=1, lt=2**31)]
Name = Annotated[str, AfterValidator(_name)]
Shape = Annotated[list[Size], Field(max_length=8)]


class _Facts(BaseModel):
    """Entries of these types; what else there is may be anything."""

    model_config = ConfigDict(extra="allow", strict=True)


class Latent(_Facts):
    name: Name
    shape: Shape
    codebook_size: Size | None = None


class Texts(_Facts):
    """What tokens a model of texts takes."""

    max_length: Size
    vocabulary_size: Size
    kind: Literal["bytes", "words"] | None = None


class Dataset(_Facts):
    name: str | None = None
    binarized: bool | None = None
    license: str | None = None
    training_images: Count | None = None
    training_texts: Count | None = None


class Training(_Facts):
    command: str | None = None
    backend: str | None = None
    hardware: str | None = None
    seed: int | None = None
    epochs: Count | None = None
    seconds: float | None = None
    versions: dict[str, str] | None = None


class TrainingInTwo(Training):
    encoder: Training | None = None
    prior: Training | None = None
    after: list[Training] = []


class Metrics(_Facts):
    """Figures are numbers; a few entries say how they were made."""

    __pydantic_extra__: dict[str, bool | float]
    # Where they are missing, they are missing: null is for nothing here.
    command: str = ""
    backend: str = ""
    classifier_backend: str = ""
    hardware: str = ""
    versions: dict[str, str] = {}
    seed: int = 0
    num_importance_samples: Size = 1
    diagnosis: list[str] = []
    sample_notes: list[str] = []
    intervals: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    kl_per_latent: list[float] | None = None
    mig_per_factor: dict[str, float] | None = None


class Anchor(_Facts):
    """A published figure; see `recipes.common.published`."""

    model_config = ConfigDict(extra="forbid", strict=True)
    model: str
    value: str
    metric: str = ""
    data: str = ""
    draws: Size | None = None
    prior: str = ""
    split: str = "test"
    differs: str = ""


class Gain(_Facts):
    """What fine-tuning gained."""

    # One of the two, and one of the figures: see `recipes.runs.gain`.
    validation_images: Count | None = None
    validation_texts: Count | None = None
    validation_elbo: float | None = None
    validation_elbo_before: float | None = None
    validation_log_likelihood: float | None = None
    validation_log_likelihood_before: float | None = None


class Detector(_Facts):
    """What `zoo.applications.AnomalyDetector` keeps of itself."""

    score: str
    quantile: float
    seed: Count
    num_draws: Size
    levels: Size
    reference: float
    offset: float
    num_images: Count
    binary: bool


class Metadata(_Facts):
    format_version: int
    model: Name | None = None
    preset: Name | None = None
    parameters: Count | None = None
    half_precision: bool = False
    image_shape: Shape | None = None
    texts: Texts | None = None
    latents: list[Latent] | None = None
    code_shape: Shape | None = None
    trainable: dict[str, bool] | None = None
    keras_version: str | None = None
    # A name that is none of these has lost the digest of a file that it was for.
    sha256: dict[Literal["config.json", "metadata.json", "model.weights.h5"], str]
    summary: str | None = None
    # Presets of older versions have pairs of a model and a figure.
    anchors: list[Anchor | Annotated[list[str], Field(min_length=2, max_length=2)]] = []
    dataset: Dataset | None = None
    training: TrainingInTwo | None = None
    metrics: Metrics | None = None
    finetuned_from: str | None = None
    finetuning: Gain | None = None
    anomaly: Detector | None = None


class _OfLabels(_Facts):
    num_classes: Size | None = None
    class_names: list[str] | None = None
    num_attributes: Size | None = None


class _Prior(_Facts):
    class_name: str
    config: _OfLabels


class _Arguments(_OfLabels):
    """Those of models that are read without making the model."""

    image_shape: Shape | None = None
    max_length: Size | None = None
    vocabulary_size: Size | None = None
    latent_dim: Size | None = None
    codebook_size: Size | None = None
    prior: _Prior | str | None = None


class Config(_Facts):
    class_name: str
    config: _Arguments


def check(kind: type[BaseModel], value: Any, where: str) -> None:
    """Raises ValueError, in a sentence, unless a JSON value is of a kind.

    Args:
        kind: `Metadata` or `Config`.
        value: of the file.
        where: what errors call the file.
    """
    try:
        kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        entry = ".".join(str(part) for part in first["loc"])
        given = repr(first["input"])
        given = given if len(given) <= 60 else f"{given[:57]}..."
        wanted = first["msg"].removeprefix("Value error, ")
        raise ValueError(
            f"{where} is damaged: {printable(entry)} is {printable(given)}, but "
            f"{wanted[0].lower()}{wanted[1:]}."
        ) from None
