"""Which classes a preset's configuration may name: nothing that a file brings runs.

Keras imports the module that a configuration names, and calls any function of its own
with the arguments that stand beside it; among them are some that write files. So a
configuration is read before Keras sees it, and whatever is on no list is refused.
"""

import sys
from typing import Any

import keras

from zoo.presets.findable import LAMBDA, holds_code

_NUMBERS = "bfloat16 float16 float32 float64 int8 int16 int32 int64 uint8 bool".split()

# Classes of Keras that hold no code, open no file and import nothing.
_LAYERS = """
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention
    Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization
    Bidirectional CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose
    Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D Cropping1D Cropping2D
    Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense
    Embedding Flatten GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D GroupNormalization GroupQueryAttention Identity InputLayer LSTM
    LSTMCell LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D
    Maximum Minimum MultiHeadAttention Multiply Normalization PReLU Permute RNN
    RMSNormalization ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D
    SeparableConv2D SimpleRNN SimpleRNNCell Softmax SpatialDropout1D SpatialDropout2D
    SpatialDropout3D SpectralNormalization StackedRNNCells Subtract TimeDistributed
    UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
"""
_INITIALIZERS = """
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer
    LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal
    RandomUniform TruncatedNormal VarianceScaling Zeros
"""
# What `a + b`, `x[:, 0]` or `keras.ops.exp(x)` are in a functional model.
_NUMPY_OPERATIONS = """
    Abs Absolute Add All Any Argmax Argmin BroadcastTo Ceil Clip Concatenate Cos Cosh
    Cumprod Cumsum Diff Divide Dot Einsum Equal Exp Expm1 ExpandDims Flip Floor
    FloorDivide GetItem Greater GreaterEqual Isfinite Less LessEqual Log Log10 Log1p
    Log2 Logaddexp LogicalAnd LogicalNot LogicalOr Matmul Max Maximum Mean Min Minimum
    Mod Moveaxis Multiply Negative NotEqual OnesLike Pad Power Prod Ravel Real
    Reciprocal Repeat Reshape Roll Round Sign Sin Sinh Sort Split Sqrt Square Squeeze
    Stack Std Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh Tile Transpose Tril Triu
    TrueDivide Var Where ZerosLike
"""
_NN_OPERATIONS = """
    AveragePool BatchNorm Celu Conv ConvTranspose DepthwiseConv Elu Gelu Glu HardShrink
    HardSigmoid HardSilu HardSwish HardTanh LayerNorm LeakyRelu LogSigmoid LogSoftmax
    MaxPool Normalize OneHot Relu Relu6 RMSNorm Selu SeparableConv Sigmoid Silu
    SoftShrink Softmax Softplus Softsign SparsePlus Sparsemax Squareplus Swish
    TanhShrink Threshold
"""
_KERAS: dict[str, str] = {
    "keras": "DTypePolicy DTypePolicyMap Functional Sequential",
    "keras.models": "Functional Sequential",
    "keras.src.models.functional": "Functional",
    "keras.src.models.sequential": "Sequential",
    "keras.dtype_policies": "DTypePolicy DTypePolicyMap FloatDTypePolicy",
    "keras.layers": _LAYERS,
    "keras.initializers": _INITIALIZERS,
    "keras.regularizers": "L1 L1L2 L2 OrthogonalRegularizer",
    "keras.constraints": "MaxNorm MinMaxNorm NonNeg UnitNorm",
    "keras.random": "SeedGenerator",
    "keras.src.ops.core": "Cast StopGradient",
    "keras.src.ops.image": "Resize",
    "keras.src.ops.math": "Erf Erfinv Logsumexp Rsqrt",
    "keras.src.ops.nn": _NN_OPERATIONS,
    "keras.src.ops.numpy": _NUMPY_OPERATIONS,
}
_CLASSES = {(where, name) for where in _KERAS for name in _KERAS[where].split()}
_ACTIVATIONS = """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish
    hard_tanh leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid
    silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax
    squareplus swish tanh tanh_shrink threshold
""".split()
_HOW = "@keras.saving.register_keras_serializable()"


