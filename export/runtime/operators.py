"""Which operators an exported file may hold: what the exporter writes, and no other.

All are of the standard, deterministic, run by every build of onnxruntime, and compute
numbers from numbers: none opens a file, and one alone, `Loop`, repeats others.
"""

from export.runtime.signature import (
    DECODER_KIND,
    ENCODER_KIND,
    GENERATOR_KIND,
    SAMPLER_KIND,
)

COMPUTING = frozenset(
    """Abs Add And AveragePool BatchNormalization Cast Ceil Clip Concat ConstantOfShape
    Conv ConvTranspose Cos CumSum DepthToSpace DequantizeLinear Div Elu Equal Erf Exp
    Expand Flatten Floor Gather GatherElements GatherND Gemm GlobalAveragePool Greater
    GreaterOrEqual HardSigmoid Identity InstanceNormalization LayerNormalization
    LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Min Mul Neg Not OneHot
    Or Pad Pow Reciprocal ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Resize
    Round ScatterND Selu Shape Sigmoid Sign Sin Slice Softmax Softplus SpaceToDepth
    Split Sqrt Squeeze Sub Sum Tanh Tile TopK Transpose Unsqueeze Where""".split()
)
# One code, or one token, after another.
LOOP = "Loop"
# Of texts, from one end to the other.
_RECURRENT = frozenset({"GRU", "LSTM", "ReverseSequence"})
# Random numbers of a seed.
_RANDOM = frozenset("BitShift BitwiseOr BitwiseXor Range".split())


def allowed_operators(kind, of_texts=False):
    """The operators of a kind of file, such as "decoder", of images or of texts."""
    if kind == SAMPLER_KIND:
        return COMPUTING | _RANDOM | {LOOP}
    if of_texts and kind == ENCODER_KIND:
        return COMPUTING | _RECURRENT
    loops = kind == GENERATOR_KIND or (of_texts and kind == DECODER_KIND)
    return COMPUTING | {LOOP} if loops else COMPUTING
