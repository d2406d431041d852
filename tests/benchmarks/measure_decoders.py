"""Presets' decoders where they were trained: each way to call one, in milliseconds.

    KERAS_BACKEND=jax python measure_decoders.py PRESET... [--compile] [--seconds 0.4]

Every call takes latents and gives images as NumPy arrays, as `export.Sampler.decode`
does, on as many threads as the backend likes; `sample` draws the latents, too.
"""

import argparse
import time

import common
import keras

import zoo


def keras_calls(model):
    """What Keras offers on every backend: {name: function of latents}."""
    decoder_input = keras.Input((model.latent_dim,))
    decoder = keras.Model(decoder_input, model.expected_images(decoder_input))
    return {
        "Keras predict": lambda z: decoder.predict(z, verbose=0),
        "Keras sample": lambda z: model.sample(len(z), seed=0),
    }


def tensorflow_calls(model):
    import tensorflow as tf

    jitted = tf.function(model.expected_images, jit_compile=True)
    return {"jitted call": lambda z: jitted(tf.constant(z)).numpy()}


def jax_calls(model):
    import jax
    import numpy as np

    # Weights are constants of the graph, as they are of an exported decoder.
    jitted = jax.jit(model.expected_images)
    return {"jitted call": lambda z: np.asarray(jitted(z))}


def torch_calls(model):
    import torch

    def eager(z):
        with torch.no_grad():
            return model.expected_images(torch.from_numpy(z)).numpy()

    return {"eager call": eager}


def compiled_torch_calls(model):
    import torch

    compiled = torch.compile(model.expected_images, dynamic=False)

    def call(z):
        with torch.no_grad():
            return compiled(torch.from_numpy(z)).numpy()

    return {"torch.compile": call}


OWN_CALLS = {"tensorflow": tensorflow_calls, "jax": jax_calls, "torch": torch_calls}


def measure(preset, compiling, seconds):
    """{call: {images: ms, "first_call_seconds": of the first with 1 and with 64}}."""
    model = zoo.from_preset(preset)
    if compiling:
        functions = compiled_torch_calls(model)
    else:
        own_calls = OWN_CALLS[keras.backend.backend()]
        functions = {**own_calls(model), **keras_calls(model)}
    z = common.latents(model.latent_dim)
    first = {}
    for name, function in functions.items():
        begin = time.perf_counter()
        for images in common.SAMPLE_COUNTS:
            function(z[:images])
        first[name] = time.perf_counter() - begin

    def calls(images):
        return {
            name: lambda function=function: function(z[:images])
            for name, function in functions.items()
        }

    figures = common.measure_calls(calls, seconds)
    for name, taken in first.items():
        figures[name]["first_call_seconds"] = taken
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("presets", nargs="+")
    parser.add_argument("--compile", action="store_true", help="with torch.compile")
    parser.add_argument("--seconds", type=float, default=0.4, help="for each call")
    options = parser.parse_args()
    figures = {
        preset: measure(preset, options.compile, options.seconds)
        for preset in options.presets
    }
    common.print_result({"presets": figures})


if __name__ == "__main__":
    main()
