"""Encoders and decoders: Keras layers from images to numbers and back."""
