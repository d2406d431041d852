"""Drawing codes and tokens from their logits, the same everywhere."""

from keras import ops

from zoo.networks.cache import StaticCache
from zoo.precision import at_least_float32
from zoo.vocabulary import END


def draw_codes(prior, uniforms, temperature, top_k=None, labels=None):
    """Codes one after another: see `zoo.CodePrior.from_uniforms`."""
    count = ops.shape(uniforms)[0]
    uniforms = at_least_float32(uniforms)
    places = ops.arange(prior.length, dtype="int32")

    def at(values, place):
        """Column `place` of (N, T)."""
        zero = ops.zeros((), values.dtype)
        return ops.sum(ops.where(places == place, values, zero), axis=1)

    def body(place, state):
        codes, *tensors = state
        place = ops.cast(place, "int32")
        cache = StaticCache(tensors, place)
        logits = prior.step(at(codes, place - 1), cache, labels)
        code = choose(logits, at(uniforms, place), temperature, top_k)
        codes = ops.where(places == place, code[:, None], codes)
        return (codes, *cache.tensors)

    codes = ops.zeros((count, prior.length), "int32")
    state = (codes, *prior.transformer.empty_cache(count, prior.length))
    codes = ops.fori_loop(0, prior.length, body, state)[0]
    return ops.reshape(codes, (-1, *prior.code_shape))


def draw_tokens(decoder, context, uniforms, temperature):
    """Tokens of texts one after another, up to their ends.

    Args:
        decoder: a `zoo.networks.text_decoder.TextDecoder`.
        context: (N, context_dim).
        uniforms: in [0, 1), (N, T); None where the temperature is 0.
        temperature: () or (N,), divides the logits; 0 takes the most probable tokens.

    Returns:
        int32 (N, T), T the most that the decoder can; after an end, zeros.
    """
    count, length = ops.shape(context)[0], decoder.max_length
    if uniforms is None:
        uniforms = ops.full((count, length), 0.5)
    uniforms = at_least_float32(uniforms)
    places = ops.arange(length, dtype="int32")
    zero = ops.zeros((), uniforms.dtype)
    informed = decoder.inform(context)

    def body(place, state):
        tokens, before, *states = state
        place = ops.cast(place, "int32")
        logits, states = decoder.step(before, informed, states, place)
        here = ops.sum(ops.where(places == place, uniforms, zero), axis=1)
        token = next_token(logits, before, here, temperature)
        tokens = ops.where(places == place, token[:, None], tokens)
        return (tokens, token, *states)

    tokens = ops.zeros((count, length), "int32")
    begin = ops.full((count,), decoder.start, "int32")
    state = (tokens, begin, *decoder.first_states(context, length))
    return ops.fori_loop(0, length, body, state)[0]


def next_token(logits, before, uniforms, temperature):
    """The token that `choose` draws, or another END after one, int32 (N,)."""
    return ops.where(before == END, END, choose(logits, uniforms, temperature))


def choose(logits, uniforms, temperature, top_k=None):
    """Draws a code a row, by inverting its distribution function.

    Args:
        logits: float32 or float64 (N, K).
        uniforms: (N,), in [0, 1).
        temperature: () or (N,), divides the logits; 0 is taken for 1e-6.
        top_k: draw from this many most probable codes alone; None from all.

    Returns:
        int32 (N,).
    """
    temperature = ops.maximum(ops.cast(temperature, logits.dtype), 1e-6)
    uniforms = ops.cast(uniforms, logits.dtype)
    logits = logits / ops.expand_dims(temperature, -1)
    if top_k is not None and top_k < logits.shape[-1]:
        least = ops.top_k(logits, top_k)[0][:, -1:]
        logits = ops.where(logits < least, -1e30, logits)
    below = ops.cumsum(ops.softmax(logits), axis=-1)
    # Rounding leaves the sum of all beside 1. Of the last code it is never passed.
    passed = below <= ops.expand_dims(uniforms, -1) * below[:, -1:]
    # Counted by a product: onnxruntime cannot sum the rows of an array without rows.
    passed, ones = ops.cast(passed, "float32"), ops.ones((logits.shape[-1], 1))
    return ops.cast(ops.squeeze(ops.matmul(passed, ones), axis=-1), "int32")
