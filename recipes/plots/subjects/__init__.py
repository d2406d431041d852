"""What figures are drawn of: presets, runs and exported files behind one interface."""

from recipes.plots.subjects.opening import open_subject
from recipes.plots.subjects.subject import ImageSet, Subject

__all__ = ["Subject", "ImageSet", "open_subject"]
