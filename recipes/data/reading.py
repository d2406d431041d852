"""What a person sees while images are read, and what is said of them then."""

from recipes.common.progress import working
from recipes.data.locations import import_early


def reading_images(console=None):
    """`working` around `recipes.data.load_images`."""
    return reading_data(console)


def reading_data(console=None, texts=False):
    """`working` around `recipes.data.forms.load_data`, of images or of texts."""
    import_early()
    return working(f"Reading the {'texts' if texts else 'images'}", console)


def print_report(report, console):
    """Prints the report of an `ImageData`, which is not the main thing on screen."""
    for line in report:
        console.print(line, style="dim", markup=False, highlight=False)
