"""One look for every plot: colours, sizes of text, and bytes that stay the same.

matplotlib is imported when a plot is drawn, and never its pyplot: whatever state the
caller keeps there is left alone.
"""

import contextlib
import io

import numpy as np

# Okabe & Ito's palette, which the colour-blind can tell apart.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
# For classes, in this order; its yellow can hardly be seen on white.
CYCLE = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, BLACK)
# Where colours repeat, another marker tells classes apart.
MARKERS = ("o", "^", "s", "X", "D")
GREY = "#767676"

DPI = 150
# Points. A plot is about 1,100 pixels wide, and shown at half of that or more.
TEXT, TITLE = 10, 12

LOOK = {
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "xtick.labelsize": TEXT - 1,
    "ytick.labelsize": TEXT - 1,
    "legend.fontsize": TEXT - 1,
    "legend.frameon": False,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    # Same plot, same bytes.
    "svg.hashsalt": "vae-zoo",
}
# What would change from one day, or one release of matplotlib, to the next.
METADATA = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


@contextlib.contextmanager
def look():
    """Plots made and saved within look alike, whatever the user's matplotlibrc says.

    Raises:
        ImportError: if matplotlib is missing; says what to install.
    """
    try:
        from matplotlib import style
    except ImportError as error:
        raise ImportError(
            f"Figures need matplotlib, which could not be imported ({error}): "
            'pip install "vae-zoo[plots]".'
        ) from error
    with style.context(LOOK, after_reset=True):
        yield


def new_figure(width, height, **options):
    """An empty `matplotlib.figure.Figure` of so many inches, drawn by Agg."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, **options)
    FigureCanvasAgg(figure)
    return figure


def new_chart(title, rows=1, columns=1, width=7.2, height=3.6):
    """A figure with a title and so many axes: (figure, list of axes, row by row)."""
    figure = new_figure(width, height, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    figure.suptitle(title, x=0.01, ha="left", size=TITLE, weight="bold")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def to_bytes(figure, form):
    """The plot as a file: "png" or "svg"."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=form, metadata=METADATA[form])
    return buffer.getvalue()


def to_pixels(figure):
    """The plot as uint8 (H, W, 3)."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def to_gif(frames, milliseconds):
    """An endless animation of frames, uint8 (F, H, W, 3), as the bytes of a GIF."""
    from PIL import Image

    frames = np.asarray(frames)
    # One palette for all: with one each, colours would flicker.
    every = Image.fromarray(frames.reshape(-1, *frames.shape[2:]))
    palette = every.quantize(256, method=Image.Quantize.MEDIANCUT)
    colours = np.reshape(palette.getpalette(), (-1, 3))
    # The page is white, which Pillow takes for any colour this close to it.
    colours[colours.min(axis=1) >= 248] = 255
    palette.putpalette(colours.ravel().tolist())
    pictures = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in frames
    ]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        "gif",
        save_all=True,
        append_images=pictures[1:],
        duration=milliseconds,
        loop=0,
        optimize=False,
    )
    return buffer.getvalue()


def signed(value):
    """A number with its sign and one decimal, such as "+0.5"."""
    return "0" if abs(value) < 0.05 else f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def text_width(text, size=TEXT, weight="normal"):
    """Pixels that a line of text is wide."""
    from matplotlib.font_manager import FontProperties

    renderer = new_figure(1, 1).canvas.get_renderer()
    font = FontProperties(size=size, weight=weight)
    return int(np.ceil(renderer.get_text_width_height_descent(text, font, False)[0]))


def text_height(size=TEXT):
    """Pixels from one line of text to the next."""
    return round(1.4 * size * DPI / 72)
