"""Which operators an exported file may hold: what the exporter writes, and no other.

All are of the standard, deterministic, run by every build of onnxruntime, and compute
numbers from numbers: none opens a file, and one alone, `Loop`, repeats others.
"""

from export.runtime.signature import GENERATOR_KIND, SAMPLER_KIND

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
# One code after another.
LOOP = "Loop"
# Random numbers of a seed.
_RANDOM = frozenset("BitShift BitwiseOr BitwiseXor Range".split())


def allowed_operators(kind):
    """The operators of a kind of file, such as "decoder"."""
    if kind == SAMPLER_KIND:
        return COMPUTING | _RANDOM | {LOOP}
    return COMPUTING | {LOOP} if kind == GENERATOR_KIND else COMPUTING
