"""A model that trained in mixed precision, computing in float32."""


def in_float32(model):
    """The model itself if it computes in float32, else a copy with its weights."""
    config = model.get_config()
    exact = _without_low_precision(config)
    if exact == config:
        return model
    copy = type(model).from_config(exact)
    copy.set_weights(model.get_weights())
    return copy


def _without_low_precision(value):
    if isinstance(value, list):
        return [_without_low_precision(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: (
            "float32"
            if key == "dtype" and "float16" in str(item)  # float16, bfloat16, mixed
            else _without_low_precision(item)
        )
        for key, item in value.items()
    }
