"""What an exported file says about itself."""

import importlib.metadata
import json

from export.runtime import prior as runtime_prior
from export.runtime.files import add_digest
from export.runtime.metadata import FORMAT, TEXT_KEYS
from export.runtime.signature import DECODER_KIND, SAMPLER_KIND


def describe(model, preset_name):
    """What holds for every file of a model: JSON values."""
    import zoo

    description = {
        "model": type(model).__name__,
        "image_shape": list(model.image_shape),
        **_latents(model),
        "value_range": [0.0, 1.0],
        "latent_prior": prior_name(model.prior),
        "versions": {
            "vae-zoo": zoo.__version__,
            **{
                package: importlib.import_module(package).__version__
                for package in ("keras", "tensorflow", "tf2onnx", "onnx")
            },
        },
    }
    for key in ("num_classes", "num_attributes", "class_names"):
        if getattr(model, key, None) is not None:
            description[key] = getattr(model, key)
    # The name of a shipped preset is kept only with that preset's own weights: folders
    # may be called anything, and models may have been trained on.
    if preset_name in zoo.list_presets() and _same_weights(
        model, zoo.from_preset(preset_name)
    ):
        description["preset"] = preset_name
    return description


def of_kind(model, kind):
    """What only a file of this kind says: JSON values.

    A decoder holds the numbers of a learned prior p(z) or p(z|y), some KB, so that the
    one file is enough to sample: `z` stays the true latent, and `export.runtime` needs
    no second graph to find it.
    """
    if kind == DECODER_KIND and prior_name(model.prior) in _IN_NUMPY:
        prior = _IN_NUMPY[prior_name(model.prior)](model.prior)
        return {"prior_parameters": prior.to_json()}
    if kind == SAMPLER_KIND:
        return {"generator": "threefry2x32-20"}
    return {}


def _label_normal(prior):
    """A `zoo.priors.LabelNormal` in NumPy."""
    from keras import ops

    from zoo import posteriors

    tables = [
        ops.convert_to_numpy(kernel)
        for kernel in (prior.mean_kernel, prior.log_var_kernel)
    ]
    return runtime_prior.LabelNormal(*tables, log_var_limit=posteriors.LOG_VAR_LIMIT)


def _flow(prior):
    """A `zoo.priors.Flow` in NumPy."""
    from keras import ops

    from zoo.networks import coupling

    layers = []
    for step in prior.couplings:
        layers.append({"fixed": step.fixed})
        for name in ("hidden", "head"):
            for part in ("kernel", "bias"):
                array = ops.convert_to_numpy(getattr(getattr(step, name), part))
                layers[-1][f"{name}_{part}"] = array
    return runtime_prior.Flow(layers, log_scale_limit=coupling.LOG_SCALE_LIMIT)


_IN_NUMPY = {"label_normal": _label_normal, "flow": _flow}


# Of models with these a sampler.onnx is made: those that draw latents from standard
# normal noise alone, by `from_noise`, and a learned `zoo.CodePrior`.
SAMPLED_PRIORS = ("standard_normal", "label_normal", "flow", "autoregressive_codes")


def prior_name(prior):
    """The name of a prior that the runtime knows, else that of its class."""
    from zoo.priors.code_prior import CodePrior
    from zoo.priors import Flow, LabelNormal, StandardNormal, UniformCodes

    if isinstance(prior, CodePrior):  # which is uniform until it is trained
        return "autoregressive_codes" if prior.is_trained else "uniform_codes"
    names = {
        StandardNormal: "standard_normal",
        LabelNormal: "label_normal",
        Flow: "flow",
        UniformCodes: "uniform_codes",
    }
    return names.get(type(prior), type(prior).__name__)


def _latents(model):
    """What latents are, as `signature` wants to know it."""
    if hasattr(model, "latent_dim"):
        return {"latent_dim": model.latent_dim}
    codes = {
        "codebook_size": model.codebook_size,
        "code_shape": list(model.code_shape),
    }
    if prior_name(model.prior) == "autoregressive_codes":
        codes["cache_shape"] = list(model.prior.cache_shape)
    return codes


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
