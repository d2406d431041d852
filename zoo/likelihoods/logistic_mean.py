"""Expected levels of channels that are discretized logistics, each given those before.

All here is in levels, 0 ... top, and of one component.
"""

import math

from keras import ops

from zoo.precision import float_dtype

# A channel's distribution is replaced by one on so many intervals' ends, which reach so
# many scales to either side: fewer for the last but one channel, which is integrated
# out within the loops over the others. By comparison with sums over all levels: off by
# less than half a level for components drawn at random, by one at the very worst.
_INTERVALS, _INNER_INTERVALS = 10, 8
_REACH = 10.0
# Means further outside than this, in ranges of levels, change nothing.
_FARTHEST = 1e5
# Wider scales than so many ranges are shrunk to it, all that is added to half the range
# with them: which of the two edges it is matters then, and rounding would be magnified.
_WIDEST = 16


def expected_levels(means, scales, coefficients, top):
    """E[level] of all channels, over the levels of the channels before.

    The last channel's expectation given the others is `soft_clip`. Those before are
    integrated out one after the other, by quadrature: 11 times 9 nodes for the third
    of three channels.

    Args:
        means: of the channels c = 0 ... C - 1 where all earlier ones are 0, (...) each.
        scales: of the channels, (...) each.
        coefficients: a list a channel: what each earlier one is multiplied by and added
            to its mean, (...) each.
        top: the number of levels, less one.

    Means, scales and earlier channels are in units in which levels span [-1, 1].

    Returns:
        list of C tensors (...), in [0, top].
    """
    half, shifted, narrowed, factors = top / 2, [], [], []
    for mean, scale, earlier in zip(means, scales, coefficients, strict=True):
        scale = scale * half
        shrink = ops.minimum(1.0, _WIDEST * top / scale)
        mean = ops.clip(mean, -_FARTHEST, _FARTHEST) - sum(earlier)
        shifted.append((1 + shrink * mean) * half)
        narrowed.append(scale * shrink)
        factors.append([shrink * coefficient for coefficient in earlier])
    widths = [(scale, 1 / scale, top / scale) for scale in narrowed]
    return [
        ops.clip(level, 0.0, top) for level in _given(shifted, widths, factors, top)
    ]


def soft_clip(mean, width, top):
    """E[clip(X, 0, top)] of a logistic X of width (scale, 1 / scale, top / scale).

    The integral of P(X > t) from 0 to top: a difference of two softplus functions,
    written so that nothing overflows or cancels. The expected level is the same, but
    for a quarter of a level at most, where the scale is narrower than that.
    """
    scale, inverse, reach = width
    above = mean * inverse
    low, high = ops.exp(-ops.abs(above)), ops.exp(-ops.abs(above - reach))
    return ops.clip(mean, 0.0, top) + scale * ops.log((1 + low) / (1 + high))


def _given(means, widths, coefficients, top):
    """`expected_levels` of channels whose means count in all that is known."""
    expected = [soft_clip(means[0], widths[0], top)]
    if len(means) == 1:
        return expected
    if len(means) == 2:
        nodes, below = _quadrature(means[0], widths[0], top, _INNER_INTERVALS)
        values = soft_clip(means[1] + coefficients[1][0] * nodes, widths[1], top)
        steps = ops.sum(below * (values[1:] - values[:-1]), axis=0)
        return [*expected, values[-1] - steps]
    # One by one: all nodes of all channels at once would fill the memory.
    nodes, below = _quadrature(means[0], widths[0], top, _INTERVALS)
    remaining = [known[1:] for known in coefficients[1:]]
    later = [0.0] * (len(means) - 1)
    for i in range(_INTERVALS + 1):
        weight = (below[i] if i < _INTERVALS else 1.0) - (below[i - 1] if i else 0.0)
        shifted = [
            mean + known[0] * nodes[i]
            for mean, known in zip(means[1:], coefficients[1:], strict=True)
        ]
        values = _given(shifted, widths[1:], remaining, top)
        later = [a + weight * b for a, b in zip(later, values, strict=True)]
    return [*expected, *later]


def _quadrature(mean, width, top, intervals):
    """A discretized logistic, put on a few of its levels, but for `_round`.

    The nodes lie at equal steps of the distribution function of a logistic of twice the
    scale, cut off at 0 and top, which puts them close where there is much mass and yet
    leaves no wide tail to one of them. A node has the mass between the middles of the
    steps to either side; the first and the last have all beyond.

    Returns:
        nodes (intervals + 1, ...), ascending, and the mass of all nodes before the
        second, the third, ..., (intervals, ...).
    """
    scale, inverse, reach = width
    steps = ops.reshape(
        ops.arange(intervals + 1, dtype=float_dtype(mean)) / intervals,
        (-1,) + (1,) * len(mean.shape),
    )
    edge = 1 / (1 + math.exp(-_REACH / 2))
    above = mean * inverse
    first = ops.clip(ops.sigmoid(-0.5 * above), 1 - edge, edge)
    span = ops.clip(ops.sigmoid(0.5 * (reach - above)), 1 - edge, edge) - first
    at = first + span * steps
    nodes = mean + (2 * scale) * ops.log(at / (1 - at))
    middle = first + span * (steps[:-1] + 0.5 / intervals)
    # The same point's distribution function for the scale itself, from its odds.
    odds = ops.square(middle / (1 - middle))
    return _round(ops.clip(nodes, 0.0, top)), odds / (1 + odds)


def _round(values):
    """To whole numbers, but for an eighth of the way between them, which is steep.

    Jumps would make of a float32's last digit a difference between two runtimes.
    """
    whole = ops.floor(values)
    return whole + ops.clip(8 * (values - whole) - 3.5, 0.0, 1.0)
