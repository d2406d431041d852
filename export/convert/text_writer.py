"""Models of texts: token after token in one graph.

A `Loop` runs one step of the decoder for each place, with the states of recurrent
layers, or with a cache of keys and values that grows by a place each time. What depends
on the latent alone is computed before it. It ends when all rows have ended; the places
that are left are zeros.
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
    generator_inputs,
    labels_signature,
    latent_value,
    signature,
)

_ROWS = "batch"


class Writer:
    """The graphs of a model of texts, and how they are put together.

    Args:
        decoder: a `zoo.networks.text_decoder.TextDecoder`.
        description: what the files say about the model, `noise` among it.
    """

    def __init__(self, decoder, description):
        self.decoder, self.description = decoder, description
        self.length = description["max_length"]
        self.num_states = len(decoder.state_shapes)
        # Of all uniform numbers the last choose tokens, the first are the prior's.
        self.prior_uniforms = description["noise"]["uniforms"] - self.length

    def begin_signature(self, kind):
        """Inputs and outputs of what comes before the loop."""
        latent = latent_value(_ROWS, self.description)
        outputs = {"informed": Value("float32", (_ROWS, self.decoder.informed_dim))}
        if not self.decoder.grows:
            outputs |= self._states("state")
        labels = labels_signature(_ROWS, self.description)
        if kind == DECODER_KIND:
            return {**latent, **labels}, outputs
        numbers = generator_inputs(_ROWS, self.description)
        if not self.prior_uniforms:
            del numbers[UNIFORMS]
        return {**numbers, **labels}, {**latent, **outputs}

    def step_signature(self):
        """Inputs and outputs of the loop's body."""
        token = Value("int32", (_ROWS,))
        inputs = {
            "token": token,
            "uniform": Value("float32", (_ROWS,)),
            "temperature": Value("float32", ()),
            "informed": Value("float32", (_ROWS, self.decoder.informed_dim)),
            **self._states("state"),
        }
        return inputs, {"new_token": token, **self._states("new_state", "new_places")}

    def _states(self, name, places="places"):
        return {
            f"{name}_{i}": Value(
                "float32", (_ROWS, *(places if n is None else n for n in shape))
            )
            for i, shape in enumerate(self.decoder.state_shapes)
        }

    def assemble(self, begin, step, opset, kind):
        """The ModelProto of a decoder, a generator or a sampler.

        Args:
            begin, step: tidied ModelProtos of the signatures.
            opset: operator set of both, and of the result.
            kind: "decoder", "generator" or "sampler".
        """
        inputs, outputs = signature(kind, self.description)
        build = Builder("write")
        before = self.begin_signature(kind)
        names = {name: name for name in (*before[0], *before[1])}
        # Within the loop its own states have these names, and no two may be alike.
        names |= {name: f"first_{name}" for name in self._states("state")}
        build.include(begin.graph, "begin", names)
        shape = build("Shape", "informed")
        rows = build("Slice", shape, build.int64([0]), build.int64([1]))
        if kind == DECODER_KIND:
            # The most probable tokens: at temperature 0 it makes no difference which.
            build("Expand", build.float32(0.5), rows, name="uniform")
            build("Identity", build.float32(0.0), name="temperature")
        else:
            ends = build.int64([self.prior_uniforms]), build.int64([2**31 - 1])
            used = build("Slice", UNIFORMS, *ends, build.int64([1]))
            build("Transpose", used, name="uniforms_by_place", perm=[1, 0])
        written = self._loop(build, step.graph, rows, kind)  # (places, rows)
        written = build("Transpose", written, perm=[1, 0])
        places = build("Shape", written)
        places = build("Slice", places, build.int64([1]), build.int64([2]))
        left = build("Sub", build.int64([self.length]), places)
        widths = build("Concat", build.int64([0, 0, 0]), left, axis=0)
        build("Pad", written, widths, name="tokens")
        graph = helper.make_graph(
            build.nodes,
            "vae_zoo",
            [value_info(name, value) for name, value in inputs.items()],
            [value_info(name, value) for name, value in outputs.items()],
            build.constants,
        )
        proto = helper.make_model(
            graph,
            producer_name="vae-zoo",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", opset)],
        )
        if kind == SAMPLER_KIND:
            numbers = self.description["noise"]
            noise.prepend(proto, numbers["normals"], numbers["uniforms"])
        return proto

    def _loop(self, build, step, rows, kind):
        """Adds the loop over places: the name of the tokens (places, rows)."""
        states = list(self._states("state"))
        first = build("Expand", build.int32(self.decoder.start), rows)
        begin = [f"first_{name}" for name in states]
        if self.decoder.grows:
            begin = [self._empty(build, rows, i) for i in range(self.num_states)]

        inputs, outputs = self.step_signature()
        body = Builder("step")
        if kind != DECODER_KIND:
            body("Gather", "uniforms_by_place", "place", name="uniform", axis=0)
        body.include(step, "step", {name: name for name in (*inputs, *outputs)})
        # A row that has ended stays at token 0; of no rows the largest is that 0.
        every = body("Concat", "new_token", body.int32([0]), axis=0)
        largest = body("ReduceMax", every, keepdims=0)
        body("Greater", largest, body.int32(0), name="still_going")
        body("Identity", "new_token", name="written")
        place = helper.make_tensor_value_info("place", TensorProto.INT64, [])
        going, still_going = (
            helper.make_tensor_value_info(name, TensorProto.BOOL, [])
            for name in ("going", "still_going")
        )
        state = ["token", *states]
        graph = helper.make_graph(
            body.nodes,
            "write_one_token",
            [place, going, *(value_info(name, inputs[name]) for name in state)],
            [
                still_going,
                *(value_info(f"new_{name}", outputs[f"new_{name}"]) for name in state),
                value_info("written", outputs["new_token"]),
            ],
            body.constants,
        )
        build.nodes.append(
            helper.make_node(
                "Loop",
                [build.int64(self.length), build.true(), first, *begin],
                [*(f"last_{name}" for name in state), "written_tokens"],
                name="Loop_0",
                body=graph,
            )
        )
        return "written_tokens"

    def _empty(self, build, rows, i):
        """The name of a cache of no places."""
        heads, _, head_dim = self.decoder.state_shapes[i]
        shape = build("Concat", rows, build.int64([heads, 0, head_dim]), axis=0)
        return build("Expand", build.float32(np.zeros((1, 1, 0, 1))), shape)
