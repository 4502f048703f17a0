"""The targets there are. `docs/targets.md` says how to add one.

Operators are named as in the flatbuffer's schema.
"""

from __future__ import annotations

from .targets import Profile

SAME_RUNTIME = "the LiteRT runtime with its own operators; run here on this machine's processor, not on such a device"

MICRO = """
ABS ADD ADD_N ARG_MAX ARG_MIN ASSIGN_VARIABLE AVERAGE_POOL_2D BATCH_MATMUL BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO
CALL_ONCE CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE
ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER GATHER_ND GREATER
GREATER_EQUAL HARD_SWISH IF L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR
LOGISTIC LOG_SOFTMAX MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PAD PADV2 PRELU QUANTIZE
READ_VARIABLE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND
RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE
SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM UNPACK VAR_HANDLE WHILE
ZEROS_LIKE
"""

GPU = """
ABS ADD ADD_N ATAN2 AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D COS CUMSUM DENSIFY DEPTHWISE_CONV_2D
DEPTH_TO_SPACE DEQUANTIZE DIV DYNAMIC_UPDATE_SLICE ELU EMBEDDING_LOOKUP EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD
FULLY_CONNECTED GATHER GELU GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGISTIC LSTM
MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL ONE_HOT PACK PAD PADV2 POW PRELU REDUCE_MAX REDUCE_MIN
REDUCE_PROD RELU RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SELECT SELECT_V2 SIGN SIN SLICE
SOFTMAX SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH TILE TRANSPOSE
TRANSPOSE_CONV
"""

EDGE_TPU = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION LOGISTIC MAXIMUM
MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1 RESHAPE
RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUEEZE STRIDED_SLICE SUB TANH TRANSPOSE
TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM
"""

ALL = (
    Profile(
        name="cpu",
        about="this machine's processor, with the LiteRT runtime",
        sources=("https://ai.google.dev/edge/litert",),
        runs_here=True,
    ),
    Profile(name="android", about=SAME_RUNTIME, sources=("https://ai.google.dev/edge/litert/android",)),
    Profile(name="ios", about=SAME_RUNTIME, sources=("https://ai.google.dev/edge/litert/ios/quickstart",)),
    Profile(name="raspberry-pi", about=SAME_RUNTIME, sources=("https://developers.google.com/edge/litert/overview",)),
    Profile(
        name="gpu-fp16",
        about="a phone's GPU through LiteRT's GPU delegate, all of the model on it",
        sources=(
            "https://tensorflow.org/lite/performance/gpu",
            "https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/tools/versioning/gpu_compatibility.cc",
        ),
        variants=("float16", "float32"),
        operators=frozenset(GPU.split()),
        activations=frozenset({"FLOAT16", "FLOAT32", "INT32", "BOOL"}),
        subgraphs=1,
    ),
    Profile(
        name="edgetpu",
        about="a Coral Edge TPU, all of the model on it",
        sources=("https://coral.ai/docs/edgetpu/models-intro/#supported-operations",),
        variants=("int8",),
        operators=frozenset(EDGE_TPU.split()),
        activations=frozenset({"INT8", "UINT8"}),
        subgraphs=1,
        inner_dimensions=3,
    ),
    Profile(
        name="micro",
        about="a microcontroller with tflite-micro, by its reference kernels",
        sources=("https://github.com/tensorflow/tflite-micro/blob/main/python/tflite_micro/python_ops_resolver.cc",),
        variants=("float32", "int8", "int16x8"),
        operators=frozenset(MICRO.split()),
        kernels="reference",
        second_runtime="tflite-micro",
    ),
)
PROFILES = {profile.name: profile for profile in ALL}