def not_allowed(config: Any) -> str | None:
    """What a configuration names that no preset may hold, in a sentence; None if none.

    Allowed are the classes that are registered with Keras, found by their registered
    names: those of the zoo, and those of the running program, which also may give more
    by `keras.saving.custom_object_scope`; and a list of Keras' own.

    Args:
        config: JSON, or what `keras.saving.serialize_keras_object` returns.
    """
    values = [config]
    while values:
        value = values.pop()
        if isinstance(value, list | tuple):
            values += value
        elif isinstance(value, dict):
            if "class_name" in value and (why := _why_not(value)):
                return why
            values += value.values()
    return None


def is_listed(entry: dict[str, Any]) -> bool:
    """Whether an entry is of a class of Keras that every preset may hold."""
    return (_text(entry.get("module")), _text(entry["class_name"])) in _CLASSES


def without_compiling(config: Any) -> Any:
    """A configuration without how its parts were compiled: who loads it compiles."""
    if isinstance(config, list | tuple):
        return [without_compiling(item) for item in config]
    if not isinstance(config, dict):
        return config
    left_out = "compile_config" if "class_name" in config else None
    return {k: without_compiling(v) for k, v in config.items() if k != left_out}


def _why_not(entry):
    name = entry["class_name"]
    if holds_code(entry):
        return LAMBDA
    module = entry.get("module", "")
    if not isinstance(name, str) or not isinstance(module, str | None):
        return f"A class is a name of a module, not {_shown(name)} of {_shown(module)}."
    if name in ("__keras_tensor__", "__ellipsis__", "__slice__", "__numpy__"):
        return _why_no_value(entry)
    if name == "function":
        return _why_no_function(entry)
    registered = entry.get("registered_name", name)
    if registered is not None and not isinstance(registered, str):
        return f"A registered name is text or null, not {_shown(registered)}."
    if "module" not in entry or "config" not in entry:
        return f"{_shown(name)} lacks `module` or `config`, which all classes have."
    found = registered and keras.saving.get_registered_object(registered)
    if found:
        # What Keras registers by itself is on the list, or not allowed.
        own = ">" in str(registered) and _is_of_keras(found)
        return _unknown(entry) if own and not is_listed(entry) else None
    return None if is_listed(entry) or _is_given(entry) else _unknown(entry)


def _why_no_value(entry):
    """Slices, shapes and arrays of numbers: they have no module that could be named."""
    config = entry.get("config")
    dtype = config.get("dtype") if isinstance(config, dict) else None
    if set(entry) == {"class_name", "config"} and dtype in (None, *_NUMBERS):
        return None
    return (
        f"{_shown(entry['class_name'])} is of a `config` alone, and of a dtype of "
        "numbers where it has one."
    )


def _why_no_function(entry):
    name = entry.get("config")
    if isinstance(name, str):
        found = keras.saving.get_registered_object(name)
        if found and not _is_of_keras(found):
            return None
        if entry.get("module") in ("keras.activations", "builtins") and (
            name in _ACTIVATIONS
        ):
            return None
    return (
        f"The function {_shown(name)} is no activation of Keras, and not registered: "
        f"no preset holds code; register it by {_HOW} before loading."
    )


def _is_given(entry):
    """Whether the running program allows a class of Keras by its plain name."""
    found = keras.saving.get_registered_object(entry["class_name"])
    module = sys.modules.get(entry["module"] or "")
    return _is_of_keras(found) and found is getattr(module, entry["class_name"], None)


def _is_of_keras(found):
    return str(getattr(found, "__module__", "")).partition(".")[0] == "keras"


def _unknown(entry):
    name, module = entry["class_name"], entry["module"]
    if module and module.partition(".")[0] == "keras":
        return (
            f"{_shown(name)} of {_shown(module)} is not one of Keras' classes that a "
            "preset may hold: if you trust it, load it within keras.saving."
            f"custom_object_scope({{{_shown(name)}: keras.layers...}})."
        )
    registered = entry.get("registered_name") or name
    return (
        f"{_shown(registered)} is not registered here, and nothing is imported because "
        f"a file names it: import the module that registers it by {_HOW} first, or "
        f"load within keras.saving.custom_object_scope({{{_shown(registered)}: ...}})."
    )


def _text(value):
    return value if isinstance(value, str) else None


def _shown(value):
    """A value from a file, short and without control characters."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
