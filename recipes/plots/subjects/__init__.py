"""What plots are drawn of: presets, runs and exported files behind one interface."""

from recipes.plots.subjects.image_set import ImageSet
from recipes.plots.subjects.opening import open_subject
from recipes.plots.subjects.subject import Subject

__all__ = ["ImageSet", "Subject", "open_subject"]
