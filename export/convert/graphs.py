"""The graph of each kind of file."""

import onnx
import tensorflow as tf
import tf2onnx
from onnx import helper

from export.convert import code_sampler, functions, graph, metadata, noise
from export.convert.lean import fix_shapes, join_reshapes, share_transposed
from export.convert.plain import write_plainly
from export.convert.quantize import quantize_weights
from export.convert.recurrent import OPERATORS as RECURRENT
from export.convert.recurrent import Recurrent
from export.convert.text_writer import Writer
from export.runtime.signature import (
    DECODER_KIND,
    ENCODER_KIND,
    GENERATOR_KIND,
    NOISE,
    PRIOR_STEP_KIND,
    SAMPLER_KIND,
    SCORER_KIND,
    Value,
    is_of_texts,
    signature,
)


class Graphs:
    """Converts what a model computes, one kind of file after another.

    Args:
        subject: a `Subject`.
        description: what the files say about the model.
        opset: operator set of all kinds but samplers, which need `noise.OPSET`.
        quantize: how weights are stored.

    Attributes:
        kept: {digest of a weight that "int8" keeps in 16 bits: the error of its
            rounding to 8}; whoever finds them out sets it.
        rounded: digests of the weights of the file made last that can be rounded.
    """

    def __init__(self, subject, description, opset, quantize):
        self.subject, self.description = subject, description
        self.opset, self.quantize = opset, quantize
        self._values = dict(description)
        for kind in (ENCODER_KIND, GENERATOR_KIND):
            self._values.update(metadata.of_kind(subject, kind))
        # With the prior's own file a draw is a loop over its step.
        self._steps = subject.has_codes and subject.record is not None
        self._writer, layers = None, []
        if is_of_texts(description):
            self._writer = Writer(subject.model.decoder, self._values)
            encoder = subject.model.encoder
            if not encoder.is_transformer:
                layers = [*encoder.forwards, *encoder.backwards]
        self._recurrent = Recurrent(layers)
        self.kept, self.rounded = {}, []
        self._converted = {}

    def of(self, kind):
        """(ModelProto, its opset, operators it may hold beside the usual ones)."""
        opset, further = self.opset, frozenset()
        if kind == SAMPLER_KIND:
            opset, further = max(opset, noise.OPSET), noise.OPERATORS
        if self._writer is not None and kind != ENCODER_KIND:
            return self._write(kind, opset), opset, further | code_sampler.LOOP
        if kind in (GENERATOR_KIND, SAMPLER_KIND):
            draw = self._code_draw if self._steps else self._draw
            if self.subject.has_codes:
                further |= code_sampler.LOOP
            return draw(kind, opset), opset, further
        if kind == SCORER_KIND:
            compute = functions.scorer(self.subject.model, self.subject.detector)
            values = signature(kind, self._values)
            return self._convert(kind, compute, *values, opset, None), opset, further
        # The prior stays as it is: rounded weights would draw other codes.
        quantize = None if kind == PRIOR_STEP_KIND else self.quantize
        if self._recurrent.layers:
            further = RECURRENT
        return self._network(kind, opset, quantize), opset, further

    def _network(self, kind, opset, quantize):
        compute = functions.of(self.subject.model)[kind]
        values = signature(kind, self._values)
        return self._convert(kind, compute, *values, opset, quantize)

    def _write(self, kind, opset):
        """A graph of texts, token after token."""
        model, writer = self.subject.model, self._writer
        inputs, outputs = writer.begin_signature(kind)
        if kind == DECODER_KIND:
            name, compute = "begin", functions.text_begin(model)
        else:
            name, compute = "draw", functions.text_draw(model, list(inputs))
        begin = self._convert(name, compute, inputs, outputs, opset, None)
        compute = functions.text_step(model)
        values = writer.step_signature()
        step = self._convert("step of a text", compute, *values, opset, None)
        share_transposed(step)
        step = graph.tidy(step, *values, opset)
        return writer.assemble(begin, step, opset, kind)

    def _draw(self, kind, opset):
        """The model's own draw and decoder, and for a sampler its numbers in front."""
        model = self.subject.model
        numbers, image = signature(GENERATOR_KIND, self._values)
        outputs = {**image, **self._latent_values()}
        compute = functions.generation(model, list(numbers), list(outputs))
        # Priors stay as they are: latents are the same whatever `quantize` is.
        exact = [name for name in outputs if name not in image]
        proto = self._convert(
            "draw", compute, numbers, outputs, opset, self.quantize, exact
        )
        for name in exact:
            _keep_noise_apart(proto.graph, name)
        if kind == SAMPLER_KIND:
            noise.prepend(proto, *model.noise)
        return graph.tidy(proto, *signature(kind, self._values), opset)

    def _latent_values(self):
        """What `_draw` gives beside the image: {name: Value}."""
        groups = self.subject.model.latents
        names = [f"latents of {spec.name}" for spec in groups]
        if self.subject.group is not None:
            groups, names = [self.subject.group], [self.subject.latent_name]
        return {
            name: Value("int32" if spec.is_codes else "float32", ("batch", *spec.shape))
            for name, spec in zip(names, groups, strict=True)
        }

    def _code_draw(self, kind, opset):
        description = self._values
        compute = functions.code_draw(self.subject.model)
        values = code_sampler.step_signature(description)
        step = self._convert("draw of a code", compute, *values, opset, quantize=None)
        decoder = self._network(DECODER_KIND, opset, self.quantize)
        return code_sampler.assemble(step, decoder, description, opset, kind)

    def _convert(self, name, compute, inputs, outputs, opset, quantize, exact=()):
        """A function of tensors as a tidied ModelProto.

        Args:
            name: of the function: what several files hold is converted once.
            compute: takes tensors in the order of `inputs` and returns {name: tensor}.
            inputs, outputs: {name: `signature.Value`}.
            opset: operator set.
            quantize: how weights are stored.
            exact: outputs whose weights stay as they are.
        """
        key = name, opset
        if key not in self._converted:
            with self._recurrent.as_markers():
                self._converted[key] = _convert_anew(
                    compute, inputs, outputs, opset, self._recurrent.handlers
                )
        proto = onnx.ModelProto()
        proto.CopyFrom(self._converted[key])  # callers change theirs
        if quantize:
            graph.check(proto, code_sampler.LOOP)
            self.rounded = quantize_weights(proto, quantize, exact, self.kept)
        return proto


def _convert_anew(compute, inputs, outputs, opset, handlers):
    """A function of tensors as a tidied ModelProto with float32 weights."""
    specs = [
        tf.TensorSpec(
            [size if isinstance(size, int) else None for size in value.shape],
            value.dtype,
            name=name,
        )
        for name, value in inputs.items()
    ]
    proto, _ = tf2onnx.convert.from_function(
        tf.function(compute),
        input_signature=specs,
        opset=opset,
        custom_op_handlers=handlers,
    )
    fix_shapes(proto)
    join_reshapes(proto)
    write_plainly(proto)
    return graph.tidy(proto, inputs, outputs, opset)


def _keep_noise_apart(graph, name):
    """Gives latents that are the scaled noise itself a node of their own.

    What decodes them then is the same, whether they are an output or not.
    """
    for node in graph.node:
        if list(node.output) == [name] and NOISE in node.input:
            scaled = f"scaled {name}"
            for other in graph.node:
                other.input[:] = [scaled if n == name else n for n in other.input]
            node.output[:] = [scaled]
            node = helper.make_node("Identity", [scaled], [name], domain="")
            graph.node.append(node)
            return
