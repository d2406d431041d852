"""A sign of life while images are read."""

from recipes.common.progress import working
from recipes.data.locations import import_early


def reading_images(console=None):
    """`working` around `recipes.data.load_images`."""
    import_early()
    return working("Reading the images", console)
