"""What can be asked of an export, and how exact the result must be."""

OPSETS = (17, 18)

# Largest difference from Keras in float32 on ordinary inputs: latents from N(0, I).
TOLERANCES = {None: 1e-5, "fp16": 0.005, "int8": 0.15}
# The same on extreme ones, latents up to ten times as large, where logits and their
# float32 rounding are ten times as large too. Rounded weights move the output by an
# amount that grows with the latents: there it is measured, not judged.
EXTREME_TOLERANCES = {None: 5e-4, "fp16": float("inf"), "int8": float("inf")}
# The share of codes that an encoder.onnx finds other than the model. Two codes may be
# equally near, which rounded features then decide; images of noise have many such.
DIFFERING_CODES_TOLERANCES = {None: 0.001, "fp16": 0.05, "int8": 0.5}


def tolerance_of(quantize, in_turn=1):
    """The largest difference on ordinary inputs.

    Args:
        quantize: as in `export_decoder`.
        in_turn: see `export.runtime.golden.posteriors_in_turn`.
    """
    return max(TOLERANCES[quantize], in_turn * TOLERANCES[None])


def check_options(opset, quantize):
    """Raises ValueError unless both can be had."""
    if isinstance(opset, bool) or opset not in OPSETS:
        raise ValueError(f"`opset` must be one of {OPSETS}; got {opset!r}.")
    if not isinstance(quantize, (str, type(None))) or quantize not in TOLERANCES:
        raise ValueError(
            f"`quantize` must be None, 'fp16' or 'int8'; got {quantize!r}."
        )


def share_of_allowed(errors, quantize):
    """The largest error on ordinary inputs, as a share of what `quantize` allows."""
    allowed = {
        "ordinary": TOLERANCES[quantize],
        "differing_codes": DIFFERING_CODES_TOLERANCES[quantize],
    }
    return max(errors[about] / allowed[about] for about in allowed if about in errors)
