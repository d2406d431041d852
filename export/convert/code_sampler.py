"""Models with codes: the whole autoregressive draw in one graph.

A `Loop` runs the prior once for each code, with a cache of keys and values that grows
by a place each time: every iteration costs what is new, and nothing is computed for
places to come. In sampler.onnx uniform numbers are drawn before it, generator.onnx is
given them; the decoder follows it.
"""

import numpy as np
from onnx import TensorProto, helper

from export.convert import noise
from export.convert.builder import Builder
from export.convert.graph import IR_VERSION, value_info
from export.runtime.signature import (
    DECODER_KIND,
    SAMPLER_KIND,
    UNIFORMS,
    Value,
    labels_signature,
    signature,
)

# What a draw needs beside `graph.ALLOWED_OPERATORS`.
LOOP = frozenset({"Loop"})


def step_signature(description):
    """The inputs and outputs of the loop's body, as `signature.signature`."""
    tensors, heads, head_dim = description["cache_shape"]

    def cache(name, places):
        value = Value("float32", ("batch", heads, places, head_dim))
        return {f"{name}_{i}": value for i in range(tensors)}

    code = Value("int32", ("batch",))
    inputs = {
        "code": code,
        "uniform": Value("float32", ("batch",)),
        "temperature": Value("float32", ()),
        **cache("cache", "places"),
        **labels_signature("batch", description),
    }
    return inputs, {"new_code": code, **cache("new_cache", "new_places")}


def assemble(step, decoder, description, opset, kind):
    """The ModelProto of a sampler or a generator.

    Args:
        step: tidied ModelProto of `step_signature`.
        decoder: tidied ModelProto of a decoder.
        description: what the files say about the model.
        opset: operator set of both, and of the result.
        kind: "sampler" or "generator".
    """
    inputs, outputs = signature(kind, description)
    build = Builder("draw")
    if kind == SAMPLER_KIND:
        uniforms = noise.uniforms(build, int(np.prod(description["code_shape"])))
        rows = build("Reshape", "num_samples", build.int64([1]))
    else:
        uniforms = build("Transpose", UNIFORMS, perm=[1, 0])
        shape = build("Shape", UNIFORMS)
        rows = build("Slice", shape, build.int64([0]), build.int64([1]))
    drawn = _loop(build, step.graph, uniforms, rows, description)  # (places, rows)
    drawn = build("Transpose", drawn, perm=[1, 0])
    shape = build.int64([0, *description["code_shape"]])  # 0 keeps the rows
    build("Reshape", drawn, shape, name="codes")
    build.include(decoder.graph, DECODER_KIND, {"codes": "codes", "image": "image"})
    graph = helper.make_graph(
        build.nodes,
        "vae_zoo",
        [value_info(name, value) for name, value in inputs.items()],
        [value_info(name, value) for name, value in outputs.items()],
        build.constants,
    )
    return helper.make_model(
        graph,
        producer_name="vae-zoo",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", opset)],
    )


def _loop(build, step, uniforms, rows, description):
    """Adds the loop over places: the name of the codes (places, rows)."""
    tensors, heads, head_dim = description["cache_shape"]
    caches = [f"cache_{i}" for i in range(tensors)]
    first = build("Expand", build.int32(0), rows)
    shape = build("Concat", rows, build.int64([heads, 0, head_dim]), axis=0)
    empty = build("Expand", build.float32(np.zeros((1, 1, 0, 1))), shape)
    trips = build.int64(int(np.prod(description["code_shape"])))

    body = Builder("step")
    body("Gather", uniforms, "place", name="uniform", axis=0)
    names = [*step_signature(description)[0], *step_signature(description)[1]]
    body.include(step, "step", {name: name for name in names})
    body("Identity", "going", name="still_going")
    body("Identity", "new_code", name="drawn")
    values = {**step_signature(description)[0], **step_signature(description)[1]}
    place = helper.make_tensor_value_info("place", TensorProto.INT64, [])
    going, still_going = (
        helper.make_tensor_value_info(name, TensorProto.BOOL, [])
        for name in ("going", "still_going")
    )
    state = ["code", *caches]
    new_state = [f"new_{name}" for name in state]
    graph = helper.make_graph(
        body.nodes,
        "draw_one_code",
        [place, going, *(value_info(name, values[name]) for name in state)],
        [
            still_going,
            *(value_info(name, values[name]) for name in new_state),
            value_info("drawn", values["new_code"]),
        ],
        body.constants,
    )
    last = [f"last_{name}" for name in state]
    build.nodes.append(
        helper.make_node(
            "Loop",
            [trips, build.true(), first, *[empty] * tensors],
            [*last, "drawn_codes"],
            name="Loop_0",
            body=graph,
        )
    )
    return "drawn_codes"
