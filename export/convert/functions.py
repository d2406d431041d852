"""What files compute, as functions of tensors: the model's own, without the checks of
values that a graph cannot make.
"""

from keras import ops

from export.runtime.signature import (
    CLASSIFIER_KIND,
    DECODER_KIND,
    ENCODER_KIND,
    PRIOR_STEP_KIND,
)


def of(model):
    """{kind: function} of what a model computes in one pass."""

    def decode(latents, labels=None):
        return {"image": model.expected_images(latents, labels)}

    def encode(x, labels=None):
        return model.posterior_statistics(x, labels)

    def step_prior(code, cache, labels=None):
        places = _dynamic(ops.unstack(cache, axis=1))
        logits = model.prior.step(code, places, labels)
        return {"logits": logits, "new_cache": ops.stack(places.tensors, axis=1)}

    def classify(image):
        return {"probabilities": ops.softmax(model.class_logits(image), axis=-1)}

    return {
        DECODER_KIND: decode,
        ENCODER_KIND: encode,
        PRIOR_STEP_KIND: step_prior,
        CLASSIFIER_KIND: classify,
    }


def generation(model, inputs, outputs):
    """`model.generate`, and the latents that it decodes.

    Args:
        model: a zoo model.
        inputs: names of `generate`'s arguments, in the order of tensors.
        outputs: "image", and what to call the latents of each group.

    Returns:
        a function of tensors to {output: tensor}.
    """
    groups = [spec.name for spec in model.latents]

    def generate(*tensors):
        given = dict(zip(inputs, tensors, strict=True))
        z = model.draw_latents(**given)
        image = model.expected_images(z, given.get("labels"))
        latents = [z[name] for name in groups] if isinstance(z, dict) else [z]
        return dict(zip(outputs, (image, *latents), strict=True))

    return generate


def code_draw(model):
    """One step of a draw of codes: a function of tensors to {output: tensor}."""
    from zoo.priors.drawing import choose

    count = model.prior.cache_shape[0]

    def draw(code, uniform, temperature, *cache_and_labels):
        places = _dynamic(cache_and_labels[:count])
        logits = model.prior.step(code, places, *cache_and_labels[count:])
        tensors = {f"new_cache_{i}": t for i, t in enumerate(places.tensors)}
        return {"new_code": choose(logits, uniform, temperature), **tensors}

    return draw


def text_begin(model):
    """What a text's tokens are written from: latents and labels to {output: tensor}."""

    def begin(z, labels=None):
        context = model.context(z, labels)
        states = [] if model.decoder.grows else model.decoder.first_states(context)
        first = {f"state_{i}": state for i, state in enumerate(states)}
        return {"informed": model.decoder.inform(context), **first}

    return begin


def text_draw(model, inputs):
    """`text_begin` of latents that are drawn, which are given as well.

    Args:
        model: a `zoo.TextVAE`.
        inputs: names of `draw_latents`' arguments, in the order of tensors.
    """

    def draw(*tensors):
        given = dict(zip(inputs, tensors, strict=True))
        z = model.draw_latents(**given)
        return {"z": z, **text_begin(model)(z, given.get("labels"))}

    return draw


def text_step(model):
    """One step of a text's loop: a function of tensors to {output: tensor}."""
    from zoo.priors.drawing import next_token

    def step(token, uniform, temperature, informed, *states):
        logits, states = model.decoder.step(token, informed, list(states))
        new = next_token(logits, token, uniform, temperature)
        kept = {f"new_state_{i}": state for i, state in enumerate(states)}
        return {"new_token": new, **kept}

    return step


def scorer(model, detector):
    """What a fitted `AnomalyDetector` says of images: a function to {output: tensor}.

    Args:
        model: a zoo model.
        detector: `AnomalyDetector.to_json`.
    """
    from zoo.applications import scores

    spec = scores.ScoreSpec.of(detector)

    def score(image):
        found, heat_map = scores.scores_and_maps(model, spec, image)
        return {
            "score": found,
            "decision": found - detector["offset"],
            "heat_map": heat_map,
        }

    return score


def _dynamic(tensors):
    from zoo.networks.cache import DynamicCache

    return DynamicCache(tensors)
