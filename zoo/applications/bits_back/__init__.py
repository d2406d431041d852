"""Lossless compression of images by a model: bits-back coding.

`stack` is the one entropy coder, `rounding` makes what it is given the same numbers
everywhere; `latents`, `ladders` and `codes` each code the images of one kind of model,
`levels` their pixels given latents; `blocks` walks through the images, and `container`
is the file.
"""
