"""How gradients pass through a step that has none."""

from keras import ops

EPSILON = 1e-6


def straight_through(features, quantized):
    """`quantized`, with the gradient passed to `features` as it is.

    Bengio et al., "Estimating or Propagating Gradients Through Stochastic Neurons",
    2013; van den Oord et al., "Neural Discrete Representation Learning", 2017,
    section 3.2.
    """
    return features + ops.stop_gradient(quantized - features)


def rotation(features, quantized):
    """`quantized`, with the gradient turned and scaled on its way to `features`.

    The step from feature f to code q is written as q = (|q| / |f|) R f, where R turns f
    onto q and is held constant, so that the angle between gradient and code becomes
    that between gradient and feature: Fifty et al., "Restructuring Vector Quantization
    with the Rotation Trick", 2024, equation 4.
    """

    def norm(x):
        return ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))

    f, q = ops.stop_gradient(features), ops.stop_gradient(quantized)
    f_unit = f / ops.maximum(norm(f), EPSILON)
    q_unit = q / ops.maximum(norm(q), EPSILON)
    between = f_unit + q_unit
    between = between / ops.maximum(norm(between), EPSILON)
    scale = norm(q) / ops.maximum(norm(f), EPSILON)

    def along(direction):
        return ops.sum(direction * features, axis=-1, keepdims=True) * direction

    # R = I - 2 b b' + 2 q f' for unit vectors b (between f and q), q and f.
    turned_onto_q = ops.sum(f_unit * features, axis=-1, keepdims=True) * q_unit
    turned = scale * (features - 2 * along(between) + 2 * turned_onto_q)
    return turned + ops.stop_gradient(q - turned)


BY_NAME = {"straight_through": straight_through, "rotation": rotation}


def check_estimator(name):
    """`name`, if it is that of an estimator.

    Raises:
        ValueError: otherwise.
    """
    if name not in BY_NAME:
        raise ValueError(
            f"`gradient_estimator` must be one of {', '.join(map(repr, BY_NAME))}; "
            f"got {name!r}."
        )
    return name
