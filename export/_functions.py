"""What files compute, as functions of tensors: the model's own, without the checks of
values that a graph cannot make.
"""

from keras import ops

from export.runtime.signature import (
    DECODER_KIND,
    ENCODER_KIND,
    PRIOR_STEP_KIND,
    SAMPLER_KIND,
)


def of_vectors(model):
    """{kind: function} of a model with latent vectors; a sampler's takes its noise."""

    def decode(z, labels=None):
        return {"image": model.expected_images(z, labels)}

    def encode(image, labels=None):
        q = model.make_posterior(model.encode_parameters(image, labels))
        return {"mean": q.mean, "log_var": q.log_var}

    def sample(noise, labels=None):
        z = model.make_prior(labels).from_noise(noise)
        return {"image": model.expected_images(z, labels), "z": z}

    return {DECODER_KIND: decode, ENCODER_KIND: encode, SAMPLER_KIND: sample}


def of_codes(model):
    """{kind: function} of a model with grids of codes; a sampler's is of one step."""
    from zoo.priors.drawing import choose
    from zoo.networks.cache import DynamicCache

    def decode(codes):
        return {"image": model.expected_images(codes)}

    def encode(image):
        return {"codes": model.quantize_images(image).codes}

    def step_prior(code, cache, labels=None):
        places = DynamicCache(ops.unstack(cache, axis=1))
        logits = model.prior.step(code, places, labels)
        return {"logits": logits, "new_cache": ops.stack(places.tensors, axis=1)}

    def draw(code, uniform, temperature, *cache_and_labels):
        count = model.prior.cache_shape[0]
        places = DynamicCache(cache_and_labels[:count])
        logits = model.prior.step(code, places, *cache_and_labels[count:])
        tensors = {f"new_cache_{i}": t for i, t in enumerate(places.tensors)}
        return {"new_code": choose(logits, uniform, temperature), **tensors}

    return {
        DECODER_KIND: decode,
        ENCODER_KIND: encode,
        PRIOR_STEP_KIND: step_prior,
        SAMPLER_KIND: draw,
    }
