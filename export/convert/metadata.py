"""What an exported file says about itself."""

import importlib.metadata
import json

from export import priors
from export.check.subject import has_labels, is_of_texts
from export.runtime.files import add_digest
from export.runtime.metadata import FORMAT, TEXT_KEYS
from export.runtime.signature import (
    DECODER_KIND,
    ENCODER_KIND,
    GENERATOR_KIND,
    SAMPLER_KIND,
    SCORER_KIND,
    networks_see_labels,
)

# Names that no prior of a user's may take.
_TAKEN = frozenset({*priors.RECORDS, "uniform_codes"})


def describe(subject, preset_name):
    """What holds for every file of a model: JSON values."""
    import zoo

    model = subject.model
    description = {
        "model": type(model).__name__,
        **_event(model),
        **_latents(subject),
        **({} if is_of_texts(model) else {"value_range": [0.0, 1.0]}),
        "versions": {
            "vae-zoo": zoo.__version__,
            **{
                package: importlib.import_module(package).__version__
                for package in ("keras", "tensorflow", "tf2onnx", "onnx")
            },
        },
    }
    if subject.group is not None:
        description["latent_prior"] = prior_name(subject)
    for key in ("num_classes", "num_attributes", "class_names"):
        if getattr(model, key, None) is not None:
            description[key] = getattr(model, key)
    sees = subject.networks_see_labels
    if has_labels(model) and sees != networks_see_labels(description):
        description["network_labels"] = sees
    # The name of a shipped preset is kept only with that preset's own weights: folders
    # may be called anything, and models may have been trained on.
    if preset_name in zoo.list_presets() and _same_weights(
        model, zoo.from_preset(preset_name)
    ):
        description["preset"] = preset_name
    return description


def of_kind(subject, kind):
    """What only a file of this kind says: JSON values.

    A decoder holds the numbers of a learned prior p(z) or p(z|y), some KB, so that the
    one file is enough to sample: `z` stays the true latent, and `export.runtime` needs
    no second graph to find it.
    """
    if kind == DECODER_KIND and subject.record is not None:
        numpy_form = subject.record.in_numpy(subject.model.prior)
        stored = numpy_form and numpy_form.to_json()
        return {} if stored is None else {"prior_parameters": stored}
    if kind == ENCODER_KIND:
        return _posterior(subject)
    if kind == SAMPLER_KIND:
        return {"generator": "threefry2x32-20"}
    if kind == GENERATOR_KIND:
        return {"noise": subject.model.noise._asdict()}
    if kind == SCORER_KIND:
        return {"anomaly": subject.detector}
    return {}


def prior_name(subject):
    """The name that files give the prior of a model of one group of latents."""
    model = subject.model
    if subject.record is not None:
        return subject.record.name
    if subject.has_codes and not model.can_sample:
        return "uniform_codes"  # as an untrained prior is, too
    prior = getattr(model, "prior", None)
    hook = getattr(type(model), "make_prior", None)
    own = getattr(hook, "__module__", "").startswith("zoo.")
    name = type(prior).__name__
    # A prior of ours without a record is not drawn from as it is.
    named = own and prior is not None and priors.of_prior(prior) is None
    return name if named and name not in _TAKEN else "custom"


def _event(model):
    """What an observation is, as `signature` wants to know it."""
    if not is_of_texts(model):
        return {"image_shape": list(model.image_shape)}
    (length,) = model.event.shape
    vocabulary = model.event.vocabulary
    return {
        "max_length": length,
        "vocabulary_size": model.event.vocabulary_size,
        **({"vocabulary": vocabulary.get_config()} if vocabulary else {}),
    }


def _latents(subject):
    """What latents are, as `signature` wants to know it."""
    group = subject.group
    if subject.has_codes:
        codes = {"codebook_size": group.codebook_size, "code_shape": list(group.shape)}
        if subject.record is not None:
            codes["cache_shape"] = list(subject.model.prior.cache_shape)
        return codes
    latents = subject.model.latents
    groups = [{**spec._asdict(), "shape": list(spec.shape)} for spec in latents]
    if group is not None and len(group.shape) == 1:
        row = {"latent_dim": group.size}
        # Of a ladder, the row, and what lies in it.
        return row if len(groups) == 1 else {**row, "latents": groups}
    return {"latents": groups}


def _posterior(subject):
    """What an encoder gives, where that is not the usual."""
    import keras

    outputs = {
        name: {
            "dtype": keras.backend.standardize_dtype(tensor.dtype),
            "shape": list(tensor.shape[1:]),
        }
        for name, tensor in subject.posterior_statistics().items()
    }
    if subject.has_codes and list(outputs) == ["codes"]:
        return {}
    shape = None if subject.group is None else list(subject.group.shape)
    vector = {"dtype": "float32", "shape": shape}
    usual = {"mean": vector, "log_var": vector}
    same = list(outputs) == list(usual) and outputs == usual
    return {} if same else {"posterior": outputs}


def _same_weights(model, other):
    import numpy as np

    ours, theirs = model.get_weights(), other.get_weights()
    return len(ours) == len(theirs) and all(
        np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True)
    )


def stamp(model, entries):
    """The bytes of an ONNX model with metadata and, last, its digest.

    Args:
        model: ModelProto without metadata.
        entries: JSON values; those of `TEXT_KEYS` are stored as they are.
    """
    for key, value in sorted({"format": FORMAT, **entries}.items()):
        entry = model.metadata_props.add()
        entry.key = key
        entry.value = (
            value if key in TEXT_KEYS else json.dumps(value, separators=(",", ":"))
        )
    data = add_digest(model.SerializeToString(deterministic=True))
    del model.metadata_props[:]
    return data


def round_up(error):
    """An error to one significant digit, upwards: stable against the last bit."""
    if error == 0:
        return 0.0
    exponent = int(f"{error:e}".split("e")[1])
    digit = int(error / 10.0**exponent) + 1
    return float(f"{digit}e{exponent}")
