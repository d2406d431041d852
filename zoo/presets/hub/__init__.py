"""Presets on the Hugging Face hub, as `hf://user/name@revision`: no Keras.

What is downloaded are a preset's JSON and its weights, which `zoo.from_preset` checks
as it does those of any folder: by checksums, and without running code of theirs.
"""
