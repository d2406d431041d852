"""Draws what a model shows, and puts it on one page with all that is known of it."""

import base64
from typing import NamedTuple

from rich.progress import track

from recipes import plots
from recipes.common.console import Terminal
from recipes.common.files import check_output, write_whole
from recipes.data.reading import print_report
from recipes.documents.examples import example_rows, text_examples
from recipes.documents.pages import get_template
from recipes.documents.report import about, usage
from recipes.documents.surprise import MOST, surprising_texts
from recipes.plots import needs


class Picture(NamedTuple):
    """A drawn kind of plot: its heading, what is seen, and the file as an address."""

    name: str
    title: str
    caption: str
    address: str


def write_report(
    source,
    out,
    *,
    data=None,
    data_dir=None,
    backend=None,
    seed=0,
    overwrite=False,
    console=None,
    address=None,
    strict=False,
    invert=False,
):
    """Writes the page: no file beside it, no address outside it, no script.

    Args:
        source: name or folder of a preset, folder of a run, or an exported file or
            folder; of the last, without Keras.
        out: the .html file to write.
        data: what `recipes.data.load_images` takes, instead of the preset's own data.
        data_dir: folder of prepared TFDS data sets.
        backend: "tensorflow", "jax" or "torch"; None takes one that is installed.
        seed: fixes what is drawn.
        overwrite: replace a file.
        console: `rich.console.Console` for progress.
        address: what the page's code calls the model, where `source` is about to move.
        strict, invert: as `recipes.data.load_images` takes them.

    Returns:
        list of sentences: why which kinds of plots are missing.

    Raises:
        ValueError, OSError, ImportError: if source, file or packages are not usable.
    """
    out = check_output(out, overwrite, ".html")
    # Before the work that its absence would waste.
    template = get_template("report.html.j2")
    known = about.about(source, address)
    subject = plots.open_subject(
        source,
        data=data,
        data_dir=data_dir,
        backend=backend,
        seed=seed,
        strict=strict,
        invert=invert,
    )
    console = console or Terminal(stderr=True)
    # Asked for, so that their absence is no footnote.
    if data is not None:
        print_report(subject.images.report, console)
    pictures, missing = _draw(subject, console)
    tables, surprising = [], []
    if subject.of_texts and subject.sees_images:
        texts, labels = subject.images.images, subject.network_labels()
        examples = text_examples(subject.model, texts, labels, seed)
        tables, surprising = example_rows(examples), surprising_texts(subject, seed)
    elif subject.of_texts and subject.preset:
        missing.append(f"Texts of its own: {subject.why_no_images}")
        tables = example_rows(subject.preset.entry("examples"))
    # A model of attributes draws samples, though no plot can choose them.
    can_sample = not subject.no_model and subject.why_no_samples() is None
    page = template.render(
        about=known,
        pictures=pictures,
        missing=missing,
        tables=list(tables),
        surprising=surprising,
        most_surprise=f"{MOST:g}",
        code=usage.blocks(known, can_sample),
    )
    write_whole(out, page.encode())
    return missing


def _draw(subject, console):
    """(pictures of the kinds that fit, why the others do not)."""
    reasons = [(kind, kind.why_not(subject)) for kind in plots.KINDS.values()]
    # All plots of images have the same to say of a model of texts.
    missing = [
        f"{kind.title}: {why}"
        for kind, why in reasons
        if why and why != needs.no_images(subject)
    ]
    if of_texts := needs.no_images(subject):
        missing.append(of_texts)
    fitting = [kind for kind, why in reasons if not why]
    pictures = []
    for kind in track(fitting, "Drawing", console=console, transient=True):
        form = "gif" if kind.animated else "png"
        content = base64.b64encode(plots.render(kind.name, subject, form)).decode()
        caption = plots.caption(kind.name, subject)
        address = f"data:image/{form};base64,{content}"
        pictures.append(Picture(kind.name, kind.title, caption, address))
    return pictures, missing
